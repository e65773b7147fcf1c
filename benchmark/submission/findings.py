"""What a check found: each wrong thing with its file, line, what was expected and what was there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

__all__ = ["Finding", "Findings", "Report"]

MOST_LINES = 10
"""Lines of one file that are worded one by one for the same fault; the rest are counted."""


@dataclass(frozen=True)
class Finding:
    """One thing that a check noticed.

    Attributes:
        kind: a `problem` makes the check fail; so does a `claim` that only the data can tell about; a
            `remark` is for a person to weigh.
        file: name inside the bundle, or empty.
        line: in the file, from 1, or None.
        message: what was found and what was expected; text of strangers in it is escaped.
    """

    kind: Literal["problem", "claim", "remark"]
    file: str
    line: int | None
    message: str

    @property
    def place(self) -> str:
        """File and line, such as `summary.csv, line 3`."""
        return f"{self.file}, line {self.line}" if self.line else self.file

    def __str__(self) -> str:
        return f"{self.place}: {self.message}" if self.file else self.message


class Findings:
    """Gathers findings while a check goes on."""

    def __init__(self) -> None:
        """Begin with none."""
        self.all: list[Finding] = []

    def problem(self, file: str, message: str, *, line: int | None = None) -> None:
        """Note something that is wrong."""
        self.all.append(Finding("problem", file, line, message))

    def remark(self, file: str, message: str) -> None:
        """Note something that a person should know."""
        self.all.append(Finding("remark", file, None, message))

    def claim(self, file: str, message: str) -> None:
        """Note something that nobody can call right without the data."""
        self.all.append(Finding("claim", file, None, message))

    def lines(self, file: str, found: Sequence[tuple[int, str]]) -> None:
        """Note one fault on several lines: (line, message) each; beyond some lines, only how many."""
        for line, message in found[:MOST_LINES]:
            self.problem(file, message, line=line)
        rest = found[MOST_LINES:]
        if rest:
            numbers = ", ".join(str(line) for line, _ in rest[:20])
            self.problem(file, f"{len(rest)} more lines have this fault: {numbers}{' …' * (len(rest) > 20)}")

    def wrong(self, file: str) -> bool:
        """Say whether a problem of this file was noted."""
        return any(finding.kind == "problem" and finding.file == file for finding in self.all)


@dataclass(frozen=True)
class Report:
    """What came of checking one bundle or folder.

    Attributes:
        source: the path that was checked.
        findings: problems and remarks, in the order in which they were noticed.
        facts: what was checked, such as the number of rows and queries.
        unusable: why it could not be checked at all; empty if it was.
    """

    source: str
    findings: tuple[Finding, ...] = ()
    facts: Mapping[str, object] = field(default_factory=dict)
    unusable: str = ""

    @property
    def problems(self) -> tuple[Finding, ...]:
        """What makes the check fail."""
        return tuple(finding for finding in self.findings if finding.kind == "problem")

    @property
    def claims(self) -> tuple[Finding, ...]:
        """What keeps it from being called right until somebody looks at the data."""
        return tuple(finding for finding in self.findings if finding.kind == "claim")

    @property
    def remarks(self) -> tuple[Finding, ...]:
        """What a person should weigh."""
        return tuple(finding for finding in self.findings if finding.kind == "remark")

    @property
    def exit_code(self) -> int:
        """0: nothing wrong; 1: found wrong, or not shown to be right; 2: could not be checked."""
        return 2 if self.unusable else 1 if self.problems or self.claims else 0
