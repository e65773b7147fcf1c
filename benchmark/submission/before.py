"""What was there before: which bundles a branch adds, asked of git, and rows that are copies of others."""

from __future__ import annotations

import re
import subprocess
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
import pandas as pd

from ...base import RaybenchError, quoted
from ..results import NO_CHECKPOINT, RECORD_COLUMNS, open_results, records_file, safe_name, unpack
from .report import Findings, Report
from .run_facts import RunFacts

FOLDER = "results/submitted"
"""Where bundles lie in the repository."""

_FEWEST_TELLING = 5
"""Values that are neither 0 nor 100; fewer tell nothing."""
_COPIED, _ALIKE = 0.2, 0.5
"""Shares of equal and of nearly equal values from which on rows of other weights are noted."""

_OWN_FILES = frozenset({f"{FOLDER}/README.md"})


@dataclass(frozen=True)
class Changes:
    """What a branch does to the folder of bundles.

    Attributes:
        bundles: files to check: bundles that were added or changed.
        strangers: other files that were added or changed; none belongs there.
        taken: bundles of others that were changed or removed.
    """

    bundles: tuple[str, ...]
    strangers: tuple[str, ...]
    taken: tuple[str, ...]

    @property
    def report(self) -> Report:
        """What is wrong with the changes besides the bundles themselves."""
        findings = Findings()
        for name in self.strangers:
            findings.problem(
                "", f"{quoted(name)} is no bundle; only .zip files from raybench submit belong in {FOLDER}"
            )
        for name in self.taken:
            findings.remark("", f"{quoted(name)} was on the board before, and is changed or removed")
        return Report(f"changes in {FOLDER}", tuple(findings.all), {"bundles to check": len(self.bundles)})


def changes_since(revision: str, repository: Path) -> Changes:
    """Compare the working branch of a repository with where it left `revision`.

    File names are passed on as they are, whatever characters they hold.

    Raises:
        RaybenchError: not a repository, or it does not know the revision.
    """
    difference = ("diff", "--name-status", "--no-renames", "-z")
    said = _git(repository, revision, *difference, f"{revision}...HEAD", "--", FOLDER)
    words = said.decode("utf-8", "surrogateescape").split("\0")
    changed = dict(zip(words[1::2], words[0::2], strict=False))
    bundles = [name for name in changed if PurePosixPath(name).suffix == ".zip"]
    return Changes(
        bundles=tuple(name for name in bundles if changed[name] != "D"),
        strangers=tuple(
            name
            for name in changed
            if name not in bundles and name not in _OWN_FILES and changed[name] != "D"
        ),
        taken=tuple(name for name in bundles if changed[name] != "A"),
    )


def board_before(revision: str, repository: Path, into: Path) -> list[Path]:
    """Write the bundles that were on the board at a revision into an empty folder.

    They are read from git, whatever the branch made of them.
    """
    listed = _git(repository, revision, "ls-tree", "-r", "-z", revision, "--", FOLDER).split(b"\0")
    bundles = []
    for entry in filter(None, listed):
        facts, _, name = entry.partition(b"\t")
        mode, kind, blob = facts.decode().split()[:3]
        if kind == "blob" and mode.startswith("100") and name.endswith(b".zip"):
            place = into / f"{safe_name(PurePosixPath(name.decode('utf-8', 'surrogateescape')).stem)}.zip"
            place.write_bytes(_git(repository, revision, "cat-file", "blob", blob))
            bundles.append(place)
    return bundles


def _git(repository: Path, revision: str, *words: str) -> bytes:
    if not re.fullmatch(r"[0-9A-Za-z][0-9A-Za-z_./~^-]*", revision):
        raise RaybenchError(f"{revision!r} is no revision; give a commit, branch or tag, such as origin/main")
    try:
        command = ["git", "-C", str(repository), *words]
        return subprocess.run(command, capture_output=True, check=True, timeout=120).stdout
    except (OSError, subprocess.SubprocessError) as error:
        said = getattr(error, "stderr", b"") or b""
        reason = (said.decode("utf-8", "replace").strip() or str(error)).splitlines()[0]
        raise RaybenchError(f"git cannot compare {repository} with {revision}: {reason}") from None


def check_copies(
    records: Mapping[tuple[str, str], pd.DataFrame],
    facts: RunFacts | None,
    board: Iterable[str | Path],
    findings: Findings,
) -> None:
    """Look for rows that are those of other weights, in the submission itself and among what is on the board.

    Networks with different weights share next to no value to ten digits.
    """
    if facts is None:
        return
    ours = {
        row: _Row(records_file(*row), *_measured(facts.model_dump(), *row), frame)
        for row, frame in records.items()
        if row[0] != NO_CHECKPOINT
    }
    for one, other in combinations(ours.values(), 2):
        _compare_rows(other, one, findings)
    for path in board:
        for other in _rows_of(Path(path)):
            for one in ours.values():
                _compare_rows(one, other, findings)


@dataclass(frozen=True)
class _Row:
    """Records with what they are of: equal in `rules`, but with other `weights`, they have other values."""

    name: str
    rules: str
    weights: str
    frame: pd.DataFrame


def _measured(manifest: Mapping[str, Any], checkpoint: str, label: str) -> tuple[str, str]:
    """Return what makes values of a row what they are, and the weights."""
    method: Mapping[str, Any] = next((one for one in manifest["attributions"] if one["name"] == label), {})
    rules = (manifest["protocol"]["id"], manifest["dataset"]["fingerprint"], method.get("method"))
    return repr((*rules, sorted(method.get("options", {}).items()))), manifest["weights_sha256"].get(
        checkpoint, ""
    )


def _rows_of(path: Path) -> Iterator[_Row]:
    """Read the rows of a bundle or result folder; what is damaged is none that could be copied."""
    with (
        tempfile.TemporaryDirectory(prefix="raybench-board-") as name,
        suppress(RaybenchError, KeyError, TypeError),
    ):
        folder = path
        if path.suffix == ".zip":
            folder = Path(name)
            unpack(path, folder)
        run = open_results(folder)
        for row in run.network_rows:
            file = f"{path.name}: {records_file(*row)}"
            yield _Row(file, *_measured(run.manifest, *row), run.records(*row))


def _compare_rows(one: _Row, other: _Row, findings: Findings) -> None:
    """Note it if values of two rows are equal that should not be."""
    if one.rules != other.rules or one.weights == other.weights:
        return
    columns = [
        name
        for name in one.frame.columns
        if name in other.frame.columns and name not in RECORD_COLUMNS and one.frame[name].nunique() > 2
    ]
    both = one.frame.merge(other.frame, on=["image_id", "class_index"], suffixes=("", " of other"))
    both = both[(both["status"] == "ok") & (both["status of other"] == "ok")]
    ours = both[columns].to_numpy(np.float64)
    theirs = both[[f"{name} of other" for name in columns]].to_numpy(np.float64)
    telling = ~np.isin(ours, (0.0, 100.0)) & ~np.isnan(ours)
    total = int(telling.sum())
    equal = int((ours == theirs)[telling].sum())
    near = int(np.isclose(ours, theirs, rtol=1e-3, atol=0)[telling].sum())
    if total >= _FEWEST_TELLING and equal >= _COPIED * total:
        share = "all" if equal == total else f"{equal} of {total}"
        findings.problem(
            one.name, f"{share} values equal those of {other.name}, which has other weights: a copy?"
        )
    elif total >= _FEWEST_TELLING and near >= _ALIKE * total:
        findings.remark(
            one.name,
            f"{near} of {total} values lie within 0.1 % of those of {other.name}, which has other weights: "
            "the same weights in another precision, or a copy?",
        )
