"""Whether the files of a run hold all of its rows: at its beginning, after each pass, at its end."""

from __future__ import annotations

import collections
import contextlib
from collections.abc import Callable
from pathlib import Path

from ...base import RaybenchError
from ..measuring import Outcome, Pass
from ..results import (
    NO_CHECKPOINT,
    NOTE_COLUMNS,
    PREDICTION_COLUMNS,
    RECORD_COLUMNS,
    Content,
    Manifest,
    ResultFiles,
    RowStore,
    find_gaps,
    prediction_batches,
    read_lists,
    read_manifest,
    read_predictions,
    read_records,
    set_aside,
    write_manifest,
)
from .plan import Plan
from .work import of_checkpoints, stores_of


def set_damaged_aside(plan: Plan, manifest: Manifest, say: Callable[[str], None]) -> None:
    """Take files that lost rows, or that cannot be read, out of the way of those that are measured now.

    Which rows are gone cannot be told, nor whether those beside them are as they were. Files of earlier runs,
    whose rows this one does not measure, would stand in its summary: they are looked at too.
    """
    stores = {_name(plan, store): store for store in stores_of(plan)}
    for name, digest in manifest.pop("merging", {}).items():  # the run was killed in between
        if name in stores and stores[name].holds(Content(sha256=digest)):
            manifest["rows_sha256"][name] = digest
    for name, store in stores.items():
        known = _known(manifest, name)
        if store.holds(known):  # one that is as it was written is not read any further
            continue
        damage = store.damage(known.rows) or _wrong_values(plan, store)
        if damage:
            say(f"{damage}: all of its rows are measured again; what is left of it is {name}.damaged")
            _forget(manifest, store.path, name)
            if store.columns == NOTE_COLUMNS:
                _note_again(plan, store)
        elif not store.path.is_file():
            manifest["rows_sha256"].pop(name, None)  # of no rows, and written again
        elif known.sha256:
            manifest["rows_sha256"][name] = store.content().sha256
            say(
                f"{store.path} holds other values than the run wrote; they are taken as they are, and "
                "`raybench check --remeasure` judges them. Remove the file to have its rows measured again"
            )
    for name in sorted(manifest["rows"].keys() - stores.keys()):
        store = RowStore(plan.settings.out / name, ())
        known = _known(manifest, name)
        if known.rows and not (store.holds(known) or (not known.sha256 and store.path.is_file())):
            say(
                f"{store.path} is not what an earlier run wrote: its row is left out until the command of "
                f"that run measures it again; what is left of it is {name}.damaged"
            )
            _forget(manifest, store.path, name)


def _known(manifest: Manifest, name: str) -> Content:
    """What a run took down of a file; older versions did not take down its hash."""
    return Content(manifest["rows"].get(name, 0), manifest["rows_sha256"].get(name, ""))


def _forget(manifest: Manifest, path: Path, name: str) -> None:
    set_aside(path)
    manifest["rows"].pop(name, None)
    manifest["rows_sha256"].pop(name, None)


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
    """Turn the shards of a pass into its files, and take down what these hold before the shards go.

    Raises:
        RaybenchError: a file is not what it was when the run began.
    """
    for store in work.stores:
        name = _name(plan, store)
        known = _known(manifest, name)
        if known.sha256 and not store.holds(known):
            raise RaybenchError(_changed(store.path))

        def announce(content: Content, name: str = name) -> None:
            write_manifest(plan.settings.out, manifest | {"merging": {name: content.sha256}})

        written = store.merge(announce) or (None if known.sha256 else store.content())
        if written:
            manifest["rows"][name], manifest["rows_sha256"][name] = written.rows, written.sha256
    write_manifest(plan.settings.out, manifest)
    for store in work.stores:
        store.drop_shards()


def _changed(path: Path) -> str:
    return f"{path} was removed or changed while the run went on; the same command measures what is missing"


def _name(plan: Plan, store: RowStore) -> str:
    return store.path.relative_to(plan.settings.out).as_posix()


def say_complete(plan: Plan, manifest: Manifest, summary: Content) -> None:
    """Write that a run is complete, and take it back unless all files are, then, what was verified.

    Raises:
        RaybenchError: a file was removed or changed since it was written.
    """
    out = plan.settings.out
    write_manifest(out, manifest | {"status": "complete"})
    wanted = {out / name: _known(manifest, name) for name in manifest["rows_sha256"]}
    wanted[ResultFiles(out).summary] = summary
    for path, known in wanted.items():
        if not RowStore(path, ()).holds(known):
            write_manifest(out, manifest)
            raise RaybenchError(_changed(path))
    if read_manifest(ResultFiles(out).manifest).get("status") != "complete":
        raise RaybenchError(_changed(ResultFiles(out).manifest))
    manifest["status"] = "complete"


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
    if lost:
        write_manifest(out, manifest)
        raise RaybenchError(
            f"{lost[0]}: the file was removed or changed, perhaps while the run went on; the same command "
            "measures what is missing"
        )


def _rows(plan: Plan, manifest: Manifest) -> list[tuple[str, str]]:
    """Checkpoints and attributions that a plan measures; the attribution is empty for predictions."""
    reading = [one.label for one in plan.attributions if of_checkpoints(plan, one)]
    rows = [(NO_CHECKPOINT, one.label) for one in plan.attributions if one.label not in reading]
    for card in plan.cards:
        undefined = manifest["not_defined"].get(card.name, {})
        rows += [(card.name, label) for label in ("", *reading) if label not in undefined]
    return rows
