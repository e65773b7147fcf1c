"""Draws where the milliseconds of a picture go: one bar per method, one colour per stage."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from matplotlib.figure import Figure

from raybench.benchmark.pictures.style import INK, colour_of, legend, save_figure, tidy

__all__ = ["draw_profile"]


def draw_profile(milliseconds: Mapping[str, Mapping[str, float]], path: Path) -> None:
    """Draw stacked bars.

    Args:
        milliseconds: by method, then by stage; all methods have the same stages.
        path: of the picture.
    """
    figure = Figure(figsize=(10, 1.6 + 0.8 * len(milliseconds)), layout="constrained")
    axes = figure.subplots()
    stages = list(next(iter(milliseconds.values())))
    left = [0.0] * len(milliseconds)
    for place, stage in enumerate(stages):
        colour, hatch = colour_of(place)
        widths = [max(0.0, found[stage]) for found in milliseconds.values()]
        axes.barh(
            list(milliseconds),
            widths,
            left=left,
            color=colour,
            hatch=hatch,
            edgecolor="white",
            linewidth=0.4,
            height=0.6,
        )
        left = [start + width for start, width in zip(left, widths, strict=True)]
    for place, total in enumerate(left):
        axes.text(total, place, f" {total:.0f}", va="center", ha="left", color=INK, fontsize=11)
    axes.set_xlabel("milliseconds of a picture", color=INK, fontsize=11)
    axes.invert_yaxis()
    tidy(axes, grid="x")
    legend(figure, stages)
    save_figure(figure, path)
