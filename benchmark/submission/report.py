"""What a check found, how that is printed, and what such a check can miss."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Literal

import numpy as np
import pandas as pd

from ..statistics import Facts

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


MOST_FINDINGS = 200
"""Of one report, in Markdown: summaries of workflows are at most 1 MB."""


def render(reports: Sequence[Report], kind: str) -> str:
    """Return reports as `text`, `json` or `markdown`."""
    return _KINDS[kind](reports)


def _text(reports: Sequence[Report]) -> str:
    lines = []
    for report in reports:
        lines.append(f"{_printable(report.source)}: {_verdict(report)}")
        lines += [f"  {_worded(key)}: {_listed(value)}" for key, value in report.facts.items()]
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


def _markdown(reports: Sequence[Report]) -> str:
    parts = []
    for report in reports:
        parts.append(f"## {_escaped(report.source)}\n\n**{_escaped(_verdict(report))}**\n")
        if report.facts:
            facts = [
                f"- {_escaped(_worded(key))}: {_escaped(_listed(value))}"
                for key, value in report.facts.items()
            ]
            parts.append("\n".join(facts) + "\n")
        if report.problems:
            parts.append("| file | line | what is wrong |\n| --- | ---: | --- |\n" + _rows(report.problems))
        if report.claims:
            claims = [f"- {_escaped(str(finding))}" for finding in report.claims]
            parts.append("Claims that only the data can tell about:\n\n" + "\n".join(claims) + "\n")
        if report.remarks:
            remarks = [f"- {_escaped(str(finding))}" for finding in report.remarks[:MOST_FINDINGS]]
            parts.append("Remarks, for a person to weigh:\n\n" + "\n".join(remarks) + "\n")
    return "\n".join(parts)


def _rows(problems: Sequence[Finding]) -> str:
    rows = [
        f"| {_escaped(finding.file)} | {finding.line or ''} | {_escaped(finding.message)} |\n"
        for finding in problems[:MOST_FINDINGS]
    ]
    if len(problems) > MOST_FINDINGS:
        rows.append(f"| | | {len(problems) - MOST_FINDINGS} more problems: run `raybench check` yourself |\n")
    return "".join(rows)


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


def _worded(key: str) -> str:
    return key.replace("_", " ")


def _printable(text: str) -> str:
    """Text without line ends and control characters: a stranger's text starts no line of its own."""
    return "".join(character if character.isprintable() else ascii(character)[1:-1] for character in text)


def _escaped(text: str) -> str:
    """Text that Markdown shows as it is: no markup, links, pictures, mentions or table cells of its own."""
    return re.sub(
        r"[\\`*_{}\[\]()#+\-!|@~:.]",
        lambda found: f"&#{ord(found[0])};",
        html.escape(_printable(text), quote=False),
    )


_KINDS: dict[str, Callable[[Sequence[Report]], str]] = {"text": _text, "json": _json, "markdown": _markdown}


def chance_to_pass(images: int, drawn: int, changed: int) -> float:
    """Chance that none of `changed` images is among `drawn` of `images`."""
    from scipy.stats import hypergeom

    return float(hypergeom.pmf(0, images, min(changed, images), min(drawn, images)))


def fewest_to_shift(frame: pd.DataFrame, aggregate: str, shift: float) -> int:
    """Smallest number of images by which a mean can be shifted, if values change by all that they span.

    Args:
        frame: records; queries of rare classes weigh more in a class mean.
        aggregate: which mean.
        shift: as a share of the span.
    """
    classes = frame["class_index"]
    if aggregate == "class_mean":
        weights = 1 / (classes.map(classes.value_counts()) * classes.nunique())
    else:
        weights = pd.Series(1 / len(frame), index=frame.index)
    largest = weights.groupby(frame["image_id"]).sum().sort_values(ascending=False).cumsum().to_numpy()
    return int(np.searchsorted(largest, shift - 1e-12)) + 1


def fewest_to_draw(images: int, changed: int, chance: float = 1e-3) -> int:
    """Smallest number of images to draw so that `changed` ones are missed with less than a chance."""
    low, high = 1, images
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if chance_to_pass(images, middle, changed) < chance else (middle + 1, high)
    return low


def promises(frame: pd.DataFrame, metrics: Sequence[Facts], images: int, drawn: int) -> list[str]:
    """Say with what chance changes of a given size are missed.

    Args:
        frame: records of a row.
        metrics: percentages that have a value per query.
        images: of the data.
        drawn: how many of them are measured again.
    """

    def missed(changed: int) -> str:
        chance = chance_to_pass(images, drawn, max(1, changed))
        return f"probability {100 * chance:.2g} %" if chance >= 1e-3 else "probability below 0.1 %"

    lines = [f"{share} % of the images changed: {missed(round(share * images / 100))}" for share in (1, 5)]
    for metric in metrics:
        for aggregate in metric.aggregates:
            needed = fewest_to_shift(frame, aggregate, 0.005)
            lines.append(
                f"a shift of {metric.label} ({aggregate.replace('_', ' ')}) by 0.5 points needs {needed} "
                f"images changed: {missed(needed)}, and below 0.1 % with {fewest_to_draw(images, needed)} "
                "measured again"
            )
    return lines
