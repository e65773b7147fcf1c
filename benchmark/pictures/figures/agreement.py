"""Matrices of how alike the maps of methods are, like methods side by side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray
from scipy.cluster.hierarchy import leaves_list, linkage
from scipy.spatial.distance import squareform

from ..drawing.style import INK, for_matplotlib

Floats = NDArray[np.float64]


def agreement_figure(rows: Sequence[str], matrices: Mapping[str, Floats], title: str) -> Figure:
    """Draw a matrix (R, R) for each measure, in the order of a clustering by the first one.

    Args:
        rows: R names.
        matrices: by title, from -1 to 1, with 1 on the diagonal.
        title: above all.
    """
    order = _order(next(iter(matrices.values())))
    side = 0.42 * max(4, len(rows))
    longest = max(len(name) for name in rows)
    size = (side + 0.3) * len(matrices) + 0.08 * min(longest, 40) + 1, side + 1.1
    figure = Figure(figsize=size, layout="constrained")
    panels = figure.subplots(1, len(matrices), squeeze=False)[0]
    for place, (axes, (name, matrix)) in enumerate(zip(panels, matrices.items(), strict=True)):
        image = axes.imshow(matrix[np.ix_(order, order)], cmap="RdBu", vmin=-1, vmax=1)
        numbers = range(1, len(rows) + 1)
        names = [
            f"{for_matplotlib(rows[at], 40)}  {number}" for at, number in zip(order, numbers, strict=True)
        ]
        axes.set_xticks(range(len(rows)), list(map(str, numbers)), fontsize=9)
        axes.set_yticks(range(len(rows)), list(map(str, numbers)) if place else names, fontsize=9)
        axes.set_title(name, fontsize=11, color=INK)
        for y, row in enumerate(order):
            for x, column in enumerate(order):
                value = matrix[row, column]
                colour = "white" if abs(value) > 0.6 else INK
                axes.text(
                    x,
                    y,
                    f"{value:.2f}".replace("-0.00", "0.00"),
                    ha="center",
                    va="center",
                    fontsize=7,
                    color=colour,
                )
    figure.colorbar(image, ax=panels[-1], shrink=0.7)
    figure.suptitle(for_matplotlib(title, 100), fontsize=12, color=INK)
    return figure


def _order(matrix: Floats) -> list[int]:
    """Put like rows side by side: leaves of a clustering by mean distance."""
    if len(matrix) < 3:
        return list(range(len(matrix)))
    distance = squareform(1 - matrix, checks=False)
    return [int(at) for at in leaves_list(linkage(distance, "average", optimal_ordering=True))]
