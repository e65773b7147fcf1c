"""A figure of a section: what the reader may choose, and a panel for each choice."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

from matplotlib.figure import Figure

from ...results import NO_CHECKPOINT, BoardRow, Column, Section, label_of
from ..drawing.panels import Panel
from ..drawing.paper import figure_of, in_bands
from ..drawing.screen import data_of, layout_of


class Control(NamedTuple):
    """A choice that the reader has: a label and what can be chosen; names are plain text."""

    label: str
    options: tuple[str, ...]


class View(NamedTuple):
    """What is drawn for the chosen options `at`, as plotly wants it; to be laid over `base_layout`."""

    at: tuple[int, ...]
    data: Sequence[Mapping[str, Any]]
    layout: Mapping[str, Any]


@dataclass(frozen=True, eq=False)
class Drawing:
    """A figure of a section, for the page and for paper.

    Attributes:
        key: `[a-z]+`, unique in the section.
        description: what is drawn and what it shows, for those who do not see it.
        controls: what the reader may choose.
        panels: by the numbers of the chosen options; the first is shown first, and choices without a panel
            are offered but have nothing to show.
        printed: those that paper shows, side by side, below a heading.
    """

    key: str
    title: str
    description: str
    controls: tuple[Control, ...]
    panels: Mapping[Any, Panel]
    printed: tuple[Panel, ...]
    heading: str

    @property
    def views(self) -> tuple[View, ...]:
        """The panels as the page draws them."""
        return tuple(View(at, data_of(panel), layout_of(panel)) for at, panel in self.panels.items())

    @cached_property
    def static(self) -> Figure:
        """The same for paper."""
        return figure_of(in_bands(self.printed), self.heading)


def row_name(row: BoardRow, joint: str = " · ") -> str:
    """Name a row: checkpoint and attribution."""
    method = method_name(row)
    if row.checkpoint == NO_CHECKPOINT:
        return method
    return f"{label_of('checkpoint', row.checkpoint, row.folder)}{joint}{method}"


def method_name(row: BoardRow) -> str:
    """Name the method of a row, by its label if it has one."""
    return label_of("attribution", row.attribution, row.folder)


def with_network(section: Section) -> list[BoardRow]:
    """Return the rows of checkpoints, without the floor and the ceiling."""
    return [row for row in section.rows if row.checkpoint != NO_CHECKPOINT]


def map_columns(section: Section) -> list[Column]:
    """Return the metrics of maps."""
    return [column for column in section.columns if not column.about_checkpoint]


def span_of(column: Column, values: Sequence[float]) -> tuple[float, float]:
    """Return the ends of a metric's scale: its bounds, or round places behind all values for open ones."""
    low, high = column.bounds
    there = [value for value in values if math.isfinite(value)]
    low = _rounded(min(there, default=0.0), math.floor) if math.isinf(low) else low
    high = _rounded(max(there, default=1.0), math.ceil) if math.isinf(high) else high
    return (low, high) if high > low else (low, low + 1)


def _rounded(value: float, towards: Callable[[float], int]) -> float:
    step = 10.0 ** math.floor(math.log10(abs(value))) / 2 if value else 1.0
    return step * towards(value / step)
