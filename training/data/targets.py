"""What training pictures show, held compactly, and which pictures lack a class."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ...base import RaybenchError


@dataclass(frozen=True, eq=False)
class SingleLabels:
    """One class per picture.

    Attributes:
        labels: (N,) int64.
    """

    labels: NDArray[np.int64]

    @functools.cached_property
    def _sorted(self) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
        """Classes that occur (K,); where each begins, and the end (K + 1,), in the pictures by class (N,)."""
        present, begins = np.unique(np.sort(self.labels), return_index=True)
        return present, np.append(begins, len(self)), np.argsort(self.labels, kind="stable")

    def __len__(self) -> int:
        return len(self.labels)

    def target(self, index: int) -> Tensor:
        """What the picture's loss is computed from: its class () int64."""
        return torch.tensor(int(self.labels[index]))

    def draw_class(self, index: int, generator: torch.Generator) -> int:
        """The one class."""
        return int(self.labels[index])

    def draw_negatives(self, class_index: int, generator: torch.Generator) -> list[int]:
        """Draw three other classes evenly, which may repeat, and one picture of each; as published."""
        present, bounds, order = self._sorted
        others = np.flatnonzero(present != class_index)
        if not len(others):
            raise RaybenchError(f"no negatives for class {class_index}: all pictures are of it")
        chosen = others[torch.randint(len(others), (3,), generator=generator).numpy()]
        return [int(order[_below(int(bounds[k]), int(bounds[k + 1]), generator)]) for k in chosen]

    def class_without_negatives(self) -> int | None:
        """Return a class that every picture holds, if there is one."""
        present, _, _ = self._sorted
        return int(present[0]) if len(present) == 1 else None


@dataclass(frozen=True, eq=False)
class LabelBits:
    """Several classes per picture, one bit each: 80 classes of 82,783 pictures take 0.8 MB.

    Attributes:
        bits: (N, ceil(C / 8)) uint8, most significant bit first.
        classes: C.
    """

    bits: NDArray[np.uint8]
    classes: int

    @classmethod
    def pack(cls, held: Sequence[Iterable[int]], classes: int) -> LabelBits:
        """Make bits from the class indices that each picture holds."""
        bits = np.zeros((len(held), -(-classes // 8)), np.uint8)
        for row, indices in enumerate(held):
            for index in indices:
                bits[row, index >> 3] |= 0x80 >> (index & 7)
        return cls(bits, classes)

    def __len__(self) -> int:
        return len(self.bits)

    def target(self, index: int) -> Tensor:
        """What the picture's loss is computed from: its classes (C,) bool."""
        return torch.from_numpy(self._unpacked(index))

    def draw_class(self, index: int, generator: torch.Generator) -> int:
        """Draw one of the picture's classes evenly."""
        held = np.flatnonzero(self._unpacked(index))
        return int(held[_below(0, len(held), generator)])

    def draw_negatives(self, class_index: int, generator: torch.Generator) -> list[int]:
        """Draw three pictures that lack the class; they repeat only where fewer than three lack it."""
        lacking = np.flatnonzero(~self._holding(class_index))
        if not len(lacking):
            raise RaybenchError(f"no negatives for class {class_index}: every picture holds it")
        picks: list[int] = []
        while len(picks) < 3:
            pick = int(lacking[_below(0, len(lacking), generator)])
            if pick not in picks or len(picks) >= len(lacking):
                picks.append(pick)
        return picks

    def class_without_negatives(self) -> int | None:
        """Return a class that every picture holds, if there is one."""
        full = [index for index in range(self.classes) if len(self) and self._holding(index).all()]
        return full[0] if full else None

    def _unpacked(self, index: int) -> NDArray[np.bool_]:
        return np.unpackbits(self.bits[index], count=self.classes).astype(np.bool_)

    def _holding(self, class_index: int) -> NDArray[np.bool_]:
        """Whether each picture holds the class: (N,)."""
        held: NDArray[np.bool_] = (self.bits[:, class_index >> 3] & (0x80 >> (class_index & 7))) != 0
        return held


Targets: TypeAlias = SingleLabels | LabelBits
"""The classes of N pictures."""


def _below(first: int, end: int, generator: torch.Generator) -> int:
    """Draw an integer from first to end - 1."""
    return int(torch.randint(first, end, (1,), generator=generator))
