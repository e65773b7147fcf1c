"""A table of scores, before it is printed in any format."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import pandas as pd

from ..statistics import GROUPS, RankRange
from .facts import facts_of
from .files.folder import ResultFolder


@dataclass(frozen=True)
class Column:
    """A metric of a table."""

    metric: str
    label: str
    aggregate: str
    higher_is_better: bool = True
    about_checkpoint: bool = False
    """True for accuracy and F1, which do not depend on the attribution."""
    ranked: bool = True
    """False where no value is better than another."""
    title: str = ""
    words: str = ""
    unit: str = "percent"
    bounds: tuple[float, float] = (0.0, 100.0)
    needs_network: bool = False
    """True where maps of methods without a network can have no value."""
    judges_point: bool = False
    """True where the value says whether the most salient pixel hits."""
    perfect: float | None = None
    group: str = "localisation"
    places: int | None = None
    """Digits to print behind the point, where a reader wants others than usual."""
    over: str = ""
    """What stands above this column and its neighbours, where one metric has several."""

    @property
    def place(self) -> tuple[bool, int]:
        """Where it stands in a table: the checkpoint's own numbers, then groups in the order of `GROUPS`."""
        return not self.about_checkpoint, GROUPS.index(self.group) if self.group in GROUPS else len(GROUPS)

    @property
    def heading(self) -> str:
        """The label with an arrow to where better values lie, if anywhere."""
        arrow = (
            ""
            if not self.ranked
            else " \N{UPWARDS ARROW}"
            if self.higher_is_better
            else " \N{DOWNWARDS ARROW}"
        )
        return f"{self.label}{arrow}"

    @property
    def whole_title(self) -> str:
        """The whole name; the label where there is none."""
        return self.title or self.label

    @property
    def digits(self) -> int:
        """How many digits are printed behind the point."""
        usual = 2 if self.unit == "percent" else 3
        return usual if self.places is None else self.places

    def printed(self, value: float) -> str:
        """Print a value; nothing for NaN."""
        return "" if math.isnan(value) else f"{value:.{self.digits}f}"

    def printed_interval(self, low: float, high: float) -> str:
        """Print an interval, in percent with as many digits as its width needs; nothing if it is unknown."""
        if math.isnan(low) or math.isnan(high):
            return ""
        digits = 1 if self.unit == "percent" and high - low >= 1 else self.digits
        return f"{low:.{digits}f}\N{EN DASH}{high:.{digits}f}"


@dataclass(frozen=True)
class Score:
    """One number of a row.

    Attributes:
        value: in the unit of its column; NaN if it is missing.
        low, high: 95 % interval; NaN if unknown.
        best: True for the best value of its column among comparable rows.
        published: the published value of the same thing, in percent; NaN if there is none.
        source: title of where that was published; empty if it was not.
        mark: what a reader must know about the published value.
        rank: which places the row may hold among comparable rows; None where rows are not ranked.
        applies: False where there can be no score, as of a metric that asks the network and a map without
            one.
    """

    value: float = math.nan
    low: float = math.nan
    high: float = math.nan
    best: bool = False
    published: float = math.nan
    source: str = ""
    mark: str = ""
    rank: RankRange | None = None
    applies: bool = True


@dataclass(frozen=True)
class Row:
    """The scores of one checkpoint and attribution.

    Attributes:
        labels: as many as the table's headings.
        cells: as many as its columns.
        queries: how many the scores are means of.
        degenerate: queries whose map was all zero, constant, cancelled or NaN.
    """

    labels: tuple[str, ...]
    cells: tuple[Score, ...]
    queries: int = 0
    degenerate: int = 0


@dataclass(frozen=True)
class Table:
    """A table, before it is printed in any format.

    Attributes:
        headings: of the label columns, such as ("checkpoint", "attribution").
        columns: the metrics.
        notes: sentences to print below.
        shown: what people call things, by heading and name; names without an entry are shown as they are.
    """

    title: str
    headings: tuple[str, ...]
    columns: tuple[Column, ...]
    rows: tuple[Row, ...]
    notes: tuple[str, ...] = ()
    shown: Mapping[str, Mapping[str, str]] = field(default_factory=dict)

    @property
    def labelled(self) -> Table:
        """The table for people: with labels in place of names, also of columns that a pivot made."""
        if not any(self.shown.values()):
            return self
        every = {name: label for labels in self.shown.values() for name, label in labels.items()}
        columns = [
            replace(column, label=every.get(column.label, column.label)) if column.over else column
            for column in self.columns
        ]
        of_heading = [self.shown.get(heading, {}) for heading in self.headings]
        rows = [replace(row, labels=tuple(map(_get, of_heading, row.labels))) for row in self.rows]
        return replace(self, columns=tuple(columns), rows=tuple(rows), shown={})

    @property
    def missing(self) -> int:
        """Number of scores that could be there and are not."""
        return sum(math.isnan(cell.value) and cell.applies for row in self.rows for cell in row.cells)

    @property
    def counts(self) -> dict[str, list[int]]:
        """Counts that a reader needs: queries if rows differ in them, degenerate maps if there are any."""
        counts = {
            "queries": [row.queries for row in self.rows],
            "degenerate": [row.degenerate for row in self.rows],
        }
        shown = {"queries": len(set(counts["queries"])) > 1, "degenerate": any(counts["degenerate"])}
        return {name: values for name, values in counts.items() if shown[name]}

    def frame(self) -> pd.DataFrame:
        """Return the table at full precision: columns of labels, values, intervals and published values.

        Columns without any value, such as published ones where nothing is published, are left out.
        """
        data: dict[str, list[str] | list[float]] = {
            heading: [row.labels[place] for row in self.rows] for place, heading in enumerate(self.headings)
        }
        for place, column in enumerate(self.columns):
            cells = [row.cells[place] for row in self.rows]
            data[column.metric] = [cell.value for cell in cells]
            extras = {
                "ci_low": [cell.low for cell in cells],
                "ci_high": [cell.high for cell in cells],
                "published": [cell.published for cell in cells],
            }
            for suffix, values in extras.items():
                if not all(map(math.isnan, values)):
                    data[f"{column.metric}_{suffix}"] = values
            if any(cell.mark for cell in cells):
                data[f"{column.metric}_note"] = [cell.mark for cell in cells]
        return pd.DataFrame({**data, **self.counts})


def _get(labels: Mapping[str, str], name: str) -> str:
    return labels.get(name, name)


def column_for(
    metric: str, aggregate: str, runs: Sequence[ResultFolder] = (), *, about_checkpoint: bool = False
) -> Column:
    """Return the column of a metric, with the facts that the runs say of it; see `facts_of`."""
    known = facts_of(metric, runs)
    if known is None:
        return Column(metric, metric.replace("_", " "), aggregate, about_checkpoint=about_checkpoint)
    return Column(
        metric,
        known.label,
        aggregate,
        higher_is_better=known.higher_is_better is not False,
        about_checkpoint=known.of_predictions,
        ranked=known.higher_is_better is not None,
        title=known.title,
        words=known.words,
        unit=known.unit,
        bounds=known.bounds,
        needs_network=known.asks_network or known.of_predictions,
        judges_point=known.judges_point,
        perfect=known.perfect,
        group=known.group,
    )


def columns_of(rows: Iterable[tuple[ResultFolder, Mapping[str, Any]]]) -> tuple[Column, ...]:
    """Return one column per metric, under the aggregate that the protocol quotes, group by group.

    Args:
        rows: rows of summaries, each with its run.
    """
    rows = list(rows)
    runs = list(dict.fromkeys(run for run, _ in rows))
    columns: dict[str, Column] = {}
    for run, row in rows:
        metric = row["metric"]
        if metric not in columns:
            quoted = quoted_aggregate(run, metric, row["aggregate"])
            columns[metric] = column_for(metric, quoted, runs, about_checkpoint=not row["attribution"])
    return tuple(sorted(columns.values(), key=lambda column: column.place))


def quoted_aggregate(run: ResultFolder, metric: str, otherwise: str) -> str:
    """Return how a metric's values become the number to quote: a protocol says it in a field of its name."""
    return str(run.protocol_fields.get(metric, otherwise))
