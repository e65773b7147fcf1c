"""What goes through the network together, and what of it has one original size."""

from __future__ import annotations

import functools
from collections import defaultdict
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from ...base import Box, Size
from .preparation import Prepared
from .transfer import send_joined


@dataclass(frozen=True, eq=False)
class Batch:
    """Images that go through the network together: equal in input size, not in original size.

    What several methods ask for is made once, and sent to a device once.
    """

    images: tuple[Prepared, ...]

    @functools.cached_property
    def image_index(self) -> Tensor:
        """Row of `images` that each query asks about: (N,) int64."""
        counts = torch.tensor([len(image.class_index) for image in self.images])
        return torch.arange(len(self.images)).repeat_interleave(counts)

    @functools.cached_property
    def class_index(self) -> Tensor:
        """Class that each query asks about: (N,) int64."""
        return torch.from_numpy(np.concatenate([image.class_index for image in self.images]))

    @functools.cached_property
    def by_size(self) -> tuple[SameSize, ...]:
        """The images that are asked about, by original size."""
        positions: dict[Size, list[int]] = defaultdict(list)
        for position, image in enumerate(self.images):
            if len(image.class_index):
                positions[image.size].append(position)
        return tuple(
            SameSize(
                tuple(self.images[position] for position in chosen),
                size,
                torch.isin(self.image_index, torch.tensor(chosen)).nonzero().squeeze(1),
            )
            for size, chosen in positions.items()
        )


@dataclass(eq=False)
class SameSize:
    """Images of a batch that have one original size.

    Attributes:
        queries: (N,) int64, the rows of their queries among the batch's.
    """

    images: tuple[Prepared, ...]
    size: Size
    queries: Tensor
    _sent: tuple[Tensor, Tensor, Tensor] | None = None

    @property
    def boxes(self) -> tuple[tuple[Box, ...], ...]:
        """Of the objects of each query."""
        return tuple(boxes for image in self.images for boxes in image.boxes)

    def on(self, device: torch.device) -> tuple[Tensor, Tensor, Tensor]:
        """Return `queries`, and the masks and near pixels (N, H, W) bool of the queries, on a device."""
        if self._sent is None:
            masks, near = ([getattr(image, name) for image in self.images] for name in ("masks", "near"))
            queries = send_joined([self.queries.numpy()], device)
            self._sent = queries, send_joined(masks, device), send_joined(near, device)
        return self._sent
