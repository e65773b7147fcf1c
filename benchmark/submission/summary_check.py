"""Recomputes every number of summary.csv from records and predictions."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

import pandas as pd

from ...base import RaybenchError, quoted
from ..metrics import BoundMetric
from ..results import (
    NO_CHECKPOINT,
    SUMMARY_COLUMNS,
    Summary,
    predictions_file,
    records_file,
    summarise_predictions,
    summarise_records,
)
from ..statistics import INTERVALS
from .definition import Definition
from .findings import Findings
from .reading import read_csv
from .run_facts import RunFacts

__all__ = ["FILE", "Key", "check_summary", "expected_files", "metric_order", "read_summary_strictly"]

FILE = "summary.csv"
AGREE = 1e-9
"""Relative difference between sums of the same numbers in another version of numpy or scipy."""

Key = tuple[str, str, str, str]
_NUMBERS = ("value", "ci_low", "ci_high", "n", "n_classes", "degenerate")
_HEAD = SUMMARY_COLUMNS[: SUMMARY_COLUMNS.index("value")]


def read_summary_strictly(folder: Path, facts: RunFacts, findings: Findings) -> dict[Key, pd.Series[str]]:
    """Read summary.csv and check what its rows say they are.

    Returns:
        The texts of each row by checkpoint, attribution, metric and aggregate; `name` is the line.
    """
    texts = read_csv(folder, FILE, SUMMARY_COLUMNS, findings)
    if texts is None:
        return {}
    heading = {
        "suite": facts.suite.name,
        "protocol": facts.protocol.name,
        "protocol_id": facts.protocol.id,
        "dataset": facts.dataset.name,
    }
    for column, expected in heading.items():
        findings.lines(
            FILE,
            [
                (int(str(line)), f"{column} is {quoted(text)}; expected {expected!r} as in run.json")
                for line, text in texts.loc[texts[column] != expected, column].items()
            ],
        )
    rows: dict[Key, pd.Series[str]] = {}
    faults = []
    for line, row in texts.iterrows():
        key: Key = (row["checkpoint"], row["attribution"], row["metric"], row["aggregate"])
        if key in rows:
            faults.append((int(str(line)), f"{_worded(key)} is there twice"))
        rows.setdefault(key, row)
    findings.lines(FILE, faults)
    return rows


def metric_order(rows: Mapping[Key, object], metrics: Sequence[BoundMetric]) -> list[BoundMetric]:
    """Return localisation metrics in the order of the suite, which rows of the summary keep."""
    order = list(dict.fromkeys(metric for _, _, metric, _ in rows))
    chosen = [metric for metric in metrics if metric.metric.per_query]
    return sorted(
        chosen, key=lambda one: order.index(one.metric.name) if one.metric.name in order else len(order)
    )


def check_summary(
    rows: Mapping[Key, pd.Series[str]],
    facts: RunFacts,
    definition: Definition,
    records: Mapping[tuple[str, str], pd.DataFrame | None],
    predictions: Mapping[str, pd.DataFrame | None],
    findings: Findings,
) -> None:
    """Compare every number with what the records and predictions give; note rows that lack or are too many.

    Args:
        rows: from `read_summary_strictly`.
        facts: of the run.
        definition: its names, resolved.
        records: by checkpoint and attribution; None where a file is damaged.
        predictions: by checkpoint; likewise.
        findings: where differences are noted.
    """
    expected: dict[Key, Summary | None] = {}
    damaged = set()
    for (checkpoint, attribution), frame in records.items():
        if frame is None:
            damaged.add((checkpoint, attribution))
            continue
        for summary in summarise_records(frame, [one.metric for one in definition.metrics]):
            expected[checkpoint, attribution, summary.metric, summary.aggregate] = summary
    for checkpoint, frame in predictions.items():
        if frame is None:
            damaged.add((checkpoint, ""))
            continue
        for summary in _predicted(frame, rows, facts, definition, checkpoint, findings):
            expected[checkpoint, "", summary.metric, summary.aggregate] = summary
    if facts.intervals != INTERVALS:
        findings.problem(
            FILE,
            f"its intervals are of an older kind ({quoted(facts.intervals)}); `raybench run` with the same "
            "command makes them anew from the records",
        )
    for key, row in rows.items():
        if key in expected:
            _compare(key, row, expected[key], findings)
        elif key[:2] not in damaged:
            findings.problem(FILE, f"{_worded(key)}: there are no such records", line=int(str(row.name)))
    for key in sorted(expected.keys() - rows.keys()):
        findings.problem(FILE, f"no row for {_worded(key)}, though {_source(key)} has its values")


def _predicted(
    frame: pd.DataFrame,
    rows: Mapping[Key, pd.Series[str]],
    facts: RunFacts,
    definition: Definition,
    checkpoint: str,
    findings: Findings,
) -> list[Summary]:
    metrics = [one.metric for one in definition.metrics]
    n_classes = len(definition.classes) if definition.classes is not None else _stated_classes(frame, rows)
    try:
        return summarise_predictions(frame, metrics, n_classes=n_classes)
    except RaybenchError as error:
        findings.problem(predictions_file(checkpoint), quoted(error, 300)[1:-1])
        return []


def _stated_classes(frame: pd.DataFrame, rows: Mapping[Key, pd.Series[str]]) -> int:
    """Number of classes of a list that only the submitter knows: as the summary says, but enough."""
    shown = (
        max((int(word) for text in frame.to_numpy()[:, 1:].ravel() for word in text.split()), default=0) + 1
    )
    stated = (
        int(row["n_classes"])
        for (_, attribution, _, aggregate), row in rows.items()
        if not attribution and aggregate == "class_mean" and row["n_classes"].isdecimal()
    )
    return min(max(shown, next(stated, 0)), 20_000)


def _compare(key: Key, row: pd.Series[str], expected: Summary | None, findings: Findings) -> None:
    """Note each number of a row that the records do not give."""
    assert expected is not None
    line = int(str(row.name))
    for column, number in asdict(expected).items():
        if column in _NUMBERS and not _agrees(row[column], number):
            given = "nothing" if math.isnan(number) else repr(number)
            findings.problem(
                FILE,
                f"{column} of {_worded(key)} is {quoted(row[column])}; {_source(key)} gives {given}",
                line=line,
            )


def _agrees(text: str, number: float | int) -> bool:
    if isinstance(number, int):
        return text == str(number)
    if math.isnan(number):
        return text == ""
    try:
        value = float(text)
    except ValueError:
        return False
    return text == repr(value) and math.isclose(value, number, rel_tol=AGREE, abs_tol=AGREE)


def _source(key: Key) -> str:
    return records_file(*key[:2]) if key[1] else predictions_file(key[0])


def _worded(key: Key) -> str:
    checkpoint, attribution, metric, aggregate = (quoted(word)[1:-1] for word in key)
    row = checkpoint if not attribution else f"{checkpoint}/{attribution}"
    return f"{row}, {metric} ({aggregate})"


def expected_files(folder: Path, facts: RunFacts, definition: Definition) -> Iterator[tuple[str, str]]:
    """Yield checkpoint and attribution (empty for predictions) of every file that a complete run has.

    Of a method that is not installed here, the files that are there.
    """
    predicts = any(metric.metric.of_predictions for metric in definition.metrics)
    for checkpoint in (*(entry.name for entry in facts.checkpoints), NO_CHECKPOINT):
        if predicts and checkpoint != NO_CHECKPOINT:
            yield checkpoint, ""
        for entry in facts.attributions:
            method = definition.attributions.get(entry.name)
            there = (folder / records_file(checkpoint, entry.name)).is_file()
            if (method.kind == "network") == (checkpoint != NO_CHECKPOINT) if method else there:
                yield checkpoint, entry.name
