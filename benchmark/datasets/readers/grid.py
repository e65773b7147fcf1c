"""Composes grids of pictures of distinct classes, for the grid pointing game."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np
import PIL.Image

from ....base import Box, RaybenchError, Size
from ....checkpoints import ClassList
from ..files import fingerprint_of
from ..interface import dataset
from ..region import BoxRegion
from ..sample import AnnotationError, Dataset, InOrder, Query, Sample, class_of

MOST_PER_SIDE = 10
LARGEST_CELL_PX = 1024


@dataclass(eq=False)
class Grid(InOrder):
    """Grids of n x n pictures of a single-label dataset; see `open_grid`."""

    source: Dataset
    n: int
    count: int
    cell: int
    seed: int
    name: str = "grid"
    multilabel: bool = True
    has_images: bool = True

    def __post_init__(self) -> None:
        self.classes: ClassList = self.source.classes
        self.image_ids = tuple(f"grid{self.n}-{number:05d}" for number in range(self.count))

    def __getitem__(self, index: int) -> Sample:
        """See `Dataset`; raises `UnreadableImageError` if one of the pictures does not decode."""
        side = self.n * self.cell
        picture = PIL.Image.new("RGB", (side, side))
        queries = []
        for place, (position, class_index) in enumerate(self.cells(index)):
            row, column = divmod(place, self.n)
            x, y = column * self.cell, row * self.cell
            image = self.source[position].image
            if image is None:
                raise AnnotationError(f"{self.source.path_of(position)} has no picture to put into a grid")
            squashed = image.resize((self.cell, self.cell), PIL.Image.Resampling.BILINEAR)
            picture.paste(squashed.convert("RGB"), (x, y))
            box = Box(x, y, x + self.cell - 1, y + self.cell - 1)
            queries.append(Query(class_index, BoxRegion(Size(side, side), (box,))))
        queries.sort(key=lambda query: query.class_index)
        targets = tuple(query.class_index for query in queries)
        return Sample(self.image_ids[index], Size(side, side), picture, tuple(queries), targets)

    def cells(self, index: int) -> tuple[tuple[int, int], ...]:
        """Return the position in the source and the class of each cell of a grid, row by row.

        They depend on the source, the seed and the grid's number alone, not on how many grids there are.
        Pictures whose class cannot be told are passed over.

        Raises:
            RaybenchError: the source has too few classes.
        """
        digest = hashlib.blake2b(f"{self.seed}/grid/{index}".encode(), digest_size=8).digest()
        drawn = np.random.Generator(np.random.PCG64(int.from_bytes(digest, "big")))
        chosen: dict[int, int] = {}
        for position in drawn.permutation(len(self.source)).tolist():
            class_index = class_of(self.source, position)
            if class_index >= 0 and class_index not in chosen:
                chosen[class_index] = position
            if len(chosen) == self.n**2:
                return tuple((position, class_index) for class_index, position in chosen.items())
        raise RaybenchError(
            f"a grid of {self.n} x {self.n} needs pictures of {self.n**2} classes, but dataset "
            f"{self.source.name!r} holds {len(chosen)}; choose a smaller n, or more pictures"
        )

    def path_of(self, index: int) -> str:
        """Paths of the first and last of the pictures."""
        cells = self.cells(index)
        return f"{self.source.path_of(cells[0][0])} to {self.source.path_of(cells[-1][0])}"

    def fingerprint(self) -> str:
        """SHA-256 over the source's and the options."""
        return fingerprint_of([self.source.fingerprint(), f"{self.n} {self.count} {self.cell} {self.seed}"])


@dataset("grid", label="Grids", classes="of its source", multilabel=True, composed=True)
def open_grid(source: Dataset, *, n: int = 3, count: int = 500, cell: int = 224, seed: int = 0) -> Grid:
    """Grids of n x n pictures of distinct classes of another dataset, squashed to cells of equal size.

    Each class of a grid is asked about; its region is its cell, so that the content heatmap is the grid
    pointing game, 100 / n^2 for a uniform map. A protocol whose short side is n x cell shows the network
    each grid as it is composed.

    Args:
        source: a dataset with one class per picture.
        n: pictures per side, 2 to 10.
        count: grids; the first ones are the same for any count.
        cell: side of a cell in pixels.
        seed: of the draw.

    Raises:
        RaybenchError: an option is out of range, or the source has no pictures, several classes per picture,
            or too few classes.

    Source: Boehle et al., "Convolutional Dynamic Alignment Networks for Interpretable Classifications", CVPR
    2021; Rao et al., "Towards Better Understanding Attribution Methods", CVPR 2022. They take pictures that
    the network answers with confidence; here the option `list` names pictures to draw from.
    """
    for name, value, low, high in (
        ("n", n, 2, MOST_PER_SIDE),
        ("count", count, 1, 99_999),
        ("cell", cell, 1, LARGEST_CELL_PX),
    ):
        if not low <= value <= high:
            raise RaybenchError(f"option {name!r} of dataset 'grid' is {value}; expected {low} to {high}")
    if source.multilabel or not source.has_images:
        lacks = "several classes per picture" if source.multilabel else "no pictures"
        raise RaybenchError(
            f"dataset 'grid' cannot be made of {source.name!r}, which has {lacks}; name one with one class "
            "per picture by `of`"
        )
    grid = Grid(source, n, count, cell, seed)
    grid.cells(0)
    return grid
