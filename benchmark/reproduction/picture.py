"""Draws a published table as its source groups it: each cell's printed number, and ours with its interval."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.lines import Line2D

from ..pictures import INK, for_matplotlib, tidy
from ..tables import NO_REFERENCE, Source, published_column
from .judging import Judged, printed_to
from .reproducing import Reproduction
from .verdicts import Word, reach, tolerance_of

_COLOURS = {
    **dict.fromkeys((Word.EQUAL, Word.CLOSE, Word.CONSISTENT), "#009e73"),
    **dict.fromkeys((Word.DIFFERS, Word.INCONSISTENT), "#d55e00"),
    **dict.fromkeys((Word.AS_EXPECTED, Word.TOO_FEW), "#0072b2"),
}
_PALE = "#999999"  # nothing follows
_SHAPES = {Word.CLOSE: "D", Word.INCONSISTENT: "D", Word.TOO_FEW: "D", Word.VOID: "X", Word.NO_REFERENCE: "v"}
_ROW, _AROUND, _WIDTH = 0.25, 0.85, 3.2  # inches
_SPAN = 8.0  # points that an axis spans at least, so that a small difference looks small


def picture_of(found: Reproduction) -> Figure:
    """Draw a band for each column of the table, a panel for each metric in it, and a line for each row.

    A black stroke is the printed number, on a grey bar of its tolerance; a mark is ours, in the colour and
    shape of its verdict, with the interval of a sample. Both numbers stand at the right.
    """
    cells = found.judged
    columns = _unique(one.cell.column for one in cells)
    rows = {name: _unique(one.cell.row for one in cells if one.cell.column == name) for name in columns}
    metrics = {name: _unique(one.cell.metric for one in cells if one.cell.column == name) for name in columns}
    heights = [_ROW * len(rows[name]) + _AROUND for name in columns]
    names = 0.085 * max(len(row) for each in rows.values() for row in each)
    width = names + _WIDTH * max(map(len, metrics.values()))
    layout = ConstrainedLayoutEngine(wspace=0.04, hspace=0.05)
    figure = Figure(figsize=(width, sum(heights) + 1.1), layout=layout, facecolor="white")
    grid = figure.add_gridspec(len(columns), max(map(len, metrics.values())), height_ratios=heights)
    for down, name in enumerate(columns):
        label = found.table.dataset_of(next(one.cell for one in cells if one.cell.column == name)).label
        for across, metric in enumerate(metrics[name]):
            shown = [one for one in cells if (one.cell.column, one.cell.metric) == (name, metric)]
            axes = figure.add_subplot(grid[down, across])
            _draw(axes, shown, rows[name], found.table.source)
            if across:
                axes.set_yticklabels([])
            above = for_matplotlib(f"{name}: {label}", 60) if across == 0 else ""
            heading = f"{above}\n{published_column(metric).label} (%)"
            axes.set_title(heading, fontsize=10, color=INK, loc="left")
    figure.suptitle(for_matplotlib(found.table.source.title, 90), fontsize=12, color=INK)
    words = [word for word in Word if any(one.verdict.word is word for one in cells if _known(one))]
    handles = [Line2D([], [], color=INK, marker="|", markersize=11, markeredgewidth=2, linestyle="none")]
    handles += [_mark(word) for word in words]
    labels = ["published, grey: its tolerance", *map(str, words)]
    figure.legend(handles, labels, loc="outside lower center", frameon=False, fontsize=9, ncols=len(labels))
    return figure


def _draw(axes: Axes, shown: Sequence[Judged], rows: Sequence[str], source: Source) -> None:
    for one in shown:
        place, printed = rows.index(one.cell.row), one.cell.value
        around = reach(one.cell) + tolerance_of(one.cell, source)
        if one.cell.expected != NO_REFERENCE:
            grey: dict[str, Any] = {"color": "#d0d0d0", "linewidth": 9, "solid_capstyle": "butt", "zorder": 1}
            axes.plot([printed - around, printed + around], [place] * 2, **grey)
        axes.plot([printed], [place], "|", color=INK, markersize=13, markeredgewidth=1.6, zorder=3)
        text = f"{printed_to(printed, one.cell.printed)} → "
        if _known(one):
            ends = [end for end in (one.found.low, one.found.high) if not math.isnan(end)]
            axes.plot(ends, [place] * len(ends), color=INK, linewidth=1.1, zorder=1.5)
            axes.add_line(_mark(one.verdict.word, [one.found.value], [place]))
        text += f"{one.found.value:.2f}" if _known(one) else str(one.verdict.word)
        where = axes.get_yaxis_transform()
        colour = INK if _known(one) else _PALE
        axes.text(1.02, place, text, transform=where, fontsize=8, va="center", color=colour)
    axes.set_yticks(range(len(rows)), [for_matplotlib(row, 40) for row in rows])
    axes.set_ylim(len(rows) - 0.5, -0.5)
    axes.margins(x=0.08)
    start, end = axes.get_xlim()
    middle, half = (start + end) / 2, max(end - start, _SPAN) / 2
    axes.set_xlim(middle - half, middle + half)
    tidy(axes, grid="x")
    axes.tick_params(labelsize=8)


def _mark(word: Word, x: Sequence[float] = (), y: Sequence[float] = ()) -> Line2D:
    look: dict[str, Any] = {"marker": _SHAPES.get(word, "o"), "color": _COLOURS.get(word, _PALE)}
    return Line2D(x, y, linestyle="none", markersize=6.5, markeredgecolor="white", zorder=2, **look)


def _known(one: Judged) -> bool:
    return not math.isnan(one.found.value)


def _unique(names: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(names))
