"""Checks a result folder before it goes on the board: what it claims must follow from what it holds."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from ....base import RaybenchError
from ..comparable import difference, stated_protocol
from ..files.folder import ResultFolder, open_results
from ..files.manifest import mapping
from ..files.names import MANIFEST, SUMMARY, ResultFiles
from ..sections import Excluded
from .query_sets import QuerySets
from .row_checks import SUMMARY_ONLY, CheckedRow, check_checkpoint, check_row, refuse_outside
from .summary_rows import SummaryRow


@dataclass(frozen=True, eq=False)
class CheckedFolder:
    """A result folder and those of its rows that are sound."""

    results: ResultFolder
    rows: tuple[CheckedRow, ...]


def result_folders(paths: Sequence[str | Path]) -> Iterator[Path]:
    """Yield each result folder once: the given ones, and those one level below a folder that is none."""
    seen = set()
    for path in map(Path, paths):
        inside = [path]
        if path.is_dir() and not _has_results(path):
            inside = sorted(child for child in path.iterdir() if child.is_dir() and _has_results(child))
        for folder in inside or [path]:
            if (place := folder.resolve()) not in seen:
                seen.add(place)
                yield folder


def check_folder(path: Path, known: QuerySets) -> tuple[CheckedFolder | None, list[Excluded]]:
    """Read a result folder and check it; return what is sound, and what is not with the reason."""
    try:
        results = _open(path)
        _check_rules(results)
    except RaybenchError as error:
        return None, [Excluded(path, str(error))]
    except RecursionError:
        return None, [Excluded(path, f"{ResultFiles(path).manifest} is nested too deep to be read")]
    rows, excluded = _check_rows(results, known)
    return (CheckedFolder(results, tuple(rows)) if rows else None), excluded


def _check_rows(results: ResultFolder, known: QuerySets) -> tuple[list[CheckedRow], list[Excluded]]:
    """Check each row on its own: one that is damaged does not take the others along."""
    path, by_row = results.path, results.by_row
    recorded = any(results.files.records(*key).is_file() for key in by_row if key[1])
    excluded: list[Excluded] = []
    own: dict[str, Mapping[tuple[str, str], SummaryRow]] = {}  # accuracy and F1, by checkpoint
    for (checkpoint, attribution), scores in by_row.items():
        if not attribution:
            try:
                own[checkpoint] = check_checkpoint(results, checkpoint, scores, recorded=recorded)
            except RaybenchError as error:
                excluded.append(Excluded(path, f"accuracy of {checkpoint}: {error}"))
    rows = []
    for (checkpoint, attribution), scores in by_row.items():
        if attribution:
            try:
                row = check_row(results, checkpoint, attribution, scores, known, recorded=recorded)
            except RaybenchError as error:
                excluded.append(Excluded(path, f"row {checkpoint} with {attribution}: {error}"))
            else:
                rows.append(replace(row, scores={**own.get(checkpoint, {}), **row.scores}))
    with_method = {checkpoint for checkpoint, attribution in by_row if attribution}
    note = "" if recorded else SUMMARY_ONLY
    # a checkpoint that no method was measured on has a row of its accuracy alone
    alone = own.keys() - with_method
    rows += [CheckedRow(name, "", scores, note=note) for name, scores in own.items() if name in alone]
    return rows, excluded


def _has_results(folder: Path) -> bool:
    return ResultFiles(folder).summary.is_file() or ResultFiles(folder).manifest.is_file()


def _open(path: Path) -> ResultFolder:
    """Open a folder whose manifest is there and says that the run is complete."""
    for name in (SUMMARY, MANIFEST):
        refuse_outside(path / name, path)
    results = open_results(path)
    manifest = results.manifest
    if not manifest:
        raise RaybenchError(f"{ResultFiles(path).manifest} is missing, so nothing says how this was measured")
    if manifest.get("status") != "complete":
        raise RaybenchError(
            f"{ResultFiles(path).manifest}: the run is not complete (status {manifest.get('status')!r}); "
            "run the same command again to go on"
        )
    if not len(results.summary):
        raise RaybenchError(f"{ResultFiles(path).summary} has no rows")
    return results


def _check_rules(results: ResultFolder) -> None:
    """Refuse rules that are unknown here, or that are not what their id says."""
    path = results.path / MANIFEST
    difference(results, results)  # raises if the summary mixes several protocols or datasets
    first, protocol = results.rows[0], mapping(results.manifest.get("protocol"))
    if not results.protocol_fields:
        raise RaybenchError(f"{path} does not say by which protocol this was measured")
    stated = {"protocol": protocol.get("name"), "protocol_id": protocol.get("id")}
    for key, claimed in {**stated, "dataset": results.dataset.get("name")}.items():
        if first[key] != claimed:
            raise RaybenchError(f"{path} has {key} {claimed!r}, but summary.csv {first[key]!r}")
    try:
        stated_protocol(first["protocol"], first["protocol_id"], results.protocol_fields)
    except RaybenchError as error:
        raise RaybenchError(f"{path}: {error}") from None
