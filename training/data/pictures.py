"""Pictures to train and validate on: generated scenes in memory, or files on disk."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias

import numpy as np
import PIL.Image
import torch
import torch.nn.functional as F
from torch import Tensor
from torchvision.transforms import functional as TF

from ...benchmark.datasets import draw_scene, read_picture
from ...benchmark.loading import centre_crop, to_pixels
from ..recipe.recipe import Recipe, ShapesScenes
from .crops import clamped_crop, draw_crop_box
from .targets import SingleLabels, Targets


@dataclass(frozen=True, eq=False)
class ScenePictures:
    """Generated scenes, held in memory; validation sees whole pictures.

    Attributes:
        images: each (3, h, w) uint8, RGB, all of the same shorter side.
        recipe: gives the size of crops.
    """

    name: str
    images: Sequence[Tensor] = field(repr=False)
    targets: SingleLabels
    recipe: Recipe
    problems: tuple[str, ...] = ()
    in_memory: bool = True

    def __len__(self) -> int:
        return len(self.images)

    @property
    def ids(self) -> Sequence[str]:
        """Numbers."""
        return [str(index) for index in range(len(self))]

    @property
    def trainable(self) -> Sequence[int]:
        """All."""
        return range(len(self))

    def training_view(self, index: int, generator: torch.Generator) -> Tensor:
        """Return a random crop (3, s, s) uint8."""
        return clamped_crop(self.images[index], self.recipe.crop, self.recipe.smallest_crop, generator)

    def validation_view(self, index: int) -> Tensor:
        """Return the picture (3, h, w) uint8."""
        return self.images[index]


def draw_scenes(scenes: ShapesScenes, short_side: int) -> tuple[list[Tensor], SingleLabels]:
    """Draw scenes and bring their shorter side to `short_side`, bilinearly with antialiasing.

    Returns:
        Images, each (3, h, w) uint8, and their classes.
    """
    images, labels = [], []
    for index in range(scenes.images):
        scene = draw_scene(scenes.seed, index, context=scenes.context)
        height, width, _ = scene.pixels.shape
        size = [short_side * side // min(height, width) for side in (height, width)]
        pixels = torch.from_numpy(scene.pixels).permute(2, 0, 1)[None]
        images.append(F.interpolate(pixels, size, mode="bilinear", antialias=True)[0].contiguous())
        labels.append(scene.objects[0].class_index)
    return images, SingleLabels(np.array(labels, np.int64))


@dataclass(frozen=True, eq=False)
class FilePictures:
    """Pictures on disk.

    Attributes:
        ids, paths: of the files.
        targets: the classes of the pictures.
        trainable: positions of the pictures that hold a class; the others serve as negatives only.
        recipe: gives the size of pictures and crops.
        square: whether validation squeezes the whole picture into a square, as F1 is measured, or crops its
            centre, as accuracy is.
        problems: why pictures and annotations were left out, one sentence each.
    """

    name: str
    ids: Sequence[str] = field(repr=False)
    paths: Sequence[str] = field(repr=False)
    targets: Targets = field(repr=False)
    trainable: Sequence[int] = field(repr=False)
    recipe: Recipe
    square: bool
    problems: tuple[str, ...] = field(default=(), repr=False)
    in_memory: bool = False

    def __len__(self) -> int:
        return len(self.paths)

    def training_view(self, index: int, generator: torch.Generator) -> Tensor:
        """Return a crop (3, s, s) uint8 as of torchvision's `RandomResizedCrop`, mirrored half of the time.

        Raises:
            UnreadableImageError: names the file.
        """
        picture = read_picture(Path(self.paths[index]))
        box = draw_crop_box(picture.height, picture.width, self.recipe.smallest_crop, generator)
        # torchvision passes sizes on to Pillow, which reads only what the crop needs
        crop: PIL.Image.Image = TF.resized_crop(picture, *box, size=[self.recipe.crop] * 2)
        if float(torch.rand(1, generator=generator)) < 0.5:
            crop = crop.transpose(PIL.Image.Transpose.FLIP_LEFT_RIGHT)
        return _to_tensor(crop)

    def validation_view(self, index: int) -> Tensor:
        """Return the picture (3, h, w) uint8 as accuracy or F1 is measured on it."""
        picture = read_picture(Path(self.paths[index]))
        if self.square:
            return _to_tensor(picture.resize((self.recipe.crop,) * 2, PIL.Image.Resampling.BILINEAR))
        return _to_tensor(centre_crop(picture, self.recipe.short_side, self.recipe.crop))


Pictures: TypeAlias = ScenePictures | FilePictures


def _to_tensor(picture: PIL.Image.Image) -> Tensor:
    return torch.from_numpy(to_pixels(picture)).permute(2, 0, 1)
