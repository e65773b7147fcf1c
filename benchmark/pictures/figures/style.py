"""How the leaderboard's plots look, and what they are made of before a library draws them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from matplotlib.figure import Figure

from ...results import NO_CHECKPOINT, BoardRow, Section
from ..style import colour_of, round_of

__all__ = [
    "Control",
    "Drawing",
    "Look",
    "View",
    "base_layout",
    "for_matplotlib",
    "for_plotly",
    "looks_by_method",
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


class Look(NamedTuple):
    """What tells the dots of a method from those of others, whatever their shape.

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
        edge = {"markeredgecolor": "white", "markeredgewidth": 0.8}
        if self.filling:
            edge = {"markeredgecolor": self.colour, "markeredgewidth": 1.6, "markerfacecoloralt": "white"}
        return {"color": self.colour, "fillstyle": ("full", "none", "left", "bottom")[self.filling], **edge}


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


def looks_by_method(section: Section) -> dict[str, Look]:
    """Give each attribution of the section's checkpoints its look, the same in all plots."""
    methods = dict.fromkeys(row.attribution for row in with_network(section))
    return {method: Look(colour_of(place)[0], round_of(place)) for place, method in enumerate(methods)}
