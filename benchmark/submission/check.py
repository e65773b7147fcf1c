"""Checks a bundle, or a result folder, without trusting a byte of it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping, Set
from dataclasses import dataclass, field, replace
from pathlib import Path

import pandas as pd

from ...base import RaybenchError, quoted
from ..results import (
    CURVES,
    PREDICTION_COLUMNS,
    PREDICTIONS,
    RECORD_COLUMNS,
    RECORDS,
    STATISTICS,
    SUMMARY,
    SUMMARY_COLUMNS,
    Key,
    Summary,
    SummaryRow,
    is_known_name,
    keyed,
    lists_file,
    prediction_faults,
    predictions_file,
    read_exactly,
    read_list_file,
    read_predictions,
    read_records,
    read_summary,
    record_faults,
    records_file,
    source_of,
    stated_classes,
    summarise_predictions,
    summarise_row,
    summary_faults,
    worded_key,
)
from ..statistics import INTERVALS
from .before import check_copies
from .bundles import check_cards, opened
from .claims import Frames, check_across, expected_files, expected_lists
from .definition import Definition, check_definition
from .report import Findings, Report
from .run_facts import FILE, RunFacts, read_run_facts

Lists = Mapping[tuple[str, str, str], pd.DataFrame]


@dataclass(frozen=True)
class Checked:
    """What is left after a check, for measuring again.

    Attributes:
        facts: of the run, or None if run.json is unusable; then the rest is empty.
        definition: its names, resolved.
        records: by checkpoint and attribution, of the files that could be read.
        predictions: by checkpoint, likewise.
        lists: statistics.csv and curves.csv, by checkpoint, attribution and file name, likewise.
        digest: SHA-256 over all files, by name.
    """

    facts: RunFacts | None
    definition: Definition | None
    records: Mapping[tuple[str, str], pd.DataFrame]
    predictions: Mapping[str, pd.DataFrame]
    digest: str
    lists: Lists = field(default_factory=dict)


Further = Callable[[Checked, Findings], Mapping[str, object]]


def check(
    path: str | Path,
    *,
    further: Further | None = None,
    board: Iterable[str | Path] = (),
    own: bool = False,
) -> Report:
    """Check a bundle or a result folder.

    Args:
        path: a .zip file from `submit`, or the output folder of a run.
        board: bundles and result folders that were there before, to look for copies among.
        own: whether one's own run is checked, whose images that were left out one need not prove.
        further: a check on top, such as measuring again; returns facts for the report. Its `RaybenchError` is
            raised: it tells of a mistake of the person who checks.

    Returns:
        What was found. A bundle that cannot be read as one gives an unusable report.
    """
    findings = Findings()
    report = Report(str(path))
    try:
        with opened(Path(path), findings) as folder:
            checked = check_files(folder, findings, is_bundle=folder != Path(path))
    except RaybenchError as error:
        return replace(report, unusable=str(error))
    facts = report_facts(checked)
    check_copies(checked.records, checked.facts, board, findings)
    if further is not None:
        facts |= further(checked, findings)
    elif checked.facts and not own:
        _note_excuses(checked.facts, findings)
    return replace(report, findings=tuple(findings.all), facts=facts)


def check_files(folder: Path, findings: Findings, *, is_bundle: bool) -> Checked:
    """Check all files of a result folder or an unpacked bundle; every fault goes to `findings`."""
    facts = read_run_facts(folder, findings)
    if facts is None:
        findings.problem(FILE, "the other files were not checked, since this one is unusable")
        return Checked(None, None, {}, {}, "")
    definition = check_definition(facts, findings)
    rows = _read_summary(folder, facts, findings)
    if not rows:
        findings.problem(SUMMARY, "records were not checked, since this one is unusable")
        return Checked(facts, definition, {}, {}, "")
    records: dict[tuple[str, str], pd.DataFrame] = {}
    predictions: dict[str, pd.DataFrame] = {}
    expected = list(expected_files(folder, facts, definition))
    for checkpoint, label in expected:
        if label:
            frame = _read_records(folder, checkpoint, label, definition, rows, findings)
            records |= {} if frame is None else {(checkpoint, label): frame}
        else:
            frame = _read_predictions(folder, checkpoint, definition, findings)
            predictions |= {} if frame is None else {checkpoint: frame}
    lists = _read_lists(folder, definition, rows, records, findings)
    names = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
    named = {records_file(*row) if row[1] else predictions_file(row[0]) for row in expected}
    named |= {lists_file(*key) for key in expected_lists(definition, [row for row in expected if row[1]])}
    for name in names:
        measured = name.endswith((RECORDS, PREDICTIONS, STATISTICS, CURVES))
        if is_known_name(name) and measured and name not in named:
            findings.problem(name, "run.json names no such row")
    if is_bundle:
        check_cards(folder, names, facts, findings)
    damaged = set(expected) - records.keys() - {(checkpoint, "") for checkpoint in predictions}
    _check_summary(rows, facts, definition, records, predictions, lists, damaged, findings)
    check_across(records, predictions, rows, facts, definition, findings)
    return Checked(facts, definition, records, predictions, _digest(folder, names), lists)


def _read_records(
    folder: Path,
    checkpoint: str,
    label: str,
    definition: Definition,
    rows: Mapping[Key, SummaryRow],
    findings: Findings,
) -> pd.DataFrame | None:
    """Read a records.csv, whose columns are in the order of the suite, which the summary keeps."""
    name, method = records_file(checkpoint, label), definition.attributions.get(label)
    order = list(dict.fromkeys(metric for _, _, metric, _ in rows))
    metrics = sorted(
        (one.metric for one in definition.metrics if one.metric.per_query),
        key=lambda metric: order.index(metric.name) if metric.name in order else len(order),
    )
    columns = (*RECORD_COLUMNS, *(metric.name for metric in metrics))
    frame = read_exactly(folder, name, columns, read_records, findings.problem)
    if frame is not None:
        known = {"middle": method.middle, "truth": method.truth} if method else {}
        classes = definition.classes.ids if definition.classes else None
        findings.kinds(name, record_faults(frame, metrics, classes, **known))
    return frame


def _read_lists(
    folder: Path, definition: Definition, rows: Mapping[Key, SummaryRow], records: Frames, findings: Findings
) -> dict[tuple[str, str, str], pd.DataFrame]:
    """Read the statistics and curves of all rows, whose columns are in the order of the suite."""
    order = [metric for _, _, metric, _ in rows]
    lists: dict[tuple[str, str, str], pd.DataFrame] = {}
    for key, metrics in expected_lists(definition, records).items():
        metrics = sorted(metrics, key=lambda name: order.index(name) if name in order else len(order))
        frame = read_list_file(folder, lists_file(*key), metrics, records[key[:2]], findings.problem)
        lists |= {} if frame is None else {key: frame}
    return lists


def _read_predictions(
    folder: Path, checkpoint: str, definition: Definition, findings: Findings
) -> pd.DataFrame | None:
    name = predictions_file(checkpoint)
    frame = read_exactly(folder, name, PREDICTION_COLUMNS, read_predictions, findings.problem)
    if frame is not None:
        ranked = any(one.metric.view == "crop" for one in definition.metrics)
        n_classes = len(definition.classes) if definition.classes else None
        faults = list(prediction_faults(frame, n_classes, several=definition.multilabel, ranked=ranked))
        findings.kinds(name, faults)
    return frame


def _read_summary(folder: Path, facts: RunFacts, findings: Findings) -> dict[Key, SummaryRow]:
    frame = read_exactly(folder, SUMMARY, SUMMARY_COLUMNS, read_summary, findings.problem)
    if frame is None:
        return {}
    heading = (facts.suite.name, facts.protocol.name, facts.protocol.id, facts.dataset.name)
    for column, expected in zip(SUMMARY_COLUMNS, heading, strict=False):
        other = frame.loc[frame[column] != expected, column]
        words = f"expected {expected!r} as in run.json"
        findings.lines(
            SUMMARY, [(int(str(at)), f"{column} is {quoted(text)}; {words}") for at, text in other.items()]
        )
    rows, twice = keyed(frame)
    findings.lines(SUMMARY, twice)
    return rows


def _check_summary(
    rows: Mapping[Key, SummaryRow],
    facts: RunFacts,
    definition: Definition,
    records: Frames,
    predictions: Mapping[str, pd.DataFrame],
    lists: Lists,
    damaged: Set[tuple[str, str]],
    findings: Findings,
) -> None:
    """Compare every number with what the records and predictions give; no row may lack or be too many."""
    metrics, expected = [one.metric for one in definition.metrics], dict[Key, Summary]()
    for names, frame in records.items():
        for one in summarise_row(frame, lists.get((*names, STATISTICS)), metrics):
            expected[(*names, one.metric, one.aggregate)] = one
    for checkpoint, frame in predictions.items():
        known = definition.classes
        own = (row for key, row in rows.items() if key[:2] == (checkpoint, ""))
        n_classes = len(known) if known else stated_classes(frame, own)
        try:
            for one in summarise_predictions(frame, metrics, n_classes=n_classes):
                expected[checkpoint, "", one.metric, one.aggregate] = one
        except RaybenchError as error:
            findings.problem(predictions_file(checkpoint), quoted(error, 300)[1:-1])
    if facts.intervals != INTERVALS:
        findings.problem(
            FILE,
            f"its intervals are of an older kind ({quoted(facts.intervals)}); `raybench run` with the same "
            "command makes them anew from the records",
        )
    for line, message in summary_faults(rows, expected, intervals=True):
        findings.problem(SUMMARY, message, line=line)
    for key, row in rows.items():
        if key not in expected and key[:2] not in damaged:
            findings.problem(SUMMARY, f"{worded_key(key)}: there are no such records", line=row["line"])
    for key in sorted(expected.keys() - rows.keys()):
        findings.problem(SUMMARY, f"no row for {worded_key(key)}, though {source_of(key)} has its values")


def _digest(folder: Path, names: Iterable[str]) -> str:
    """SHA-256 over names and content of the files that belong to a bundle."""
    whole = hashlib.sha256()
    for name in filter(is_known_name, names):
        whole.update(name.encode() + hashlib.sha256((folder / name).read_bytes()).digest())
    return whole.hexdigest()


def _note_excuses(facts: RunFacts, findings: Findings) -> None:
    """Without the data, images that are left out are a claim that nobody has looked at."""
    skipped, without = len(facts.skipped), len(facts.without_queries)
    if skipped or without:
        findings.claim(
            FILE,
            f"{skipped} images are said to be unusable and {without} to have no query: look at each with "
            f"--data {facts.dataset.name}=PATH, beside --remeasure N",
        )


def report_facts(checked: Checked) -> dict[str, object]:
    """Say what was checked, for the report."""
    if checked.facts is None:
        return {}
    facts = checked.facts
    return {
        "suite": facts.suite.name,
        "data": f"{facts.dataset.name}, {facts.dataset.images} images",
        "protocol": f"{facts.protocol.name} ({facts.protocol.id})",
        "rows": len(checked.records),
        "records": sum(len(frame) for frame in checked.records.values()),
        "checkpoints": ", ".join(entry.name for entry in facts.checkpoints),
    }
