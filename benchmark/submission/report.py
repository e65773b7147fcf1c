"""What a check found, and how that is printed."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Literal

__all__ = ["Finding", "Findings", "Report", "render"]

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

    def kinds(self, file: str, found: Iterable[Sequence[tuple[int, str]]]) -> None:
        """Note several kinds of fault, each with its lines."""
        for faults in found:
            self.lines(file, faults)

    def lines(self, file: str, found: Sequence[tuple[int, str]]) -> None:
        """Note one fault on several lines: (line, message) each; beyond some lines, only how many."""
        for line, message in found[:MOST_LINES]:
            self.problem(file, message, line=line)
        rest = found[MOST_LINES:]
        if rest:
            numbers = ", ".join(str(line) for line, _ in rest[:20])
            self.problem(file, f"{len(rest)} more lines have this fault: {numbers}{' …' * (len(rest) > 20)}")


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

    def _of(self, kind: str) -> tuple[Finding, ...]:
        return tuple(finding for finding in self.findings if finding.kind == kind)

    @property
    def problems(self) -> tuple[Finding, ...]:
        """What makes the check fail."""
        return self._of("problem")

    @property
    def claims(self) -> tuple[Finding, ...]:
        """What keeps it from being called right until somebody looks at the data."""
        return self._of("claim")

    @property
    def remarks(self) -> tuple[Finding, ...]:
        """What a person should weigh."""
        return self._of("remark")

    @property
    def exit_code(self) -> int:
        """0: nothing wrong; 1: found wrong, or not shown to be right; 2: could not be checked."""
        return 2 if self.unusable else 1 if self.problems or self.claims else 0

    @property
    def verdict(self) -> str:
        """The same in a word; `open` if nothing is wrong, but the data has to be looked at."""
        return "open" if self.claims and not self.problems else ("right", "wrong", "unusable")[self.exit_code]


def render(reports: Sequence[Report], kind: Literal["text", "json"] = "text") -> str:
    """Return reports as text for people, or as JSON."""
    if kind == "json":
        return _json(reports)
    lines = []
    for report in reports:
        lines.append(f"{_printable(report.source)}: {_verdict(report)}")
        lines += [f"  {key}: {_listed(value)}" for key, value in report.facts.items()]
        for finding in (*report.problems, *report.claims, *report.remarks):
            lines.append(f"  {finding.kind}: {_printable(str(finding))}")
    return "\n".join(lines) + "\n"


def _json(reports: Sequence[Report]) -> str:
    content = [
        {
            "source": report.source,
            "verdict": report.verdict,
            "unusable": report.unusable,
            "facts": dict(report.facts),
            "findings": [asdict(finding) for finding in report.findings],
        }
        for report in reports
    ]
    return json.dumps(content, indent=2) + "\n"


def _verdict(report: Report) -> str:
    if report.unusable:
        return f"cannot be checked: {_printable(report.unusable)}"
    if report.problems:
        count = len(report.problems)
        return f"{count} problem{'s' * (count != 1)}"
    if report.claims:
        return "not shown to be right: it leaves out images, and only the data can tell whether rightly"
    return "nothing is wrong"


def _listed(value: object) -> str:
    return _printable("; ".join(map(str, value)) if isinstance(value, list) else str(value))


def _printable(text: str) -> str:
    """Text without line ends and control characters: a stranger's text starts no line of its own."""
    return "".join(character if character.isprintable() else ascii(character)[1:-1] for character in text)
