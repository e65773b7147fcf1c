"""How the leaderboard's plots look, and what they are made of before a library draws them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from matplotlib.figure import Figure

from ..folder import NO_CHECKPOINT
from ..report.plot_style import colour_of
from .board import BoardRow, Section

__all__ = [
    "Control",
    "Drawing",
    "View",
    "base_layout",
    "colours_by_method",
    "for_matplotlib",
    "for_plotly",
    "number",
    "row_name",
    "shortened",
    "with_network",
]

INK = "#767676"
"""Readable on white and on black alike: what stands in a plot until the page sets its own colour."""
GRID = "rgba(128,128,128,0.25)"
CLEAR = "rgba(0,0,0,0)"


@dataclass(frozen=True)
class Control:
    """A choice that the reader has: a label and what can be chosen; names are plain text."""

    label: str
    options: tuple[str, ...]


@dataclass(frozen=True)
class View:
    """What is drawn for one choice.

    Attributes:
        at: the number of the chosen option of each control.
        data, layout: as plotly wants them; the layout and its axes are laid over `base_layout`.
    """

    at: tuple[int, ...]
    data: Sequence[Mapping[str, Any]]
    layout: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Drawing:
    """A plot of a section, for the page and for paper.

    Attributes:
        key: `[a-z]+`, unique in the section.
        description: what is drawn and what it shows, for those who do not see it.
        controls: what the reader may choose.
        views: the first is shown first; choices without a view are offered but have nothing to show.
        static: the same for paper.
    """

    key: str
    title: str
    description: str
    controls: tuple[Control, ...]
    views: tuple[View, ...]
    static: Figure


def base_layout() -> dict[str, Any]:
    """Return a plotly layout that stands on any background, with the legend above the plot."""
    quiet = {"gridcolor": GRID, "zerolinecolor": GRID, "linecolor": GRID, "automargin": True}
    return {
        "height": 520,
        "paper_bgcolor": CLEAR,
        "plot_bgcolor": CLEAR,
        "font": {"color": INK, "size": 13, "family": "system-ui, sans-serif"},
        "margin": {"l": 56, "r": 16, "t": 16, "b": 56},
        "legend": {"orientation": "h", "x": 0, "y": 1.02, "yanchor": "bottom", "bgcolor": CLEAR},
        "hoverlabel": {"align": "left", "namelength": -1},
        "hovermode": "closest",
        "xaxis": quiet,
        "yaxis": quiet,
    }


def number(value: float, digits: int = 2) -> float | None:
    """Round a value for the page; None if there is none, which plotly leaves out."""
    return None if math.isnan(value) else round(float(value), digits)


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


def row_name(row: BoardRow) -> str:
    """Name a row: checkpoint and attribution."""
    return row.attribution if row.checkpoint == NO_CHECKPOINT else f"{row.checkpoint} · {row.attribution}"


def with_network(section: Section) -> list[BoardRow]:
    """Return the rows of checkpoints, without the floor and the ceiling."""
    return [row for row in section.rows if row.checkpoint != NO_CHECKPOINT]


def colours_by_method(section: Section) -> dict[str, str]:
    """Give each attribution of the section's checkpoints its colour, the same in all plots."""
    methods = dict.fromkeys(row.attribution for row in with_network(section))
    return {method: colour_of(place)[0] for place, method in enumerate(methods)}
