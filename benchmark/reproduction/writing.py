"""Prints what was reproduced: for the terminal, as CSV, Markdown, LaTeX, JSON and a picture."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from ..pictures import save_plot
from ..results import write_atomically
from ..tables import PublishedValue, escape_markdown, published_column
from .judging import Judged, Sample, printed_to
from .paper import latex_of
from .picture import picture_of
from .ready import Readiness
from .reproducing import Reproduction
from .table import PublishedTable
from .verdicts import tolerance_of

_CELL = ("column", "row", "checkpoint", "attribution", "dataset", "metric", "aggregate")
_NUMBERS = ("published", "printed", "tolerance", "measured", "low", "high")
_FILE_COLUMNS = (*_CELL, *_NUMBERS, "verdict", "reason", "note")
_HEADINGS = ("column", "row", "metric", "published", "measured", "difference", "verdict")


def lines_of(found: Reproduction) -> Iterator[str]:
    """Yield the lines of a reproduction for the terminal: a block for each column."""
    yield found.table.source.title
    for column in dict.fromkeys(one.cell.column for one in found.judged):
        rows = [one for one in found.judged if one.cell.column == column]
        yield ""
        yield f"{column}: {found.table.dataset_of(rows[0].cell).label}{_of_sample(found.samples.get(column))}"
        yield from _aligned([_HEADINGS[1:], *(_texts(one)[1:] for one in rows)])
    yield ""
    yield found.verdict


def planned_lines(table: PublishedTable, ready: Readiness, limit: int | None = None) -> Iterator[str]:
    """Yield what would be measured, cell by cell, what is missing and how long it may take."""
    yield f"{table.source.title}; protocol {table.source.protocol}"
    yield f"{table.source.citation}; {table.source.source}"
    total = 0.0
    for column, cells in _by_column(table.cells):
        dataset, measured = (
            table.dataset_of(cells[0]),
            [one for one in cells if one.key not in table.impossible],
        )
        yield ""
        yield f"{column}: {dataset.label}{_precision(limit, dataset.images)}"
        yield from _repeated(table, cells)
        rows, seen = [("row", "metric", "published", "time", "")], set[str]()
        for cell in cells:
            passes = 0.0 if cell.row in seen else ready.passes.get((column, cell.row), 0.0)
            seen.add(cell.row)
            total += passes if cell in measured else 0.0
            metric, printed = published_column(cell.metric).label, printed_to(cell.value, cell.printed)
            time = worded_time(passes / ready.rate) if passes else ""
            rows.append((cell.row, metric, printed, time, table.impossible.get(cell.key, cell.expected)))
        yield from _aligned(rows)
    yield ""
    for lack in ready.lacks:
        yield f"missing: {lack.what}: {lack.how}"
    for file in {file.path: file for file in reversed(ready.weights)}.values():
        size = table.source.checkpoints[file.card].megabytes if file.card in table.source.checkpoints else 0
        yield f"to download: weights of {file.card}, {f'about {size} MB, ' if size else ''}{file.url}"
    if ready.weights:
        yield f"`raybench fetch {table.name}` gets them ahead of a run; with --dry-run it says their sizes"
    seconds = total / ready.rate
    faster = f", {worded_time(seconds / ready.on_gpu)} on a data-centre GPU" if ready.on_gpu > 1 else ""
    time = f"; {worded_time(seconds)} in all on {ready.place}{faster}" if total else ""
    yield f"{len(table.cells)} cells, {len(table.impossible)} of them cannot be measured here{time}"


def _by_column(cells: Sequence[PublishedValue]) -> Iterator[tuple[str, list[PublishedValue]]]:
    for column in dict.fromkeys(cell.column for cell in cells):
        yield column, [cell for cell in cells if cell.column == column]


def _precision(limit: int | None, images: int) -> str:
    """Say how large a sample is, and what can be known from it."""
    if limit is None or limit >= images:
        return ""
    half = 196 * math.sqrt(0.8 * 0.2 / limit * (images - limit) / max(1, images - 1))
    drawn = f"a random sample of {limit:,} of {images:,} pictures"
    return f", {drawn}: what is 80 % is known to about ± {half:.1f} points"


def _repeated(table: PublishedTable, cells: Sequence[PublishedValue]) -> Iterator[str]:
    """Say of a column that is a copy of another that it is one."""
    for dataset in dict.fromkeys(cell.dataset for cell in cells):
        if dataset in table.source.repeated:
            yield table.source.repeated[dataset]


def worded_time(seconds: float) -> str:
    """Word a duration that was estimated."""
    minutes = max(1, round(seconds / 60))
    hours, rest = divmod(minutes, 60)
    return f"about {f'{hours:,} h' if hours >= 10 else f'{hours} h {rest} min' if hours else f'{rest} min'}"


def write_reproduction(found: Reproduction, out: Path) -> tuple[Path, ...]:
    """Write `reproduction.csv`, `.md`, `.tex`, `.json`, `.png` and `.svg` into a folder; return the paths."""
    texts = {
        "csv": _csv(found),
        "md": _markdown(found),
        "tex": latex_of(found, list(_notes(found))),
        "json": _json(found),
    }
    paths = []
    for suffix, text in texts.items():
        paths.append(out / f"reproduction.{suffix}")
        write_atomically(paths[-1], text)
    return (*paths, *save_plot(picture_of(found), out, "reproduction"))


def _texts(one: Judged) -> tuple[str, ...]:
    """Return the texts of a cell, under the headings."""
    cell, value = one.cell, one.found.value
    measured = printed_to(value, 0.01)
    if not math.isnan(one.found.low):
        measured += f" [{printed_to(one.found.low, 0.01)}, {printed_to(one.found.high, 0.01)}]"
    difference = "" if math.isnan(value) else f"{value - cell.value:+.2f}".replace("-0.00", "+0.00")
    verdict = f"{one.verdict}{f' ({one.note})' if one.note else ''}"
    metric, published = published_column(cell.metric).label, printed_to(cell.value, cell.printed)
    return (cell.column, cell.row, metric, published, measured, difference, verdict)


def _of_sample(sample: Sample | None) -> str:
    if sample is None:
        return ", all pictures"
    kind = ", as many of every class" if sample.by_class else ""
    return f", a random sample of {sample.images:,} of {sample.of:,} pictures{kind} (seed {sample.seed})"


def _aligned(rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """Yield rows with their columns under each other."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        yield "  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip()


def _csv(found: Reproduction) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(_FILE_COLUMNS)
    for one in found.judged:
        cell = one.cell
        tolerance = tolerance_of(cell, found.table.source)
        numbers = [cell.value, cell.printed, tolerance, *one.found]
        writer.writerow(
            [getattr(cell, name) for name in _CELL]
            + ["" if math.isnan(number) else repr(number) for number in numbers]
            + [str(one.verdict.word), one.verdict.reason, one.note]
        )
    return text.getvalue()


def _markdown(found: Reproduction) -> str:
    lines = [f"**{escape_markdown(found.table.source.title)}**", "", f"| {' | '.join(_HEADINGS)} |"]
    lines.append("|" + " --- |" * 3 + " ---: |" * 3 + " --- |")
    lines += [f"| {' | '.join(map(escape_markdown, _texts(one)))} |" for one in found.judged]
    lines += ["", *(f"- {escape_markdown(note)}" for note in _notes(found))]
    return "\n".join(lines) + "\n"


def _notes(found: Reproduction) -> Iterator[str]:
    columns = dict.fromkeys(one.cell.column for one in found.judged)
    for column in columns:
        first = next(one.cell for one in found.judged if one.cell.column == column)
        label = found.table.dataset_of(first).label
        yield f"{column}: {label}{_of_sample(found.samples.get(column))}"
    yield f"in percent; protocol {found.table.source.protocol}; published in: {found.table.source.citation}"
    yield found.verdict


def _json(found: Reproduction) -> str:
    """Return all that identifies what was measured, beside the verdicts."""
    kept = ("protocol", "dataset", "weights_sha256", "versions", "device", "status")
    facts: Mapping[str, Any] = {
        "table": found.table.name,
        "source": found.table.source.source,
        "regenerated": found.regenerated,
        "counts": found.counts,
        "columns": {
            column: {
                **{key: manifest[key] for key in kept if key in manifest},
                "sample": sample._asdict() if (sample := found.samples.get(column)) else None,
            }
            for column, manifest in found.manifests.items()
        },
        "cells": [
            {
                "column": one.cell.column,
                "row": one.cell.row,
                "metric": one.cell.metric,
                "published": one.cell.value,
                "measured": None if math.isnan(one.found.value) else one.found.value,
                "verdict": str(one.verdict.word),
                "reason": one.verdict.reason,
            }
            for one in found.judged
        ],
    }
    return json.dumps(facts, indent=2, sort_keys=True) + "\n"
