"""Whether the files of a run hold all of its rows: at its beginning, after each pass, at its end."""

from __future__ import annotations

import collections
import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path

from ...base import RaybenchError
from ..measuring import Outcome, Pass
from ..results import (
    NO_CHECKPOINT,
    NOTE_COLUMNS,
    PREDICTION_COLUMNS,
    RECORD_COLUMNS,
    Manifest,
    RowStore,
    find_gaps,
    prediction_batches,
    read_lists,
    read_predictions,
    read_records,
    set_aside,
    write_manifest,
)
from .plan import Plan
from .work import stores_of

__all__ = ["keep_rows", "refuse_gaps", "set_damaged_aside", "unchanged"]


def set_damaged_aside(plan: Plan, manifest: Manifest, say: Callable[[str], None]) -> None:
    """Take files that lost rows, or that cannot be read, out of the way of those that are measured now.

    Which rows are gone cannot be told, nor whether those beside them are as they were.
    """
    for store in stores_of(plan):
        name = _name(plan, store)
        damage = store.damage(manifest["rows"].get(name, 0)) or _wrong_values(plan, store)
        if damage:
            say(f"{damage}: all of its rows are measured again; what is left of it is {name}.damaged")
            set_aside(store.path)
            manifest["rows"].pop(name, None)
            if store.columns == NOTE_COLUMNS:
                _note_again(plan, store)


def _wrong_values(plan: Plan, store: RowStore) -> str | None:
    """Say which value of a file, whose rows are all there, is none that a run writes."""
    try:
        if not store.path.is_file() or store.columns == NOTE_COLUMNS:
            return None
        if store.columns == PREDICTION_COLUMNS:
            batches = prediction_batches(read_predictions(store.path), len(plan.dataset.classes))
            collections.deque(batches, maxlen=0)
        elif store.columns[: len(RECORD_COLUMNS)] == RECORD_COLUMNS:
            read_records(store.path)
        else:
            read_lists(store.path)
    except RaybenchError as error:
        return str(error)
    return None


def _note_again(plan: Plan, notes: RowStore) -> None:
    """Write the dataset's remarks on all images: those that are measured are not looked at any more."""
    with notes:
        for index, image_id in zip(plan.indices, plan.image_ids, strict=True):
            with contextlib.suppress(RaybenchError):  # the pass reports it
                remarks = plan.dataset[index].notes
                notes.append([(image_id, str(row), note) for row, note in enumerate(remarks)])


def keep_rows(plan: Plan, manifest: Manifest, work: Pass) -> None:
    """Turn the shards of a pass into its files, and note how many rows these hold."""
    for store in work.stores:
        manifest["rows"][_name(plan, store)] = store.merge()
    write_manifest(plan.settings.out, manifest)


def _name(plan: Plan, store: RowStore) -> str:
    return store.path.relative_to(plan.settings.out).as_posix()


@contextlib.contextmanager
def unchanged(plan: Plan) -> Iterator[None]:
    """Raise `RaybenchError` if a file with rows of a plan is removed or replaced within the block."""
    before = {store.path: _stamp(store.path) for store in stores_of(plan)}
    yield
    for path, stamp in before.items():
        if _stamp(path) != stamp:
            raise RaybenchError(
                f"{path} was removed or changed while the run summed it up; run the same command again"
            )


def _stamp(path: Path) -> tuple[int, int, int] | None:
    """Tell one state of a file from another without reading it."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_ino, found.st_size, found.st_mtime_ns


def refuse_gaps(plan: Plan, manifest: Manifest, noticed: Outcome) -> None:
    """Raise `RaybenchError` if a file does not hold the rows that this run and those before it wrote."""
    out, skipped = plan.settings.out, {entry["image_id"] for entry in noticed.skipped}
    usable = [image_id for image_id in plan.image_ids if image_id not in skipped]
    metrics = [one.metric for one in plan.metrics]
    gaps = find_gaps(out, _rows(plan, manifest), metrics, usable, noticed.without_queries)
    for gap in gaps:
        if gap.partial:
            set_aside(gap.path)
    lost = [str(gap) for gap in gaps]
    for store in stores_of(plan):
        known = manifest["rows"].get(_name(plan, store), 0)
        lost += [damage] if not lost and (damage := store.damage(known)) else []
    if lost:
        write_manifest(out, manifest)
        raise RaybenchError(
            f"{lost[0]}: the file was removed or changed, perhaps while the run went on; the same command "
            "measures what is missing"
        )


def _rows(plan: Plan, manifest: Manifest) -> list[tuple[str, str]]:
    """Checkpoints and attributions that a plan measures; the attribution is empty for predictions."""
    reading = [one.label for one in plan.attributions if one.attribution.kind == "network"]
    rows = [(NO_CHECKPOINT, one.label) for one in plan.attributions if one.label not in reading]
    for card in plan.cards:
        undefined = manifest["not_defined"].get(card.name, {})
        rows += [(card.name, ""), *((card.name, label) for label in reading if label not in undefined)]
    return rows
