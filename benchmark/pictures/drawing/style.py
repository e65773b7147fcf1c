"""How all figures look, how names are printed in them, and how they are saved."""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import Collection, PathCollection
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patheffects import AbstractPathEffect, Normal, Stroke
from matplotlib.text import Text

from ....base import RaybenchError
from ...results import Column, write_atomically

INK = "#222222"
BLUE, MEAN = "#0072b2", "#d55e00"
GRID = "#dddddd"


class Edge(Stroke):
    """An outline below or above what is drawn, which is shrunk and enlarged with its figure."""

    def __init__(self, width: float, colour: str) -> None:
        super().__init__(linewidth=width, foreground=colour)
        self.width, self.colour = width, colour

    def scaled(self, scale: float) -> Edge:
        """The same, so many times as wide."""
        return Edge(scale * self.width, self.colour)


CASED: list[AbstractPathEffect] = [Edge(3.4, "white"), Normal()]
"""Draws a line on a white rim, so that it shows on any colour."""

# Okabe and Ito's colours, which colour-blind readers tell apart, without the yellow that is faint on white
_COLOURS = ("#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00", "#8c6d31")


class Look(NamedTuple):
    """What tells the marks of a method from those of others, whatever their shape.

    Attributes:
        colour: `#rrggbb`.
        filling: 0 for full, and 1 to 3 for methods of a colour that another one has already.
    """

    colour: str
    filling: int = 0

    def symbol(self, shape: str) -> str:
        """Name a shape with this filling, as plotly does."""
        return f"{shape}{('', '-open', '-open-dot', '-dot')[self.filling]}"

    @property
    def line(self) -> dict[str, Any]:
        """The line around plotly's markers and their dots: white on full ones; it alone draws open ones."""
        colour = "white" if self.filling in (0, 3) else self.colour
        return {"color": colour, "width": (1, 2, 2, 2)[self.filling]}

    @property
    def marker(self) -> dict[str, Any]:
        """Properties of matplotlib's markers."""
        edge: dict[str, Any] = {"markeredgecolor": "white", "markeredgewidth": 0.8}
        if self.filling:
            edge = {"markeredgecolor": self.colour, "markeredgewidth": 1.6, "markerfacecoloralt": "white"}
        return {"color": self.colour, "fillstyle": ("full", "none", "left", "bottom")[self.filling], **edge}

    @property
    def hatch(self) -> str:
        """Of matplotlib's bars."""
        return ("", "///", "...", "xxx")[self.filling]

    @property
    def dashes(self) -> str:
        """Of matplotlib's lines."""
        return ("-", "--", ":", "-.")[self.filling]


NEUTRAL = Look("#a6a6a6")
"""Look of what no method colours: accuracy, and methods that need no network."""


def looks_of(names: Iterable[str]) -> dict[str, Look]:
    """Give each name its look, in the order of their first appearance; the first 28 differ."""
    return {
        name: Look(_COLOURS[place % len(_COLOURS)], place // len(_COLOURS) % 4)
        for place, name in enumerate(dict.fromkeys(names))
    }


def tidy(axes: Axes, *, grid: str) -> None:
    """Leave the axes their labels, two quiet spines and a grid along the axis that carries values."""
    for name, spine in axes.spines.items():
        spine.set_visible(name in ("left", "bottom"))
        spine.set_color("#999999")
    axes.tick_params(colors=INK, labelsize=10, length=0)
    axes.grid(axis=grid, color=GRID, linewidth=0.8)  # type: ignore[arg-type]
    axes.set_axisbelow(True)


def axis_title(column: Column, suffix: str = "") -> str:
    """Name a metric as an axis title, with its unit."""
    unit = {"percent": " (%)", "none": ""}.get(column.unit, f" ({column.unit})")
    return f"{column.label}{suffix}{unit}"


def shortened(text: str, longest: int = 48) -> str:
    """Put a stranger's text on one line of at most `longest` characters, without its middle if need be."""
    plain = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    if len(plain) <= longest:
        return plain
    half = (longest - 1) // 2
    return f"{plain[: longest - 1 - half]}…{plain[-half:]}"


def for_plotly(text: str, longest: int = 48) -> str:
    """Shorten a text and take the meaning from `<`, `>` and `&`, which plotly would read as HTML."""
    plain = shortened(text, longest)
    return plain.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def for_matplotlib(text: str, longest: int = 48) -> str:
    """Shorten a text and take the meaning from `$`, between which matplotlib would read formulas."""
    return shortened(text, longest).replace("$", r"\$")


def save_plot(figure: Figure, folder: Path, name: str, formats: Sequence[str] = ("png", "svg")) -> list[Path]:
    """Write a figure in each format; see `save_figure`."""
    paths = [folder / f"{name}.{kind}" for kind in formats]
    for path in paths:
        save_figure(figure, path)
    return paths


def fitted(figure: Figure, width: float) -> Figure:
    """Shrink or enlarge a figure, texts and lines included, to a width in inches; returns the figure."""
    scale = width / figure.get_figwidth()
    figure.set_size_inches(width, scale * figure.get_figheight())
    for axes in figure.axes:
        for side in ("x", "y"):
            ticks = (axes.xaxis if side == "x" else axes.yaxis).get_major_ticks()
            size = ticks[0].label1.get_fontsize() if ticks else 10.0
            axes.tick_params(axis=side, labelsize=scale * float(size))
    labels = {
        label for axes in figure.axes for ax in (axes.xaxis, axes.yaxis) for label in ax.get_ticklabels()
    }
    for text in figure.findobj(Text):
        if text not in labels:
            text.set_fontsize(scale * float(text.get_fontsize()))
    for line in figure.findobj(Line2D):
        line.set_linewidth(scale * line.get_linewidth())
        line.set_markersize(scale * line.get_markersize())
        line.set_markeredgewidth(scale * line.get_markeredgewidth())
    for drawn in figure.findobj(Collection):
        drawn.set_linewidth([scale * width for width in np.atleast_1d(drawn.get_linewidth())])
        if isinstance(drawn, PathCollection):
            drawn.set_sizes(scale**2 * drawn.get_sizes())
    for artist in figure.findobj():
        effects = artist.get_path_effects() or []
        artist.set_path_effects([one.scaled(scale) if isinstance(one, Edge) else one for one in effects])
    return figure


def save_figure(figure: Figure, path: Path) -> None:
    """Write a figure in the format that the file name ends in; the same figure gives the same bytes.

    Raises:
        RaybenchError: matplotlib has no such format, or the file cannot be written.
    """
    kind = path.suffix.removeprefix(".").lower()
    if kind not in FigureCanvasAgg(figure).get_supported_filetypes():
        raise RaybenchError(f"cannot draw {path}: no format {path.suffix!r}; use .png, .svg or .pdf")
    write_atomically(path, figure_bytes(figure, kind))


def figure_bytes(figure: Figure, kind: str) -> bytes:
    """Draw a figure in a format of matplotlib, such as `svg`."""
    metadata = {"png": {"Software": None}, "svg": {"Date": None}, "pdf": {"CreationDate": None}}.get(kind)
    buffer = io.BytesIO()
    with warnings.catch_warnings(), matplotlib.rc_context({"svg.hashsalt": "raybench"}):
        warnings.filterwarnings("ignore", "Glyph", UserWarning)  # a name in a script that no font has
        figure.savefig(buffer, format=kind, dpi=150, metadata=metadata, facecolor="white")
    return buffer.getvalue()
