"""What a loader worker does to one image: decode, resize, draw the ground truth. No network, no device."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import PIL.Image
import torch.utils.data
import torchvision.transforms.functional as TF
from numpy.typing import NDArray
from torchvision.transforms import InterpolationMode

from ..errors import RaybenchError
from .datasets import Dataset, Point, Query, Sample, Size
from .protocol import Protocol

__all__ = ["Needs", "Prepared", "PreparedImages", "centre_crop", "query_seed", "to_pixels", "whole_image"]

_NOTHING = Size(0, 0)

Pixels = NDArray[np.uint8]
Masks = NDArray[np.bool_]


@dataclass(frozen=True)
class Needs:
    """Which inputs the metrics and methods of a run ask for; the rest is not computed."""

    pixels: bool = False
    masks: bool = False
    crop: bool = False
    square: bool = False


@dataclass(frozen=True)
class Prepared:
    """One image, ready for batching.

    Attributes:
        image_id, size, targets, notes: as in `Sample`.
        class_index: (K,) int64, one per query.
        seeds: K integers that depend on the suite's seed and the query alone.
        pixels: (h, w, 3) uint8, the whole image with its shorter side at the protocol's length.
        crop: (c, c, 3) uint8, the centre crop for top-1 and top-5 accuracy.
        square: (s, s, 3) uint8, the squashed image for F1.
        masks, near: (K, H, W) bool at the size of the original image.
        queries: the regions themselves, for methods that ask about single points.
        error: why the image cannot be used, or empty; then the other fields are empty too.
    """

    image_id: str
    path: str
    size: Size = _NOTHING
    targets: tuple[int, ...] = ()
    notes: tuple[str, ...] = ()
    class_index: NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, np.int64))
    seeds: tuple[int, ...] = ()
    pixels: Pixels | None = None
    crop: Pixels | None = None
    square: Pixels | None = None
    masks: Masks | None = None
    near: Masks | None = None
    queries: tuple[Query, ...] = ()
    error: str = ""

    def at(self, point: Point, tolerance_px: float) -> tuple[Masks, Masks]:
        """Return `masks` and `near` at one pixel only: (K, 1, 1) bool each."""
        if self.masks is not None and self.near is not None:
            window = (slice(None), slice(point.y, point.y + 1), slice(point.x, point.x + 1))
            return self.masks[window], self.near[window]
        distances = np.array([query.region.distance(point) for query in self.queries])[:, None, None]
        return distances == 0, distances < tolerance_px


class PreparedImages(torch.utils.data.Dataset[Prepared]):
    """A dataset seen through a protocol. Mistakes in single images are returned, not raised."""

    def __init__(
        self, dataset: Dataset, indices: Sequence[int], protocol: Protocol, needs: Needs, seed: int
    ) -> None:
        """Prepare the images `indices` of `dataset`."""
        self.dataset = dataset
        self.indices = list(indices)
        self.protocol = protocol
        self.needs = needs
        self.seed = seed

    def __len__(self) -> int:
        return len(self.indices)

    def __getitem__(self, position: int) -> Prepared:
        """Read and prepare one image."""
        index = self.indices[position]
        image_id, path = self.dataset.image_ids[index], self.dataset.path_of(index)
        try:
            sample = self.dataset[index]
        except RaybenchError as error:
            return Prepared(image_id, path, error=str(error))
        return self._prepare(sample, path)

    def _prepare(self, sample: Sample, path: str) -> Prepared:
        protocol, needs, image = self.protocol, self.needs, sample.image
        masks = near = pixels = crop = square = None
        if needs.masks:
            shape = (len(sample.queries), *sample.size)
            masks, near = np.empty(shape, np.bool_), np.empty(shape, np.bool_)
            for row, query in enumerate(sample.queries):
                masks[row] = query.region.mask()
                near[row] = query.region.near(protocol.tolerance_px)
        if image is not None:
            if needs.pixels and sample.queries:
                pixels = to_pixels(whole_image(image, protocol.short_side))
            if needs.crop:
                crop = to_pixels(centre_crop(image, protocol.crop_resize, protocol.crop))
            if needs.square:
                square = to_pixels(image.resize((protocol.f1_size,) * 2, PIL.Image.Resampling.BILINEAR))
        return Prepared(
            image_id=sample.image_id,
            path=path,
            size=sample.size,
            targets=sample.targets,
            notes=sample.notes,
            class_index=np.array([query.class_index for query in sample.queries], dtype=np.int64),
            seeds=tuple(
                query_seed(self.seed, sample.image_id, query.class_index) for query in sample.queries
            ),
            pixels=pixels,
            crop=crop,
            square=square,
            masks=masks,
            near=near,
            queries=() if needs.masks else sample.queries,
        )


def query_seed(seed: int, image_id: str, class_index: int) -> int:
    """Return a seed that depends on the suite's seed and the query alone: below 2**63."""
    digest = hashlib.blake2b(f"{seed}/{image_id}/{class_index}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") >> 1


def whole_image(image: PIL.Image.Image, short_side: int) -> PIL.Image.Image:
    """Resize so that the shorter side has `short_side` pixels, by Pillow's antialiased bilinear filter."""
    resized: PIL.Image.Image = TF.resize(image, [short_side], InterpolationMode.BILINEAR)
    return resized


def centre_crop(image: PIL.Image.Image, short_side: int, side: int) -> PIL.Image.Image:
    """Resize the shorter side, then cut a square of `side` pixels from the centre."""
    crop: PIL.Image.Image = TF.center_crop(whole_image(image, short_side), [side])
    return crop


def to_pixels(image: PIL.Image.Image) -> Pixels:
    """Return the picture as (h, w, 3) uint8."""
    return np.array(image, dtype=np.uint8)
