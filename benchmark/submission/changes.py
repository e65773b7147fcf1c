"""Which bundles a branch adds or changes, asked of git."""

from __future__ import annotations

import re
import subprocess
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from ...base import RaybenchError, quoted
from ..results import safe_name
from .report import Findings, Report

__all__ = ["FOLDER", "Changes", "board_before", "changes_since"]

FOLDER = "results/submitted"
"""Where bundles lie in the repository."""

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
