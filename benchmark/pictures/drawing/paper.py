"""Draws panels for paper, with matplotlib."""

from __future__ import annotations

import functools
import math
import textwrap
from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import LogLocator, NullFormatter, StrMethodFormatter

from .panels import DARKEST, MANY, Axis, Bars, Dots, Front, Layer, Lines, Panel, Strips
from .style import BLUE, CASED, INK, MEAN, Look, for_matplotlib, tidy

_TITLE_INCHES = 0.105
"""Width of a letter of a title."""
_SHAPES = "osD^X*Phv<>p"
_FEW = 8
"""Points of a line up to which each is marked."""
_ANY_METHOD = Look("#777777")


class PanelFigure(Figure):
    """A figure that knows the panels that were drawn on it."""

    bands: Sequence[Sequence[Panel]] = ()


def across_in(width: float | None) -> int:
    """Return how many panels stand side by side in a figure of `width` inches and can still be read."""
    return 3 if width is None or width > 9 else 2 if width > 5.5 else 1


def in_bands(panels: Sequence[Panel], across: int = 3) -> list[Sequence[Panel]]:
    """Put so many panels side by side, the rest below."""
    return [panels[start : start + across] for start in range(0, len(panels), across)]


def figure_of(bands: Sequence[Sequence[Panel]], title: str) -> PanelFigure:
    """Draw bands of panels, with one key for all: methods below them, shapes at their right."""
    across = max(len(band) for band in bands)
    heights = [max(panel.inches[1] for panel in band) for band in bands]
    width = max(sum(panel.inches[0] for panel in band) for band in bands)
    layers = [layer for band in bands for panel in band for layer in panel.layers]
    below = {label: handle for layer in layers for label, handle in _explained(layer).items()}
    shapes = next((layer.kinds for layer in layers if isinstance(layer, Dots)), ())
    if len(shapes) > 1:
        width += 0.9 + 0.075 * max(len(line) for kind in shapes for line in kind.split("\n"))
    layout = ConstrainedLayoutEngine(wspace=0.05, hspace=0.05, w_pad=0.08)
    figure = PanelFigure(figsize=(width, sum(heights) + 0.9), layout=layout, facecolor="white")
    figure.bands = bands
    grid = figure.add_gridspec(len(bands), across, height_ratios=heights)
    for down, band in enumerate(bands):
        for place, panel in enumerate(band):
            _draw_panel(figure.add_subplot(grid[down, place]), panel)
    lines = textwrap.wrap(title, max(16, int(width / _TITLE_INCHES)), break_on_hyphens=False)
    figure.suptitle(_plain("\n".join(lines)), fontsize=13, color=INK)
    if below:
        ncols = max(1, min(len(below), int(width / (0.8 + 0.095 * max(map(len, below))))))
        key: dict[str, Any] = {"handles": [*below.values()], "labels": [*map(_plain, below)], "ncols": ncols}
        figure.legend(loc="outside lower center", frameon=False, fontsize=10, **key)
    if len(shapes) > 1:
        handles = [_mark(place, _ANY_METHOD) for place in range(len(shapes))]
        key = {"handles": handles, "labels": [_plain(kind or "training unknown") for kind in shapes]}
        figure.legend(loc="outside right upper", frameon=False, fontsize=10, labelspacing=0.8, **key)
    return figure


def _explained(layer: Layer) -> dict[str, Artist]:
    """Explain the looks of a layer, by label."""
    if isinstance(layer, Dots):
        return {group: _mark(0, layer.looks[group]) for group in layer.groups}
    if isinstance(layer, Front):
        return {"front: nothing is better in both": Line2D([], [], linestyle=":", color=_ANY_METHOD.colour)}
    if isinstance(layer, Bars):
        looks = {bar.name: bar.look for bar in layer.bars if bar.name}
        return {
            name: Patch(facecolor=one.colour, hatch=one.hatch, edgecolor="white")
            for name, one in looks.items()
        }
    if isinstance(layer, Lines):
        return {one.name: Line2D([], [], color=one.look.colour, ls=one.look.dashes) for one in layer.lines}
    mean = Line2D([], [], marker="D", linestyle="none", color=MEAN)
    return {"median and middle half": Line2D([], [], marker="o", color=INK), "mean": mean}


def _mark(shape: int, look: Look, x: Sequence[float] = (), y: Sequence[float] = ()) -> Line2D:
    marker = _SHAPES[shape % len(_SHAPES)]
    return Line2D(x, y, linestyle="none", marker=marker, markersize=9, zorder=3, **look.marker)


def _plain(text: str) -> str:
    """Take the meaning from a text of one or several lines."""
    return "\n".join(for_matplotlib(line, 90) for line in text.split("\n"))


def _draw_panel(axes: Axes, panel: Panel) -> None:
    _set_axis(axes, panel.x, "x")
    _set_axis(axes, panel.y, "y")
    for layer in panel.layers:
        _draw(layer, axes)
    axes.set_title(_plain(panel.heading), fontsize=11, color=INK)
    tidy(axes, grid="x" if panel.y.names_rows else "both")
    if panel.y.names_rows:
        axes.tick_params(axis="y", labelsize=9)


def _set_axis(axes: Axes, axis: Axis, name: str) -> None:
    ruler = axes.xaxis if name == "x" else axes.yaxis
    axes.set(**{f"{name}label": _plain(axis.title)})
    ruler.label.set(fontsize=11, color=INK)
    if axis.log:
        axes.set(**{f"{name}scale": "log"})
        ruler.set_major_locator(LogLocator(subs=(1, 2, 3, 5, 7)))
        ruler.set_major_formatter(StrMethodFormatter("{x:g}"))
        ruler.set_minor_formatter(NullFormatter())
    elif axis.ticks:
        ruler.set_ticks([place for place, _ in axis.ticks], [_plain(text) for _, text in axis.ticks])
    if axis.limits:
        axes.set(**{f"{name}lim": axis.limits})


@functools.singledispatch
def _draw(layer: Any, axes: Axes) -> None:
    raise AssertionError(f"no way to draw {type(layer).__name__}")


@_draw.register
def _(layer: Dots, axes: Axes) -> None:
    for dot in layer.dots:
        look = layer.looks[dot.group]
        style: dict[str, Any] = {"color": look.colour, "linewidth": 1.3, "zorder": 2}
        style["alpha"] = 0.3 if len(layer.dots) > MANY else 0.8
        if not math.isnan(dot.x[0]):
            across = [dot.x[0] + dot.aside, dot.x[2] + dot.aside]
            axes.plot(across, [dot.y[1]] * 2, **{**style, "color": "#aaaaaa", "zorder": 1})
        axes.plot([dot.place] * 2, [dot.y[0], dot.y[2]], **style)
        axes.add_line(_mark(layer.kinds.index(dot.kind), look, [dot.place], [dot.y[1]]))
    axes.margins(0.08)


@_draw.register
def _(layer: Front, axes: Axes) -> None:
    axes.plot(*zip(*layer.places, strict=True), ":", color=_ANY_METHOD.colour, zorder=2)
    for place, where in enumerate(layer.places, start=1):
        mark = axes.annotate(str(place), where, xytext=(5, 4), textcoords="offset points", zorder=4)
        mark.set(fontsize=10, color=INK, path_effects=CASED)


@_draw.register
def _(layer: Bars, axes: Axes) -> None:
    for bar in layer.bars:
        low, value, high = bar.ends
        if math.isnan(value):
            continue
        look: dict[str, Any] = {"color": bar.look.colour, "hatch": bar.look.hatch, "edgecolor": "white"}
        axes.barh(bar.place, value, height=0.84, linewidth=0, **look)
        if not math.isnan(low):
            (whisker,) = axes.plot([low, high], [bar.place] * 2, color=INK, linewidth=1.3)
            whisker.set(marker="|", markersize=6, path_effects=CASED, clip_on=False)
        beside = axes.get_yaxis_transform()  # in a column at the right, one below the other
        axes.text(1.025, bar.place, bar.text, transform=beside, fontsize=9, va="center", color=INK)


@_draw.register
def _(layer: Strips, axes: Axes) -> None:
    colours = LinearSegmentedColormap.from_list("strips", ["white", "#80b8d8", BLUE])
    shares = np.stack([spread.shares for spread in layer.spreads])
    rows = np.arange(len(layer.spreads) + 1) - 0.5
    axes.pcolormesh(layer.edges, rows, shares, cmap=colours, vmin=0, vmax=DARKEST)
    for place, spread in enumerate(layer.spreads):
        low, median, high = spread.quartiles
        axes.axhline(place + 0.5, color="white", linewidth=1.5)
        axes.plot([low, high], [place, place], color=INK, linewidth=1.4)
        for value, marker, colour in ((median, "o", INK), (spread.mean, "D", MEAN)):
            (mark,) = axes.plot([value], [place], marker, color=colour, markersize=5, zorder=3)
            mark.set(markeredgecolor="white", clip_on=False)


@_draw.register
def _(layer: Lines, axes: Axes) -> None:
    for line in layer.lines:
        axes.fill_between(line.x, line.low, line.high, color=line.look.colour, alpha=0.18, linewidth=0)
        (drawn,) = axes.plot(line.x, line.y + line.aside, color=line.look.colour, linewidth=1.8)
        drawn.set(linestyle=line.look.dashes, marker="o" if len(line.x) <= _FEW else "", markersize=5)
