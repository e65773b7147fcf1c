"""Puts what runs measured, or papers published, into tables."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from ...base import RaybenchError
from ..results import (
    NO_CHECKPOINT,
    Column,
    ResultFolder,
    Row,
    Score,
    Table,
    columns_of,
    dataset_label,
    group_comparable,
    label_of,
    open_results,
    protocol_changes,
    refuse_incomparable,
    remarks,
)
from ..statistics import AGGREGATE_WORDS
from .arranging import chosen_columns, chosen_rows, pivoted
from .entries import TIED, Entry, entries_of, mark_best
from .matching import published_beside, published_column
from .published import SOURCES, PublishedValue, load_published

_USUAL_SIGN = ("sign", "positive")
"""What a manifest says of every method whose maps have a sign."""


def comparison_table(
    folders: Sequence[str | Path],
    *,
    with_published: bool = False,
    mixed: bool = False,
    subset: str = "",
    rows: Sequence[str] = (),
    columns: Sequence[str] = (),
    pivot: str = "",
    tied: bool = False,
) -> Table:
    """Compare what one or several runs measured.

    Args:
        folders: result folders of `raybench run`.
        with_published: put the published value beside each measured one that has one.
        mixed: allow runs under different protocols or on different data; the best value is then marked among
            comparable rows only.
        subset: of the queries of this subset alone, such as `difficult`.
        rows: checkpoints, attributions or pairs (`resnet18/grad_cam`) in the order wanted, `*` for anything;
            empty for all.
        columns: labels or names of the metrics wanted, in their order; empty for all.
        pivot: `attribution` or `checkpoint`, each of which then has a column under every metric.
        tied: mark all rows that cannot be told from the best by paired tests, where records are at hand.

    Returns:
        A row per checkpoint and attribution in the order of the runs, methods without a network last;
        accuracy and F1 of the checkpoint stand in each of its rows.

    Raises:
        RaybenchError: a folder without results, a damaged file, or runs that are not comparable; says which
            field differs. No such row or column.
    """
    if not folders:
        raise RaybenchError("no result folder was given; give the --out folder of `raybench run`")
    runs = [open_results(folder, subset) for folder in dict.fromkeys(Path(folder) for folder in folders)]
    if not mixed:
        refuse_incomparable(runs, "use --mixed to show both")
    groups = group_comparable(runs)
    entries = [entry for run, group in zip(runs, groups, strict=True) for entry in entries_of(run, group)]
    entries.sort(key=lambda entry: entry.checkpoint == NO_CHECKPOINT)  # the floor and ceiling rows last
    if not entries:
        raise RaybenchError(f"{runs[0].files.summary} has no rows; measure first with `raybench run`")
    entries = chosen_rows(entries, rows)
    shown = chosen_columns(columns_of((run, row) for run in runs for row in run.rows), columns)
    headings, labels = _labels(entries)
    cells = [[_cell(entry, column, with_published=with_published) for column in shown] for entry in entries]
    grid, tested = mark_best(cells, entries, shown, tied=tied)
    table = Table(
        _title(runs),
        headings,
        shown,
        tuple(
            Row(label, tuple(cells), entry.queries, entry.degenerate)
            for label, cells, entry in zip(labels, grid, entries, strict=True)
        ),
        shown=_shown(entries),
    )
    first, *others = _notes(table, runs, with_published=with_published)
    notes = (first, *_marks(table, tested), *others)
    return pivoted(replace(table, notes=notes), pivot) if pivot else replace(table, notes=notes)


def published_tables(source: str) -> tuple[Table, ...]:
    """Return the tables that a source published, one per dataset.

    Raises:
        UnknownNameError: no such source; names the nearest.
    """
    values = load_published(source)
    return tuple(
        _published_table(source, dataset, [value for value in values if value.dataset == dataset])
        for dataset in dict.fromkeys(value.dataset for value in values)
    )


def _published_table(source: str, dataset: str, values: Sequence[PublishedValue]) -> Table:
    by_key = {(v.architecture, v.training, v.attribution, v.metric): v for v in values}
    columns = tuple(published_column(metric) for metric in dict.fromkeys(value.metric for value in values))
    title = f"{SOURCES[source].title}: {dataset}"
    methods = {value.attribution for value in values}
    width = 3 if len(methods) > 1 else 2  # a method that all rows share goes to the title
    if len(methods) == 1:
        title += f", {methods.pop()}"
    rows = []
    for key in dict.fromkeys(key[:3] for key in by_key):
        found = [by_key.get((*key, column.metric)) for column in columns]
        cells = tuple(Score(v.value, mark=v.mark) if v else Score() for v in found)
        rows.append(Row(key[:width], cells))
    headings = ("architecture", "training", "attribution")[:width]
    return Table(title, headings, columns, tuple(rows), ("in percent, as published",))


def _labels(entries: Sequence[Entry]) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    """Return headings and each row's labels, as many as rows and groups need to be told apart."""
    parts = {
        "dataset": [dataset_label(entry.folder) for entry in entries],
        "protocol": [entry.folder.protocol for entry in entries],
        "protocol_id": [str(entry.folder.summary["protocol_id"].iloc[0]) for entry in entries],
        "run": _short([entry.folder.path for entry in entries]),
        "checkpoint": [entry.checkpoint for entry in entries],
        "attribution": [entry.attribution for entry in entries],
    }
    groups = len({entry.group for entry in entries})
    outer = ["dataset", "protocol"] if groups > 1 else []
    inner = ["checkpoint", "attribution"]
    for extra in ("protocol_id", "run"):
        told_apart = _distinct(parts, outer) >= groups and _distinct(parts, outer + inner) == len(entries)
        if not told_apart and _distinct(parts, [*outer, extra]) > _distinct(parts, outer):
            outer.append(extra)
    headings = outer + inner
    return tuple(headings), list(zip(*(parts[heading] for heading in headings), strict=True))


def _short(paths: Sequence[Path]) -> list[str]:
    """Name folders by as many of the last parts of their paths as tell them apart."""
    whole = [path.resolve().parts for path in paths]
    for kept in range(1, max(map(len, whole)) + 1):
        short = ["/".join(parts[-kept:]) for parts in whole]
        if len(set(short)) == len(set(whole)):
            return short
    return [str(path) for path in paths]


def _shown(entries: Sequence[Entry]) -> dict[str, dict[str, str]]:
    """Return labels by heading and name; none that two things bear in different runs."""
    found: dict[str, dict[str, str]] = {"checkpoint": {}, "attribution": {}}
    for kind, labels in found.items():
        for entry in entries:
            name = getattr(entry, kind)
            labels[name] = label_of(kind, name, entry.folder)
        count = Counter(labels.values())
        found[kind] = {name: label for name, label in labels.items() if label != name and count[label] == 1}
    return found


def _distinct(parts: Mapping[str, Sequence[str]], headings: Sequence[str]) -> int:
    return len(set(zip(*(parts[heading] for heading in headings), strict=True))) if headings else 1


def _cell(entry: Entry, column: Column, *, with_published: bool) -> Score:
    row = entry.scores.get((column.metric, column.aggregate), {})
    asks = column.about_checkpoint or column.needs_network
    applies = not (asks and entry.checkpoint == NO_CHECKPOINT)
    nan = math.nan
    cell = Score(row.get("value", nan), row.get("ci_low", nan), row.get("ci_high", nan), applies=applies)
    if not (with_published and applies):
        return cell
    return published_beside(cell, entry.folder, entry.checkpoint, entry.attribution, column)


def _notes(table: Table, runs: Sequence[ResultFolder], *, with_published: bool) -> tuple[str, ...]:
    """Say what the numbers are, what is missing and what was degenerate."""
    by_aggregate: dict[str, list[str]] = {}
    for column in table.columns:
        by_aggregate.setdefault(column.aggregate, []).append(_named(column))
    means = [f"{', '.join(names)}: {AGGREGATE_WORDS.get(key, key)}" for key, names in by_aggregate.items()]
    plain = [column.label for column in table.columns if column.unit != "percent"]
    units = f"in percent, but for {', '.join(plain)}" if plain else "in percent"
    notes = ["; ".join([units, *means])]
    pointing = [column.label for column in table.columns if column.judges_point]
    reach = {run.protocol_fields.get("tolerance_px") for run in runs}
    if pointing and len(reach) == 1 and isinstance(pixels := reach.pop(), int) and pixels:
        notes.append(f"{', '.join(pointing)}: a point closer than {pixels} pixels to the object hits it")
    if "queries" not in table.counts and table.rows[0].queries:
        notes.append(f"queries per row: {table.rows[0].queries:,}")
    if with_published:
        any_published = any(not math.isnan(cell.published) for row in table.rows for cell in row.cells)
        words = "in brackets: published for this checkpoint and attribution"
        notes.append(words if any_published else "no published values for these rows")
    notes += [note for note in dict.fromkeys(protocol_changes(run) for run in runs) if note]
    if "degenerate" in table.counts:
        notes.append(
            "degen.: degenerate maps, all zero, constant, cancelled or NaN (status in records.csv says "
            "which); they are scored as uniform"
        )
    asking = [
        column.label for column in table.columns if column.needs_network and not column.about_checkpoint
    ]
    checkpoints = {row.labels[table.headings.index("checkpoint")] for row in table.rows}
    if asking and NO_CHECKPOINT in checkpoints:
        notes.append(f"{', '.join(asking)}: the network is asked again, so methods without one have no value")
    if table.missing:
        notes.append(f"missing scores, left empty: {table.missing}")
    return (*notes, *_options(runs), *remarks(runs))


def _marks(table: Table, tested: Collection[str]) -> Iterator[str]:
    """Say what is marked, where tests marked anything: the other columns have their best value marked."""
    columns = zip(table.columns, *(row.cells for row in table.rows), strict=True)
    marked = [column for column, *cells in columns if any(cell.best for cell in cells)]
    others = [column.label for column in marked if column.metric not in tested]
    if len(others) < len(marked):
        yield "; ".join([TIED, *([f"{', '.join(others)}: the best value"] if others else [])])


def _named(column: Column) -> str:
    """Name a column, with its whole name if that says more."""
    says_it = column.label.casefold() in column.title.casefold() or not column.title
    return column.label if says_it else f"{column.label} ({column.title[:1].lower()}{column.title[1:]})"


def _options(runs: Sequence[ResultFolder]) -> Iterator[str]:
    """Say which methods ran with other options than usual."""
    told = set()
    for run in runs:
        for name, entry in run.attributions.items():
            options = entry.get("options")
            own = options.items() if isinstance(options, dict) else ()
            words = [f"{key} = {value}" for key, value in own if (key, value) != _USUAL_SIGN]
            told |= {f"{label_of('attribution', name, run)}: {', '.join(words)}"} if words else set()
    return iter(sorted(told))


def _title(runs: Sequence[ResultFolder]) -> str:
    parts = dict.fromkeys(
        f"{dataset_label(run)}{run.subset and f', {run.subset} queries'}, protocol {run.protocol}"
        for run in runs
    )
    return "; ".join(parts)
