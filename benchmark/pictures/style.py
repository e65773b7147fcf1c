"""How all plots look, and how they are saved."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import matplotlib
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.patheffects import AbstractPathEffect, Normal, Stroke

from ...base import RaybenchError, broken
from ..results import Column, Table

__all__ = [
    "CASED",
    "INK",
    "NEUTRAL",
    "axis_title",
    "checkpoint_label",
    "colour_of",
    "dot_of",
    "ink_on",
    "legend",
    "round_of",
    "save_figure",
    "save_plot",
    "tidy",
]

INK = "#222222"
GRID = "#dddddd"
NEUTRAL = "#a6a6a6"
"""Colour of what no attribution colours: accuracy, and methods that need no network."""

LONGEST_LINE = 24
"""Names of checkpoints and methods are broken into lines of about so many characters."""

CASED: list[AbstractPathEffect] = [Stroke(linewidth=3.4, foreground="white"), Normal()]
"""Draws a line on a white rim, so that it shows on any colour."""

# Okabe and Ito's colours, which colour-blind readers tell apart, without the yellow that is faint on white
_COLOURS = ("#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00", "#8c6d31")
_HATCHES = ("", "///", "...", "xxx")
_FILLINGS = ("full", "none", "left", "bottom")


def colour_of(place: int) -> tuple[str, str]:
    """Return colour and hatch of the method number `place`; hatches tell methods of one colour apart."""
    return _COLOURS[place % len(_COLOURS)], _HATCHES[round_of(place)]


def dot_of(place: int) -> dict[str, Any]:
    """Return how a dot of the method number `place` is filled; fillings tell methods of one colour apart."""
    colour, _ = colour_of(place)
    filling = _FILLINGS[round_of(place)]
    edge = "white" if filling == "full" else colour
    return {
        "markerfacecolor": "white" if filling == "none" else colour,
        "markerfacecoloralt": "white",
        "markeredgecolor": edge,
        "fillstyle": "full" if filling == "none" else filling,
    }


def round_of(place: int) -> int:
    """Return how often colours had all been given before the method number `place`: 0 to 3, then again."""
    return place // len(_COLOURS) % len(_HATCHES)


def ink_on(colour: str) -> str:
    """Return the colour of text that is readable on `colour`."""
    red, green, blue = to_rgb(colour)
    return INK if 0.299 * red + 0.587 * green + 0.114 * blue > 0.55 else "white"


def tidy(axes: Axes, *, grid: str) -> None:
    """Leave the axes their labels, two quiet spines and a grid along the axis that carries values."""
    for name, spine in axes.spines.items():
        spine.set_visible(name in ("left", "bottom"))
        spine.set_color("#999999")
    axes.tick_params(colors=INK, labelsize=11, length=0)
    axes.grid(axis=grid, color=GRID, linewidth=0.8)  # type: ignore[arg-type]
    axes.set_axisbelow(True)


def legend(figure: Figure, names: list[str], *, dots: bool = False) -> None:
    """Put a legend of the methods below the plots, of bars or of dots."""
    handles: list[Artist] = []
    for place, name in enumerate(names):
        colour, hatch = colour_of(place)
        if dots:
            handles.append(Line2D([], [], marker="o", markersize=10, ls="none", label=name, **dot_of(place)))
        else:
            handles.append(Patch(facecolor=colour, hatch=hatch, edgecolor="white", label=name))
    width = figure.get_figwidth() / (0.8 + 0.095 * max(map(len, names), default=1))
    columns = max(1, min(len(names), int(width)))
    figure.legend(handles=handles, loc="outside lower center", ncols=columns, frameon=False, fontsize=11)


def save_plot(figure: Figure, folder: Path, name: str) -> list[Path]:
    """Write a figure as PNG and SVG; see `save_figure`."""
    paths = [folder / f"{name}.png", folder / f"{name}.svg"]
    for path in paths:
        save_figure(figure, path)
    return paths


def save_figure(figure: Figure, path: Path) -> None:
    """Write a figure in the format that the file name ends in; the same figure gives the same bytes.

    Raises:
        RaybenchError: matplotlib has no such format, or the file cannot be written.
    """
    canvas = FigureCanvasAgg(figure)
    kinds = canvas.get_supported_filetypes()
    kind = path.suffix.removeprefix(".").lower()
    if kind not in kinds:
        raise RaybenchError(f"cannot draw {path}: no format {path.suffix!r}; use .png, .svg or .pdf")
    metadata = {"png": {"Software": None}, "svg": {"Date": None}, "pdf": {"CreationDate": None}}.get(kind)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with matplotlib.rc_context({"svg.hashsalt": "raybench"}):
            figure.savefig(path, dpi=150, metadata=metadata, facecolor="white")
    except OSError as error:
        raise RaybenchError(f"cannot write {path}: {(error.strerror or str(error)).lower()}") from None


def checkpoint_label(table: Table, place: int) -> str:
    """Name the checkpoint of a row, with what else tells it from others (dataset, run)."""
    row = table.rows[place]
    parts = dict(zip(table.headings, row.labels, strict=True))
    parts.pop("attribution")
    checkpoint = parts.pop("checkpoint")
    names = [checkpoint, *(f"({value})" for value in parts.values())]
    return "\n".join(broken(name, LONGEST_LINE) for name in names)


def axis_title(column: Column) -> str:
    """Name a metric as an axis title."""
    return f"{column.label} (%)"
