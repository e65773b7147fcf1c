"""What a figure is made of before a library draws it: panels of dots, bars, strips and lines.

Texts are plain: the drawers take the meaning from characters that a library would read as markup.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from .style import Look

MANY = 40
"""With more rows than this, names are set small and intervals are drawn faintly."""
DARKEST = 40
"""Percent of the queries in one bin, from which on a strip gets no darker."""

Floats = NDArray[np.float64]
Ends = tuple[float, float, float]
"""Low end of an interval, value, high end; NaN where one is unknown."""


class Axis(NamedTuple):
    """What an axis measures.

    Attributes:
        title: with the unit.
        higher_is_better: decides which way the front goes; None where no place is better than another.
        log: whether it is logarithmic.
        ticks: places and texts, in which line breaks are kept; chosen by the drawer if there are none.
        limits: first and last place; chosen by the drawer if None.
    """

    title: str = ""
    higher_is_better: bool | None = True
    log: bool = False
    ticks: tuple[tuple[float, str], ...] = ()
    limits: tuple[float, float] | None = None

    @classmethod
    def of_rows(cls, names: Sequence[str]) -> Axis:
        """Return an axis of named rows, the first at 0 on top."""
        return cls(ticks=tuple(enumerate(names)), limits=(len(names) - 0.4, -0.6))

    @property
    def names_rows(self) -> bool:
        """Whether the ticks are names and no numbers."""
        return bool(self.ticks) and not self.log


class Dot(NamedTuple):
    """A row in a scatter plot.

    Attributes:
        name: of the row.
        group: the method, which gives it its colour and filling.
        kind: what gives it its shape, such as how the checkpoint was trained; may be empty.
        checkpoint: dots of one checkpoint share its horizontal interval, which is drawn once.
        remark: more to say about it.
        aside: how far from its x the dot is drawn, so that it hides no other one.
    """

    name: str
    group: str
    kind: str
    checkpoint: str
    x: Ends
    y: Ends
    remark: str = ""
    aside: float = 0.0

    @property
    def place(self) -> float:
        """Where the dot is drawn across."""
        return self.x[1] + self.aside


class Dots(NamedTuple):
    """Dots, with the look of each method, and what all dots of the figure differ in by their shapes."""

    dots: tuple[Dot, ...]
    looks: Mapping[str, Look]
    kinds: tuple[str, ...]

    @property
    def groups(self) -> list[str]:
        """The methods."""
        return list(dict.fromkeys(dot.group for dot in self.dots))


class Front(NamedTuple):
    """The dots that nothing beats, joined and numbered from 1: (x, y) each."""

    places: tuple[tuple[float, float], ...]


class Bar(NamedTuple):
    """A horizontal bar at `place` from the top; `text` is printed at its foot, `remark` is more to say."""

    place: float
    ends: Ends
    look: Look
    name: str = ""
    text: str = ""
    remark: str = ""


class Bars(NamedTuple):
    """Bars; those with a name are explained."""

    bars: tuple[Bar, ...]


class Spread(NamedTuple):
    """The values of a row: percent in each bin (bins,), quartiles and mean over queries, their number."""

    shares: Floats
    quartiles: Ends
    mean: float
    queries: int


class Strips(NamedTuple):
    """A strip per row, darker where more values lie, over bins with `edges` (bins + 1,)."""

    edges: Floats
    names: tuple[str, ...]
    spreads: tuple[Spread, ...]


class Line(NamedTuple):
    """A curve with its band: (K,) each; drawn `aside` from where it is, so that equal ones show."""

    name: str
    look: Look
    x: Floats
    y: Floats
    low: Floats
    high: Floats
    aside: Floats | float = 0.0


class Lines(NamedTuple):
    """Curves."""

    lines: tuple[Line, ...]


Layer: TypeAlias = Dots | Front | Bars | Strips | Lines


class Panel(NamedTuple):
    """One pair of axes: layers from below, height on the screen, width and height and heading on paper."""

    x: Axis
    y: Axis
    layers: tuple[Layer, ...]
    pixels: int = 520
    inches: tuple[float, float] = (4.8, 4.2)
    heading: str = ""


def side_by_side(dots: Sequence[Dot]) -> list[Dot]:
    """Move dots of equal x aside, all those of a group equally far, by up to 1.2 % of the range of x."""
    groups = list(dict.fromkeys(dot.group for dot in dots))
    reach = [end for dot in dots for end in dot.x if not math.isnan(end)]
    if len(groups) < 2:
        return list(dots)
    step = 0.024 * ((max(reach) - min(reach)) or 1.0) / (len(groups) - 1)
    middle = (len(groups) - 1) / 2
    return [dot._replace(aside=step * (groups.index(dot.group) - middle)) for dot in dots]


def front_of(dots: Sequence[Dot], x: Axis, y: Axis) -> list[int]:
    """Return which dots no other one equals or beats on both axes, by ascending x; of equals the first."""
    if None in (x.higher_is_better, y.higher_is_better):
        return []
    sign_x, sign_y = (1 if axis.higher_is_better else -1 for axis in (x, y))
    order = sorted(range(len(dots)), key=lambda at: (-sign_x * dots[at].x[1], -sign_y * dots[at].y[1]))
    front, best = [], -math.inf
    for at in order:
        if sign_y * dots[at].y[1] > best:
            best = sign_y * dots[at].y[1]
            front.append(at)
    return sorted(front, key=lambda at: dots[at].x[1])


def interval_text(ends: Ends) -> str:
    """Write a value with its interval, if that is known."""
    low, value, high = ends
    digits = 0 if abs(value) >= 1000 else 2 if abs(value) >= 1 else 3
    known = not (math.isnan(low) or math.isnan(high))
    return f"{value:.{digits}f}" + (f" [{low:.{digits}f}, {high:.{digits}f}]" if known else "")
