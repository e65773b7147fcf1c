"""Pictures to train and validate on: generated scenes in memory, or files on disk."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import numpy as np
import PIL.Image
import torch
import torch.nn.functional as F
from torch import Tensor
from torchvision.transforms import functional as TF

from ...benchmark.datasets import draw_scene, read_picture
from ...benchmark.loading import centre_crop, to_pixels
from ..recipe.recipe import ShapesScenes
from .crops import clamped_crop, draw_crop_box
from .targets import SingleLabels, Targets

__all__ = ["FilePictures", "Pictures", "ScenePictures", "Views", "draw_scenes"]


@dataclass(frozen=True)
class Views:
    """How pictures are shown to a network.

    Attributes:
        short_side: pixels of a picture's shorter side before the centre crop of validation.
        crop: side of the network's square input, in pixels.
        smallest_crop: smallest share of a picture that a training crop shows.
    """

    short_side: int
    crop: int
    smallest_crop: float


class Pictures(Protocol):
    """A set of pictures and what they show."""

    @property
    def name(self) -> str:
        """What messages call the set."""

    @property
    def ids(self) -> Sequence[str]:
        """One name per picture."""

    @property
    def targets(self) -> Targets:
        """The classes of the pictures."""

    @property
    def trainable(self) -> Sequence[int]:
        """Positions of the pictures that hold a class; the others serve as negatives only."""

    @property
    def in_memory(self) -> bool:
        """Whether a picture is at hand without reading a file."""

    def __len__(self) -> int: ...

    def training_view(self, index: int, generator: torch.Generator) -> Tensor:
        """Return a random crop (3, s, s) uint8; raises `UnreadableImageError`, which names the file."""

    def validation_view(self, index: int) -> Tensor:
        """Return the picture (3, h, w) uint8 as accuracy or F1 is measured on it."""


@dataclass(frozen=True, eq=False)
class ScenePictures:
    """Generated scenes, held in memory; validation sees whole pictures.

    Attributes:
        images: each (3, h, w) uint8, RGB, all of the same shorter side.
    """

    name: str
    images: Sequence[Tensor] = field(repr=False)
    targets: SingleLabels
    views: Views
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
        """See `Pictures`."""
        return clamped_crop(self.images[index], self.views.crop, self.views.smallest_crop, generator)

    def validation_view(self, index: int) -> Tensor:
        """See `Pictures`."""
        return self.images[index]


def draw_scenes(scenes: ShapesScenes, views: Views) -> ScenePictures:
    """Draw scenes and bring their shorter side to `views.short_side`, bilinearly with antialiasing."""
    images, labels = [], []
    for index in range(scenes.images):
        scene = draw_scene(scenes.seed, index, context=scenes.context)
        height, width, _ = scene.pixels.shape
        size = [views.short_side * side // min(height, width) for side in (height, width)]
        pixels = torch.from_numpy(scene.pixels).permute(2, 0, 1)[None]
        images.append(F.interpolate(pixels, size, mode="bilinear", antialias=True)[0].contiguous())
        labels.append(scene.objects[0].class_index)
    targets = SingleLabels(np.array(labels, np.int64))
    return ScenePictures(f"scenes of series {scenes.seed}", images, targets, views)


@dataclass(frozen=True, eq=False)
class FilePictures:
    """Pictures on disk.

    Attributes:
        paths: of the files.
        square: whether validation squeezes the whole picture into a square, as F1 is measured, or crops its
            centre, as accuracy is.
        problems: why pictures and annotations were left out, one sentence each.
    """

    name: str
    ids: Sequence[str] = field(repr=False)
    paths: Sequence[str] = field(repr=False)
    targets: Targets = field(repr=False)
    trainable: Sequence[int] = field(repr=False)
    views: Views
    square: bool
    problems: tuple[str, ...] = field(default=(), repr=False)
    in_memory: bool = False

    def __len__(self) -> int:
        return len(self.paths)

    def training_view(self, index: int, generator: torch.Generator) -> Tensor:
        """See `Pictures`: torchvision's `RandomResizedCrop` and a mirror image half of the time."""
        picture = read_picture(Path(self.paths[index]))
        box = draw_crop_box(picture.height, picture.width, self.views.smallest_crop, generator)
        # torchvision passes sizes on to Pillow, which reads only what the crop needs
        crop: PIL.Image.Image = TF.resized_crop(picture, *box, size=[self.views.crop] * 2)
        if float(torch.rand(1, generator=generator)) < 0.5:
            crop = crop.transpose(PIL.Image.Transpose.FLIP_LEFT_RIGHT)
        return _to_tensor(crop)

    def validation_view(self, index: int) -> Tensor:
        """See `Pictures`."""
        picture = read_picture(Path(self.paths[index]))
        if self.square:
            return _to_tensor(picture.resize((self.views.crop,) * 2, PIL.Image.Resampling.BILINEAR))
        return _to_tensor(centre_crop(picture, self.views.short_side, self.views.crop))


def _to_tensor(picture: PIL.Image.Image) -> Tensor:
    return torch.from_numpy(to_pixels(picture)).permute(2, 0, 1)
