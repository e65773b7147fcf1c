"""Draws panels for the page: data and layout as plotly wants them."""

from __future__ import annotations

import functools
import math
from collections.abc import Iterable
from typing import Any

from .panels import DARKEST, MANY, Axis, Bars, Dot, Dots, Ends, Front, Lines, Panel, Strips, interval_text
from .style import MEAN, Look, for_plotly

INK = "#767676"
"""Readable on white and on black alike: what stands in a plot until the page sets its own colour."""
GRID = "rgba(128,128,128,0.25)"
CLEAR = "rgba(0,0,0,0)"
_SHAPES = ("circle", "square", "diamond", "triangle-up", "x", "star", "cross", "hexagon")
_DASHES = ("solid", "dash", "dot", "dashdot")
_ANY_METHOD = Look("#888888", filling=1)

Trace = dict[str, Any]


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


def layout_of(panel: Panel) -> dict[str, Any]:
    """Return what a panel lays over `base_layout`."""
    legend = not any(isinstance(layer, Bars) for layer in panel.layers)
    axes = {"xaxis": _axis(panel.x), "yaxis": _axis(panel.y)}
    return {"height": panel.pixels, "showlegend": legend, **axes}


def data_of(panel: Panel) -> list[Trace]:
    """Return the traces of a panel."""
    return [trace for layer in panel.layers for trace in _traces(layer, panel)]


def _axis(axis: Axis) -> dict[str, Any]:
    drawn: dict[str, Any] = {"title": {"text": for_plotly(axis.title)}} if axis.title else {}
    if axis.log:
        drawn["type"] = "log"
    if axis.ticks:
        texts = ["<br>".join(map(for_plotly, text.split("\n"))) for _, text in axis.ticks]
        drawn |= {"tickvals": [place for place, _ in axis.ticks], "ticktext": texts}
    if axis.names_rows:
        size = 11 if len(axis.ticks) <= MANY else 9
        drawn |= {"tickfont": {"size": size}, "showgrid": False, "zeroline": False}
    return drawn | ({"range": list(axis.limits)} if axis.limits else {})


def _number(value: float) -> float | None:
    """Round a value for the page; None if there is none, which plotly leaves out."""
    return None if math.isnan(value) else float(f"{value:.5g}")


def _numbers(values: Iterable[float]) -> list[float | None]:
    return [_number(float(value)) for value in values]


def _whiskers(ends: Iterable[Ends], colour: str, **changes: Any) -> dict[str, Any]:
    """Return error bars; none where an end is unknown."""
    ends = list(ends)
    return {
        "type": "data",
        "symmetric": False,
        "array": _numbers(high - value for _, value, high in ends),
        "arrayminus": _numbers(value - low for low, value, _ in ends),
        "color": colour,
        "thickness": 1.5,
        "width": 0,
        **changes,
    }


def _faded(colour: str, opacity: float) -> str:
    red, green, blue = (int(colour[at : at + 2], 16) for at in (1, 3, 5))
    return f"rgba({red},{green},{blue},{opacity})"


@functools.singledispatch
def _traces(layer: Any, panel: Panel) -> list[Trace]:
    raise AssertionError(f"{type(layer).__name__} is drawn on paper alone")


@_traces.register
def _(layer: Dots, panel: Panel) -> list[Trace]:
    """A trace per method, then a key: a disc stands for a method, whatever shapes its dots have."""
    shapes = {kind: _SHAPES[place % len(_SHAPES)] for place, kind in enumerate(layer.kinds)}
    opacity = 0.35 if len(layer.dots) > MANY else 0.7
    traces = []
    for group in layer.groups:
        dots, look = [dot for dot in layer.dots if dot.group == group], layer.looks[group]
        colour = _faded(look.colour, opacity)
        traces.append(
            _markers(group, look, [look.symbol(shapes[dot.kind]) for dot in dots])
            | {
                "showlegend": False,
                "legendgroup": for_plotly(group, 200),
                "x": _numbers(dot.place for dot in dots),
                "y": _numbers(dot.y[1] for dot in dots),
                "error_x": _whiskers((dot.x for dot in dots), _faded("#888888", opacity)),
                "error_y": _whiskers((dot.y for dot in dots), colour),
                "hovertext": [_hover(dot, panel) for dot in dots],
                "hoverinfo": "text",
            }
        )
    for group in layer.groups:  # a click on it hides the method's dots
        key = _markers(group, layer.looks[group], layer.looks[group].symbol("circle"))
        traces.append(key | {"legendgroup": for_plotly(group, 200)})
    if len(shapes) > 1:
        for kind, shape in shapes.items():
            traces.append(_markers(kind or "training unknown", _ANY_METHOD, _ANY_METHOD.symbol(shape)))
    return traces


def _markers(name: str, look: Look, symbol: str | list[str]) -> Trace:
    marker = {"color": look.colour, "size": 10, "symbol": symbol, "line": look.line}
    text = for_plotly(name, 32)
    nowhere: Trace = {"x": [None], "y": [None], "hoverinfo": "skip"}
    return {"type": "scatter", "mode": "markers", "name": text, "marker": marker, **nowhere}


def _hover(dot: Dot, panel: Panel) -> str:
    lines = [f"<b>{for_plotly(dot.name, 80)}</b>"]
    pairs = ((panel.x, dot.x), (panel.y, dot.y))
    lines += [f"{for_plotly(axis.title)}: {interval_text(ends)}" for axis, ends in pairs]
    return "<br>".join([*lines, for_plotly(dot.remark, 80)] if dot.remark else lines)


@_traces.register
def _(layer: Front, panel: Panel) -> list[Trace]:
    front = {
        "type": "scatter",
        "mode": "lines+text",
        "name": "front: nothing is better in both",
        "x": _numbers(x for x, _ in layer.places),
        "y": _numbers(y for _, y in layer.places),
        "text": [f"\N{EN SPACE}{place}" for place in range(1, len(layer.places) + 1)],
        "textposition": "top right",
        "line": {"dash": "dot", "width": 1.5, "color": "#888888"},
        "hoverinfo": "skip",
    }
    return [front]


@_traces.register
def _(layer: Bars, panel: Panel) -> list[Trace]:
    bars = {
        "type": "bar",
        "orientation": "h",
        "x": _numbers(bar.ends[1] for bar in layer.bars),
        "y": [bar.place for bar in layer.bars],
        "marker": {"color": [bar.look.colour for bar in layer.bars]},
        "error_x": _whiskers((bar.ends for bar in layer.bars), "#888888", width=3),
        "customdata": [for_plotly(bar.remark) for bar in layer.bars],
        "hovertemplate": "%{x:+.3~g}<br>%{customdata}<extra></extra>",
    }
    return [bars]


@_traces.register
def _(layer: Strips, panel: Panel) -> list[Trace]:
    """Strips from clear to blue suit light and dark pages alike."""
    places = list(range(len(layer.spreads)))
    strips = {
        "type": "heatmap",
        "x": _numbers((layer.edges[1:] + layer.edges[:-1]) / 2),
        "y": places,
        "z": [[round(float(share), 1) for share in spread.shares] for spread in layer.spreads],
        "colorscale": [[0, "rgba(0,114,178,0)"], [0.25, "rgba(0,114,178,0.55)"], [1, "rgba(0,114,178,1)"]],
        "zmin": 0,
        "zmax": DARKEST,
        "showscale": False,
        "hoverinfo": "skip",
        "ygap": 2 if len(places) <= 60 else 1,
    }
    common: Trace = {"type": "scatter", "mode": "markers", "y": places, "hoverinfo": "text"}
    common["hovertext"] = [
        f"<b>{for_plotly(name, 80)}</b><br>mean {spread.mean:.3g}, median {spread.quartiles[1]:.3g}<br>"
        f"middle half {spread.quartiles[0]:.3g} to {spread.quartiles[2]:.3g}<br>{spread.queries} queries"
        for name, spread in zip(layer.names, layer.spreads, strict=True)
    ]
    quartiles = [spread.quartiles for spread in layer.spreads]
    marker = {"size": 8, "line": {"color": "white", "width": 1}}
    median = common | {
        "name": "median and middle half",
        "x": _numbers(middle for _, middle, _ in quartiles),
        "error_x": _whiskers(quartiles, "#888888", thickness=2),
        "marker": {"color": "#888888", **marker},
    }
    mean = common | {
        "name": "mean",
        "x": _numbers(spread.mean for spread in layer.spreads),
        "marker": {"color": MEAN, "symbol": "diamond", **marker},
    }
    return [strips, median, mean]


@_traces.register
def _(layer: Lines, panel: Panel) -> list[Trace]:
    """Places joined from tick to tick, each with what it is."""
    where = [text.split("\n")[0] for _, text in panel.x.ticks]
    return [
        {
            "type": "scatter",
            "mode": "lines+markers",
            "name": for_plotly(line.name, 60),
            "x": _numbers(line.x),
            "y": _numbers(line.y + line.aside),
            "line": {"color": line.look.colour, "dash": _DASHES[line.look.filling], "width": 2},
            "marker": {"color": line.look.colour, "size": 8},
            "hovertext": [
                f"<b>{for_plotly(line.name, 80)}</b><br>place {place:g} by {for_plotly(label)}"
                for place, label in zip(line.y, where, strict=True)
            ],
            "hoverinfo": "text",
        }
        for line in layer.lines
    ]
