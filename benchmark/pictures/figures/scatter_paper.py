"""The scatter plots of `figures_scatter` for paper, drawn with matplotlib."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.lines import Line2D
from matplotlib.ticker import LogLocator, NullFormatter, StrMethodFormatter

from ..style import CASED, INK, tidy
from .scatter import MANY, Axis, Dot, front_of, one_interval_per_checkpoint, symbol_of
from .style import Look, for_matplotlib

__all__ = ["scatter_static"]

_ANY_METHOD = Look("#777777")
_MARKERS = ("o", "s", "D", "^", "X", "*", "P", "h")


def scatter_static(
    panels: Sequence[tuple[Axis, Axis, Sequence[Dot]]], looks: Mapping[str, Look], title: str
) -> Figure:
    """Draw panels side by side with matplotlib, for paper, with one key below."""
    across = min(3, len(panels))
    down = math.ceil(len(panels) / across)
    layout = ConstrainedLayoutEngine(wspace=0.05, hspace=0.05)
    figure = Figure(figsize=(4.8 * across, 4.2 * down + 1.1), layout=layout, facecolor="white")
    axes = list(figure.subplots(down, across, squeeze=False).ravel())
    kinds = sorted({dot.kind for _, _, dots in panels for dot in dots})
    for axis, (x, y, dots) in zip(axes, panels, strict=False):
        _draw_panel(axis, x, y, dots, looks, kinds)
    for axis in axes[len(panels) :]:
        axis.set_visible(False)
    figure.suptitle(for_matplotlib(title, 90), fontsize=13, color=INK)
    groups = list(dict.fromkeys(dot.group for _, _, dots in panels for dot in dots))
    handles = [_handle("o", looks[group], group) for group in groups]
    if len(kinds) > 1:
        shapes = [(symbol_of(kind, kinds, _MARKERS), kind or "training unknown") for kind in kinds]
        handles += [_handle(marker, _ANY_METHOD, name) for marker, name in shapes]
    handles.append(Line2D([], [], linestyle=":", color="#777777", label="front"))
    ncols = max(1, int(figure.get_figwidth() / 2.4))
    figure.legend(handles=handles, loc="outside lower center", ncols=ncols, frameon=False, fontsize=10)
    return figure


def _handle(marker: str, look: Look, name: str) -> Line2D:
    line = Line2D([], [], linestyle="none", marker=marker, markersize=8, label=for_matplotlib(name, 26))
    line.set(**look.marker)
    return line


def _draw_panel(
    axes: Axes, x: Axis, y: Axis, dots: Sequence[Dot], looks: Mapping[str, Look], kinds: Sequence[str]
) -> None:
    faint = 0.3 if len(dots) > MANY else 0.8
    if x.log:
        axes.set_xscale("log")
        axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 3, 5, 7)))
        axes.xaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
        axes.xaxis.set_minor_formatter(NullFormatter())
    for dot in one_interval_per_checkpoint(dots):
        look = looks[dot.group]
        axes.plot(
            [dot.x[0] + dot.aside, dot.x[2] + dot.aside],
            [dot.y[1]] * 2,
            color=look.colour,
            linewidth=1.2,
            alpha=faint,
        )
        axes.plot([dot.place] * 2, [dot.y[0], dot.y[2]], color=look.colour, linewidth=1.2, alpha=faint)
        (mark,) = axes.plot([dot.place], [dot.y[1]], linestyle="none", zorder=3)
        mark.set(marker=symbol_of(dot.kind, kinds, _MARKERS), markersize=8)
        mark.set(**look.marker)
    front = front_of(dots, x, y)
    heights = [dots[at].y[1] for at in front]
    axes.plot([dots[at].place for at in front], heights, ":", color="#777777", zorder=2)
    for place, at in enumerate(front, start=1):
        where = (dots[at].place, dots[at].y[1])
        mark_number = axes.annotate(str(place), where, xytext=(5, 4), textcoords="offset points", zorder=4)
        mark_number.set(fontsize=10, color=INK, path_effects=CASED)
    axes.margins(0.08)
    axes.set_xlabel(for_matplotlib(x.title), fontsize=11, color=INK)
    axes.set_ylabel(for_matplotlib(y.title), fontsize=11, color=INK)
    tidy(axes, grid="both")
