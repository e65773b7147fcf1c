"""What a loader worker does to one image: decode, resize, draw the ground truth. No network, no device."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import torch
import torch.utils.data
from numpy.typing import NDArray
from torch import Tensor

from ...base import Box, RaybenchError, Size, seed_for, worded
from ...checkpoints import Card
from ..datasets import Dataset, Sample, encoded_bytes, open_picture, reading_by, unaffordable
from ..suite import Protocol
from .frames import Frame, View, frame_of
from .views import Pixels, to_pixels, too_narrow, worker_view

_NOTHING = Size(0, 0)

Masks = NDArray[np.bool_]


@dataclass(frozen=True)
class Needs:
    """What the metrics and methods of a run ask for; the rest is not computed.

    Attributes:
        views: what the network is shown.
        masks: the ground truth at every pixel.
        middle: of the ground truth only the pixels around the middle of the image, which is all that is read
            of it where every map is the middle pixel alone.
    """

    views: frozenset[View] = frozenset()
    masks: bool = False
    middle: bool = False


@dataclass(frozen=True)
class Prepared:
    """One image, ready for batching.

    Attributes:
        image_id, size, targets, notes: as in `Sample`.
        class_index: (K,) int64, one per query.
        seeds: K integers that depend on the suite's seed and the query alone.
        image_seed: an integer that depends on the suite's seed and the image alone.
        input_size: height and width of the `whole` view, or None if the image is not asked about.
        views: (h, w, 3) uint8 of each view, where Pillow resizes.
        picture: what the device resizes, else None: a decoded picture (H, W, 3) uint8, or a JPEG file (n,)
            uint8, or after it was decoded on the device (3, H, W) uint8.
        masks, near: (K, H, W) bool at the size of the original image; or of its middle, up to (K, 3, 3).
        boxes: of the objects of each query, as in `Region`.
        subsets: that each query belongs to.
        error: why the image cannot be used, or empty; then the other fields are empty too.
    """

    image_id: str
    path: str
    size: Size = _NOTHING
    targets: tuple[int, ...] = ()
    notes: tuple[str, ...] = ()
    class_index: NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, np.int64))
    seeds: tuple[int, ...] = ()
    image_seed: int = 0
    input_size: Size | None = None
    views: Mapping[View, Pixels] = field(default_factory=dict)
    picture: Pixels | Tensor | None = None
    masks: Masks | None = None
    near: Masks | None = None
    boxes: tuple[tuple[Box, ...], ...] = ()
    subsets: tuple[tuple[str, ...], ...] = ()
    error: str = ""

    def without_pixels(self) -> Prepared:
        """Return what there is to say about the image."""
        return replace(self, views={}, picture=None, masks=None, near=None)

    def __getstate__(self) -> dict[str, Any]:
        """Hand large arrays to another process as tensors, which go through shared memory."""
        return {name: _as_tensors(value) for name, value in vars(self).items()}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Take them back as arrays."""
        vars(self).update({name: _as_arrays(value) for name, value in state.items()})


def _as_tensors(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _as_tensors(one) for key, one in value.items()}
    return torch.from_numpy(value) if isinstance(value, np.ndarray) and value.flags.writeable else value


def _as_arrays(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _as_arrays(one) for key, one in value.items()}
    # a copy: shared memory keeps a file open, and a process may have few of those
    return value.numpy().copy() if isinstance(value, Tensor) else value


class PreparedImages(torch.utils.data.Dataset[Prepared]):
    """A dataset seen through a protocol. Mistakes in single images are returned, not raised."""

    def __init__(
        self,
        dataset: Dataset,
        indices: Sequence[int],
        protocol: Protocol,
        needs: Needs,
        seed: int,
        card: Card | None = None,
    ) -> None:
        """Prepare the images `indices` of `dataset` for the network of a card."""
        self.dataset = reading_by(open_picture, dataset) if protocol.decode == "device" else dataset
        self.indices = list(indices)
        self.protocol = protocol
        self.needs = needs
        self.seed = seed
        self.card = card

    def seen_by(self, card: Card) -> PreparedImages:
        """Return the same images for the network of a card."""
        return PreparedImages(self.dataset, self.indices, self.protocol, self.needs, self.seed, card)

    @functools.cached_property
    def frames(self) -> Mapping[View, Frame]:
        """How each view that is needed is made."""
        return {view: frame_of(view, self.protocol, self.card) for view in sorted(self.needs.views)}

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
        except Exception as error:  # a reader may be a stranger's
            return Prepared(image_id, path, error=f"{path}: its reader has failed: {worded(error)}")
        unknown = _unknown_class(sample, len(self.dataset.classes))
        if unknown:
            return Prepared(image_id, path, error=f"{path}: {unknown}")
        extreme = self._too_extreme(sample, path)
        return Prepared(image_id, path, error=extreme) if extreme else self._prepare(sample, path)

    def _prepare(self, sample: Sample, path: str) -> Prepared:
        protocol, needs, image = self.protocol, self.needs, sample.image
        masks = near = picture = input_size = None
        views: dict[View, Pixels] = {}
        if needs.masks:
            masks, near = _ground_truth(sample, protocol.tolerance_px, middle=needs.middle)
        shown = self._shown(sample)
        if image is not None and shown:
            if "whole" in shown:
                input_size = shown["whole"].view_size(Size(image.height, image.width))
            if protocol.resize != "device":
                views = {view: worker_view(image, frame, protocol) for view, frame in shown.items()}
            else:
                picture = encoded_bytes(image)
                picture = to_pixels(image) if picture is None else picture
        return Prepared(
            image_id=sample.image_id,
            path=path,
            size=sample.size,
            targets=sample.targets,
            notes=sample.notes,
            class_index=np.array([query.class_index for query in sample.queries], dtype=np.int64),
            seeds=tuple(seed_for(self.seed, sample.image_id, query.class_index) for query in sample.queries),
            image_seed=seed_for(self.seed, sample.image_id),
            input_size=input_size,
            views=views,
            picture=picture,
            masks=masks,
            near=near,
            boxes=tuple(query.region.boxes for query in sample.queries),
            subsets=tuple(query.subsets for query in sample.queries),
        )

    def _shown(self, sample: Sample) -> Mapping[View, Frame]:
        """How the views of a picture are made; maps are made of those alone that something asks about."""
        return {view: frame for view, frame in self.frames.items() if view != "whole" or sample.queries}

    def _too_extreme(self, sample: Sample, path: str) -> str:
        """Say why a picture cannot be shown to a network, or its maps not be scored; empty if they can."""
        too_large = unaffordable(sample.size, len(sample.queries)) if self.needs.masks else ""
        if too_large:
            return f"{path}: {too_large}"
        if sample.image is None:
            return ""
        told = too_narrow(Size(sample.image.height, sample.image.width), self._shown(sample).values())
        return f"{path} {told}" if told else ""


def _ground_truth(sample: Sample, tolerance_px: float, *, middle: bool) -> tuple[Masks, Masks]:
    """Draw the regions of all queries and what is near them: (K, H, W) each, or their middle."""
    rows, columns = (
        slice(max(0, length // 2 - 1), min(length, length // 2 + 2)) if middle else slice(0, length)
        for length in sample.size
    )
    shape = (len(sample.queries), rows.stop - rows.start, columns.stop - columns.start)
    masks, near = np.empty(shape, np.bool_), np.empty(shape, np.bool_)
    for row, query in enumerate(sample.queries):
        if middle:
            masks[row], near[row] = query.region.window(rows, columns, tolerance_px)
        else:
            masks[row], near[row] = query.region.mask(), query.region.near(tolerance_px)
    return masks, near


def _unknown_class(sample: Sample, classes: int) -> str:
    """Say which class of a sample is none of so many; empty if all are."""
    for index in (*(query.class_index for query in sample.queries), *sample.targets):
        if not 0 <= index < classes:
            return f"class {index} is none of the {classes} classes of the dataset's list, counted from 0"
    return ""
