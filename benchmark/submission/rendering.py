"""Prints reports: as text, as JSON, or as Markdown for the summary of a workflow."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Callable, Sequence
from dataclasses import asdict

from .findings import Finding, Report

__all__ = ["render"]

_VERDICTS = ("right", "wrong", "unusable")
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
            "verdict": _VERDICTS[report.exit_code] if report.problems or report.exit_code != 1 else "open",
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
