"""What is to be known of pictures and networks of a run, in the sentences that stand below every table."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .complete import lost_rows
from .facts import alarms
from .files.folder import ResultFolder

_DIGITS = 8


def remarks(runs: Sequence[ResultFolder]) -> tuple[str, ...]:
    """Say how many pictures were skipped, what was noted on others and on networks, and which weights.

    Of several runs, a sentence that not all of them share names its folder.
    """
    said = [_of_run(run) for run in runs]
    everywhere = [line for line in (said[0] if said else []) if all(line in lines for lines in said)]
    own = [
        f"{run.path}: {line}"
        for run, lines in zip(runs, said, strict=True)
        for line in lines
        if line not in everywhere
    ]
    return (*everywhere, *own)


def _of_run(run: ResultFolder) -> list[str]:
    skipped, noted = run.manifest.get("skipped"), run.manifest.get("notes")
    lines = _weights(run)
    if isinstance(skipped, list) and skipped:
        lines.append(f"skipped, as they could not be used: {_pictures(len(skipped))}; run.json says why")
    asking_nothing = run.manifest.get("without_queries")
    if isinstance(asking_nothing, list) and asking_nothing:
        lines.append(f"{_pictures(len(asking_nothing))}: nothing is annotated that could be asked about")
    lines += lost_rows(run)
    if isinstance(noted, dict):
        lines += [f"{_pictures(count)}: {note}" for note, count in sorted(noted.items()) if _is_count(count)]
    lines += [
        f"{checkpoint}, {method}: {words}" for (checkpoint, method), words in sorted(alarms([run]).items())
    ]
    return lines + _on_networks(run)


def _weights(run: ResultFolder) -> list[str]:
    """Say which weights were measured: files may be replaced under the same name."""
    words = [
        f"{checkpoint} {'+'.join(one[:_DIGITS] for one in sha256.split('+'))}"
        for checkpoint, sha256 in sorted(run.weights.items())
    ]
    return [f"weights measured, by the first digits of their SHA-256: {', '.join(words)}"] if words else []


def _on_networks(run: ResultFolder) -> list[str]:
    remarks = run.manifest.get("remarks")
    return [
        f"{checkpoint}: {remark}"
        for checkpoint, said in (remarks.items() if isinstance(remarks, dict) else ())
        for remark in (said if isinstance(said, list) else ())
    ]


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and value > 0


def _pictures(count: int) -> str:
    return f"{count:,} picture{'s' if count != 1 else ''}"
