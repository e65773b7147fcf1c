"""Finds what to compare: rows of results named by their folders, and which of them belong together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from ...base import RaybenchError
from ..results import NO_CHECKPOINT, ResultFiles, ResultFolder, difference, open_results, refuse_lost_rows


@dataclass(frozen=True, eq=False)
class MeasuredRow:
    """A checkpoint under an attribution, as one run measured them."""

    run: ResultFolder
    checkpoint: str
    attribution: str

    @property
    def records(self) -> Path:
        """Its values per query."""
        return self.run.files.records(self.checkpoint, self.attribution)

    @property
    def predictions(self) -> Path:
        """The predictions of its checkpoint; no file for methods that need no network."""
        return self.run.files.predictions(self.checkpoint)

    def __str__(self) -> str:
        """Write `resnet18, grad_cam`."""
        return f"{self.checkpoint}, {self.attribution}"


def find_rows(path: str | Path) -> list[MeasuredRow]:
    """Find the rows of a run, of a checkpoint in it, or just one: OUT[/<checkpoint>[/<attribution>]].

    Methods that need no network are passed over where the folder holds rows of networks too.

    Raises:
        RaybenchError: no such folder, no results in it, or no row in its summary; a damaged file, or
            one that has lost rows.
    """
    path = Path(path).resolve()
    if not path.is_dir():
        raise RaybenchError(f"no folder {path}; give OUT or OUT/<checkpoint>/<attribution> of a run")
    above = [folder for folder in (path, *path.parents[:2]) if ResultFiles(folder).summary.is_file()]
    if not above:
        raise RaybenchError(
            f"{path} is neither the folder of a run nor of a row: neither it nor the two folders above "
            "it hold a summary.csv; give OUT or OUT/<checkpoint>/<attribution> of a finished run"
        )
    run = open_results(above[0])
    rows = [
        MeasuredRow(run, checkpoint, attribution)
        for checkpoint, attribution in run.by_row
        if attribution and run.files.records(checkpoint, attribution).is_relative_to(path)
    ]
    if not rows:
        raise RaybenchError(f"{run.files.summary} has no row with an attribution for {path}")
    with_network = [row for row in rows if row.checkpoint != NO_CHECKPOINT]
    found = with_network or rows
    refuse_lost_rows(run, [row.records for row in found])
    return found


def pair_rows(
    first: Sequence[MeasuredRow], second: Sequence[MeasuredRow]
) -> list[tuple[MeasuredRow, MeasuredRow]]:
    """Match rows of two folders.

    One row against one row is a pair whatever they are called. Else rows match that have equal checkpoint
    and attribution; else, if each side has only one checkpoint, equal attribution; else, if each side has
    only one attribution, equal checkpoint.

    Raises:
        RaybenchError: nothing matches, or a row is compared with itself; names what there is.
    """
    if len(first) == len(second) == 1:
        pairs = [(first[0], second[0])]
    else:
        pairs = _matching(first, second, ("checkpoint", "attribution"))
        for only, key in (("checkpoint", "attribution"), ("attribution", "checkpoint")):
            if not pairs and all(len({getattr(row, only) for row in side}) == 1 for side in (first, second)):
                pairs = _matching(first, second, (key,))
    if not pairs:
        raise RaybenchError(
            f"nothing to pair: {_listed(first)} and {_listed(second)} share neither checkpoint nor "
            "attribution; name one row of each, as OUT/<checkpoint>/<attribution>"
        )
    if any(one.records == other.records for one, other in pairs):
        raise RaybenchError(f"{pairs[0][0].records.parent} would be compared with itself; give two rows")
    return pairs


def refuse_other_rules(first: ResultFolder, second: ResultFolder) -> None:
    """Refuse runs under other rules or on other data; that one measured fewer images of it is no hindrance.

    Raises:
        RaybenchError: says what differs.
    """
    runs = [replace(run, manifest={**run.manifest, "limit": None}) for run in (first, second)]
    found = difference(*runs)
    if found:
        raise RaybenchError(
            f"{first.path} and {second.path} are not comparable: {found}; measure both by the same rules "
            "on the same data"
        )


def _matching(
    first: Sequence[MeasuredRow], second: Sequence[MeasuredRow], keys: Sequence[str]
) -> list[tuple[MeasuredRow, MeasuredRow]]:
    others = {tuple(getattr(row, key) for key in keys): row for row in second}
    found = [(row, others.get(tuple(getattr(row, key) for key in keys))) for row in first]
    return [(row, other) for row, other in found if other is not None]


def _listed(rows: Sequence[MeasuredRow]) -> str:
    names = " / ".join(str(row) for row in rows[:3])
    more = f" and {len(rows) - 3} more" if len(rows) > 3 else ""
    return f"{rows[0].run.path} ({names}{more})"
