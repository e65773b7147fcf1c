"""Checks a bundle, or a result folder, without trusting a byte of it."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Set
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import pandas as pd

from ...base import RaybenchError
from ..metrics import BoundMetric
from ..results import is_known_name, predictions_file, records_file, safe_name, unpack
from .across_check import check_across, check_copies
from .bundle_files import check_bundle_files, check_cards
from .definition import Definition, check_definition
from .findings import Findings, Report
from .predictions_check import read_predictions_strictly
from .records_check import read_records_strictly
from .run_facts import FILE, RunFacts, read_run_facts
from .summary_check import check_summary, expected_files, metric_order, read_summary_strictly

__all__ = ["Checked", "check", "check_folder", "extract_bundle", "open_bundle", "unpack_bundles"]


@dataclass(frozen=True)
class Checked:
    """What is left after a check, for measuring again.

    Attributes:
        facts: of the run, or None if run.json is unusable; then the rest is empty.
        definition: its names, resolved.
        records: by checkpoint and attribution, of the files that could be read.
        predictions: by checkpoint, likewise.
        digest: SHA-256 over all files, by name.
    """

    facts: RunFacts | None
    definition: Definition | None
    records: Mapping[tuple[str, str], pd.DataFrame]
    predictions: Mapping[str, pd.DataFrame]
    digest: str


def extract_bundle(path: str | Path, folder: str | Path) -> Path:
    """Unpack a bundle into an empty folder, from which `open_results` and all tables and pages read.

    The archive is read with suspicion (see `unpack`), and every file must have the hash that bundle.json
    gives. Whether the numbers are right is for `check` to say.

    Returns:
        `folder`.

    Raises:
        RaybenchError: not a bundle, or changed since it was made.
    """
    findings = Findings()
    folder = Path(folder)
    check_bundle_files(folder, unpack(Path(path), folder), findings)
    for finding in findings.all:
        raise RaybenchError(f"{path} is damaged: {finding}")
    return folder


@contextmanager
def open_bundle(path: str | Path) -> Iterator[Path]:
    """Unpack a bundle into a temporary folder, which is there inside the `with` block; see `extract_bundle`.

    `with open_bundle("results/submitted/mine.zip") as folder: open_results(folder)`. A page that is built
    after the block should take `extract_bundle` and a folder of its own.
    """
    with tempfile.TemporaryDirectory(prefix="raybench-bundle-") as folder:
        yield extract_bundle(path, folder)


def unpack_bundles(
    paths: Iterable[str | Path], into: str | Path
) -> tuple[list[Path], list[tuple[Path, str]]]:
    """Replace bundles among result folders by folders that everything else can read.

    A page over `results/submitted/*.zip` and folders takes the returned folders in place of its arguments,
    lists the refused bundles as excluded, and keeps `into` until it is built.

    Args:
        paths: result folders, passed on as they are, and bundles (.zip).
        into: an empty folder; each bundle is unpacked below it, into a folder of its own name.

    Returns:
        The folders, in the order of the paths; and bundles that are damaged, each with the reason.
    """
    folders: list[Path] = []
    refused: list[tuple[Path, str]] = []
    for number, path in enumerate(map(Path, paths)):
        if path.suffix != ".zip" or path.is_dir():
            folders.append(path)
            continue
        try:
            folders.append(extract_bundle(path, Path(into) / f"{number:04d}" / safe_name(path.stem)))
        except RaybenchError as error:
            refused.append((path, str(error)))
    return folders, refused


@contextmanager
def opened(path: Path, findings: Findings) -> Iterator[Path]:
    """Yield the folder to check: `path` itself, or where the bundle was unpacked; notes changed files."""
    if path.is_dir() and not path.is_symlink():
        yield path
        return
    if not path.exists():
        raise RaybenchError(f"no file or folder {path}; give a bundle or the --out folder of `raybench run`")
    with tempfile.TemporaryDirectory(prefix="raybench-check-") as name:
        folder = Path(name)
        check_bundle_files(folder, unpack(path, folder), findings)
        yield folder


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
            checked = check_folder(folder, findings, is_bundle=folder != Path(path))
    except RaybenchError as error:
        return replace(report, unusable=str(error))
    facts = facts_of(checked)
    check_copies(checked.records, checked.facts, board, findings)
    if further is not None:
        facts |= further(checked, findings)
    elif checked.facts and not own:
        _note_excuses(checked.facts, findings)
    return replace(report, findings=tuple(findings.all), facts=facts)


def check_folder(folder: Path, findings: Findings, *, is_bundle: bool) -> Checked:
    """Check all files of a result folder or an unpacked bundle; every fault goes to `findings`."""
    facts = read_run_facts(folder, findings)
    if facts is None:
        findings.problem("run.json", "the other files were not checked, since this one is unusable")
        return Checked(None, None, {}, {}, "")
    definition = check_definition(facts, findings)
    rows = read_summary_strictly(folder, facts, findings)
    records, predictions = _read_rows(
        folder, facts, definition, metric_order(rows, definition.metrics), findings
    )
    names = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
    _refuse_unnamed(names, {records_file(*row) for row in records}, set(predictions), findings)
    if is_bundle:
        check_cards(folder, names, facts, findings)
    check_summary(rows, facts, definition, records, predictions, findings)
    usable = {row: frame for row, frame in records.items() if frame is not None}
    predicted = {name: frame for name, frame in predictions.items() if frame is not None}
    check_across(usable, predicted, rows, facts, definition, findings)
    return Checked(facts, definition, usable, predicted, _digest(folder, names))


def _digest(folder: Path, names: Iterable[str]) -> str:
    """SHA-256 over names and content of the files that belong to a bundle."""
    whole = hashlib.sha256()
    for name in filter(is_known_name, names):
        whole.update(name.encode() + hashlib.sha256((folder / name).read_bytes()).digest())
    return whole.hexdigest()


def _read_rows(
    folder: Path,
    facts: RunFacts,
    definition: Definition,
    metrics: Sequence[BoundMetric],
    findings: Findings,
) -> tuple[dict[tuple[str, str], pd.DataFrame | None], dict[str, pd.DataFrame | None]]:
    """Read the records and predictions of a complete run; None stands for files that cannot be used."""
    records: dict[tuple[str, str], pd.DataFrame | None] = {}
    predictions: dict[str, pd.DataFrame | None] = {}
    for checkpoint, label in expected_files(folder, facts, definition):
        if label:
            name, method = records_file(checkpoint, label), definition.attributions.get(label)
            records[checkpoint, label] = read_records_strictly(
                folder, name, metrics, method, definition.classes, findings
            )
        else:
            predictions[checkpoint] = read_predictions_strictly(
                folder,
                predictions_file(checkpoint),
                n_classes=len(definition.classes) if definition.classes else None,
                multilabel=definition.multilabel,
                ranked=any(one.metric.view == "crop" for one in definition.metrics),
                findings=findings,
            )
    return records, predictions


def _refuse_unnamed(
    names: Iterable[str], records: Set[str], checkpoints: Iterable[str], findings: Findings
) -> None:
    """Note records and predictions that belong to no row of the run."""
    named = records | {predictions_file(checkpoint) for checkpoint in checkpoints}
    for name in names:
        if is_known_name(name) and name.endswith(("records.csv", "predictions.csv")) and name not in named:
            findings.problem(name, "run.json names no such row")


def _note_excuses(facts: RunFacts, findings: Findings) -> None:
    """Without the data, images that are left out are a claim that nobody has looked at."""
    skipped, without = len(facts.skipped), len(facts.without_queries)
    if skipped or without:
        findings.claim(
            FILE,
            f"{skipped} images are said to be unusable and {without} to have no query: look at each with "
            f"--data {facts.dataset.name}=PATH, beside --remeasure N",
        )


def facts_of(checked: Checked) -> dict[str, object]:
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
