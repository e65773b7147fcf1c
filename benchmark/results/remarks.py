"""What is to be known of pictures and networks of a run, in the sentences that stand below every table."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from .complete import lost_rows
from .facts import alarms, facts_of, label_of
from .files.folder import ResultFolder
from .files.manifest import mapping

_DIGITS = 8


def remarks(runs: Sequence[ResultFolder]) -> tuple[str, ...]:
    """Say which metrics had options, which weights were measured, and what of pictures and networks is odd.

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
    skipped, asking_nothing = run.manifest.get("skipped"), run.manifest.get("without_queries")
    lines = [*_options(run), *_weights(run)]
    if isinstance(skipped, list) and skipped:
        lines.append(f"skipped, as they could not be used: {_pictures(len(skipped))}; run.json says why")
    if isinstance(asking_nothing, list) and asking_nothing:
        lines.append(f"{_pictures(len(asking_nothing))}: nothing is annotated that could be asked about")
    lines += lost_rows(run)
    noted = sorted(mapping(run.manifest.get("notes")).items())
    lines += [f"{_pictures(count)}: {note}" for note, count in noted if isinstance(count, int) and count > 0]
    lines += [
        f"{label_of('checkpoint', checkpoint, run)}, {label_of('attribution', method, run)}: {said}"
        for (checkpoint, method), said in sorted(alarms([run]).items())
    ]
    for checkpoint, said in mapping(run.manifest.get("remarks")).items():
        named = label_of("checkpoint", checkpoint, run)
        lines += [f"{named}: {remark}" for remark in (said if isinstance(said, list) else ())]
    return lines


def _options(run: ResultFolder) -> Iterator[str]:
    """Say which metrics were measured with options: their numbers are others than the usual ones."""
    for metric, options in run.metric_options.items():
        facts = facts_of(metric, [run])
        words = ", ".join(f"{key} = {value}" for key, value in options.items())
        if words:
            yield f"{facts.label if facts else metric}: {words}"


def _weights(run: ResultFolder) -> list[str]:
    """Say which weights were measured: files may be replaced under the same name."""
    words = [
        f"{label_of('checkpoint', checkpoint, run)} {'+'.join(one[:_DIGITS] for one in sha256.split('+'))}"
        for checkpoint, sha256 in sorted(run.weights.items())
    ]
    return [f"weights measured, by the first digits of their SHA-256: {', '.join(words)}"] if words else []


def _pictures(count: int) -> str:
    return f"{count:,} picture{'s' if count != 1 else ''}"
