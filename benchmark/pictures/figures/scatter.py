"""One number of each row against another, with intervals and the front of rows that nothing beats."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from .style import Look, for_plotly, number, shortened

__all__ = [
    "MANY",
    "Axis",
    "Dot",
    "describe_front",
    "front_of",
    "one_interval_per_checkpoint",
    "scatter_traces",
    "side_by_side",
    "symbol_of",
]

_SYMBOLS = ("circle", "square", "diamond", "triangle-up", "x", "star", "cross", "hexagon")
_ANY_METHOD = Look("#888888", filling=1)
MANY = 40  # with more dots than this, intervals are drawn faintly


@dataclass(frozen=True)
class Dot:
    """A row in a scatter plot.

    Attributes:
        name: of the row.
        group: the attribution, which gives it its colour and filling.
        kind: how the checkpoint was trained, which shapes it; may be empty.
        checkpoint: dots of one checkpoint share its horizontal interval, which is drawn once.
        x, y: low end of the interval, value, high end.
        remark: more to say about it.
        aside: how far from its x the dot is drawn, so that it hides no other one.
    """

    name: str
    group: str
    kind: str
    checkpoint: str
    x: tuple[float, float, float]
    y: tuple[float, float, float]
    remark: str = ""
    aside: float = 0.0

    @property
    def place(self) -> float:
        """Where the dot is drawn across."""
        return self.x[1] + self.aside


@dataclass(frozen=True)
class Axis:
    """What an axis measures.

    Attributes:
        title: with the unit.
        higher_is_better: decides which way the front goes.
        log: whether it is logarithmic.
    """

    title: str
    higher_is_better: bool = True
    log: bool = False


def side_by_side(dots: Sequence[Dot]) -> list[Dot]:
    """Move dots of equal x aside, all those of a group equally far, by up to 1.2 % of the range of x."""
    groups = list(dict.fromkeys(dot.group for dot in dots))
    reach = [end for dot in dots for end in dot.x if not math.isnan(end)]
    if not dots or len(groups) == 1:
        return list(dots)
    step = 0.024 * ((max(reach) - min(reach)) or 1.0) / (len(groups) - 1)
    middle = (len(groups) - 1) / 2
    return [replace(dot, aside=step * (groups.index(dot.group) - middle)) for dot in dots]


def front_of(dots: Sequence[Dot], x: Axis, y: Axis) -> list[int]:
    """Return which dots no other one equals or beats on both axes, by ascending x.

    Of dots that are equal on both axes the first counts.
    """
    sign_x, sign_y = (1 if axis.higher_is_better else -1 for axis in (x, y))
    order = sorted(range(len(dots)), key=lambda at: (-sign_x * dots[at].x[1], -sign_y * dots[at].y[1]))
    front, best = [], -math.inf
    for at in order:
        if sign_y * dots[at].y[1] > best:
            best = sign_y * dots[at].y[1]
            front.append(at)
    return sorted(front, key=lambda at: dots[at].x[1])


def scatter_traces(dots: Sequence[Dot], x: Axis, y: Axis, looks: Mapping[str, Look]) -> list[dict[str, Any]]:
    """Draw dots for plotly: a trace per attribution, a key to looks and shapes, the front numbered."""
    kinds = sorted({dot.kind for dot in dots})
    once = one_interval_per_checkpoint(dots)
    faint = 0.35 if len(dots) > MANY else 0.7
    traces = []
    for group in dict.fromkeys(dot.group for dot in dots):
        own = [dot for dot in once if dot.group == group]
        traces.append(_trace(own, group, looks[group], kinds, faint, x, y))
    # a disc stands for a method, whatever shapes its dots have; a click on it hides them
    traces += [
        {**_key_trace(group, "circle", looks[group]), "legendgroup": trace["legendgroup"]}
        for group, trace in zip(dict.fromkeys(dot.group for dot in dots), traces, strict=True)
    ]
    if len(kinds) > 1:
        traces += [
            _key_trace(kind or "training unknown", symbol_of(kind, kinds, _SYMBOLS), _ANY_METHOD)
            for kind in kinds
        ]
    return [*traces, _front_trace(dots, front_of(dots, x, y))]


def one_interval_per_checkpoint(dots: Sequence[Dot]) -> list[Dot]:
    """Take the horizontal interval, which the methods of a checkpoint share, from all but the highest."""
    highest: dict[tuple[str, float], Dot] = {}
    for dot in sorted(dots, key=lambda dot: dot.y[1]):
        highest[dot.checkpoint, dot.x[1]] = dot
    bare = (math.nan, math.nan)
    return [
        dot if highest[dot.checkpoint, dot.x[1]] is dot else replace(dot, x=(bare[0], dot.x[1], bare[1]))
        for dot in dots
    ]


def symbol_of(kind: str, kinds: Sequence[str], symbols: Sequence[str]) -> str:
    """Return the shape of dots of a kind."""
    return symbols[kinds.index(kind) % len(symbols)]


def _trace(
    dots: Sequence[Dot], group: str, look: Look, kinds: Sequence[str], faint: float, x: Axis, y: Axis
) -> dict[str, Any]:
    return {
        "type": "scatter",
        "mode": "markers",
        "name": for_plotly(group, 32),
        "legendgroup": for_plotly(group, 200),
        "showlegend": False,
        "x": [number(dot.place, 4) for dot in dots],
        "y": [number(dot.y[1]) for dot in dots],
        "error_x": _bars([dot.x for dot in dots], look.colour, faint),
        "error_y": _bars([dot.y for dot in dots], look.colour, faint),
        "marker": {
            "color": look.colour,
            "size": 10,
            "symbol": [look.symbol(symbol_of(dot.kind, kinds, _SYMBOLS)) for dot in dots],
            "line": look.line,
        },
        "hovertext": [_hover(dot, x, y) for dot in dots],
        "hoverinfo": "text",
    }


def _bars(ends: Sequence[tuple[float, float, float]], colour: str, opacity: float) -> dict[str, Any]:
    red, green, blue = (int(colour[at : at + 2], 16) for at in (1, 3, 5))
    return {
        "type": "data",
        "symmetric": False,
        "array": [number(high - value) for _, value, high in ends],
        "arrayminus": [number(value - low) for low, value, _ in ends],
        "color": f"rgba({red},{green},{blue},{opacity})",
        "thickness": 1.5,
        "width": 0,
    }


def _front_trace(dots: Sequence[Dot], front: Sequence[int]) -> dict[str, Any]:
    """Connect the dots of the front, each with its number."""
    return {
        "type": "scatter",
        "mode": "lines+text",
        "name": "front: nothing is better in both",
        "x": [number(dots[at].place, 4) for at in front],
        "y": [number(dots[at].y[1]) for at in front],
        "text": [f"\N{EN SPACE}{place}" for place in range(1, len(front) + 1)],
        "textposition": "top right",
        "line": {"dash": "dot", "width": 1.5, "color": "#888888"},
        "hoverinfo": "skip",
    }


def _key_trace(name: str, shape: str, look: Look) -> dict[str, Any]:
    """Explain a look or a shape in the legend."""
    return {
        "type": "scatter",
        "mode": "markers",
        "name": for_plotly(name, 32),
        "x": [None],
        "y": [None],
        "marker": {"color": look.colour, "size": 10, "symbol": look.symbol(shape), "line": look.line},
        "hoverinfo": "skip",
    }


def _hover(dot: Dot, x: Axis, y: Axis) -> str:
    lines = [f"<b>{for_plotly(dot.name, 80)}</b>"]
    lines += [f"{for_plotly(axis.title)}: {_interval(ends)}" for axis, ends in ((x, dot.x), (y, dot.y))]
    return "<br>".join([*lines, for_plotly(dot.remark, 80)] if dot.remark else lines)


def _interval(ends: tuple[float, float, float]) -> str:
    low, value, high = ends
    digits = 2 if value < 1000 else 0
    if math.isnan(low) or math.isnan(high):
        return f"{value:.{digits}f}"
    return f"{value:.{digits}f} [{low:.{digits}f}, {high:.{digits}f}]"


def describe_front(dots: Sequence[Dot], x: Axis, y: Axis) -> str:
    """Say in words which rows make the front, with their numbers in the plot."""
    parts = [
        f"{place}: {shortened(dots[at].name, 80)} ({_interval(dots[at].x)}; {_interval(dots[at].y)})"
        for place, at in enumerate(front_of(dots, x, y), start=1)
    ]
    return f"On the front, in {x.title} and {y.title}: " + "; ".join(parts) + "."
