"""The account that a run gives of itself in run.json: at its beginning, with each network, at its end."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from ...base import RaybenchError, names_code, without_folder
from ...checkpoints import Card, ClassList, Network
from ..measuring import Outcome, environment, peak_memory_mb
from ..results import (
    Manifest,
    ResultFiles,
    clear_results,
    disk_error,
    read_manifest,
    refuse_other_definition,
    results_in,
    save_picture,
    write_manifest,
    write_subset_summaries,
    write_summary,
)
from ..statistics import INTERVALS
from ..suite import Protocol
from .integrity import refuse_gaps, say_complete, set_damaged_aside
from .machine.crew import was_restarted
from .naming import labels_of
from .plan import Plan
from .work import notes_of

_KEPT = (
    *("weights_sha256", "costs", "not_defined", "rows"),
    *("rows_sha256", "merging", "remarks", "found_layers"),
)
"""What a run goes on with where an earlier one stopped."""


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Make a result folder and, while open, keep other runs from writing to it.

    Raises:
        RaybenchError: another run writes to it, or it cannot be made.
    """
    for path in (folder, *folder.parents):
        if path.is_file():
            raise RaybenchError(f"--out {folder}: {path} is a file; name a folder, new or of an earlier run")
    lock = FileLock(folder / ".lock", timeout=0)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock.acquire()
    except Timeout:
        raise RaybenchError(
            f"another run is writing to {folder}: wait for it, or choose another --out"
        ) from None
    except OSError as error:
        raise disk_error(folder, error) from None
    try:
        yield
    finally:
        lock.release()


def begin(plan: Plan, say: Callable[[str], None]) -> Manifest:
    """Write run.json, after a look at what lies in the folder, and keep the gallery's pictures.

    Args:
        plan: of the run.
        say: told which files of an earlier run are damaged, so that their rows are measured again.

    Raises:
        RaybenchError: the folder holds results that were measured by other rules.
    """
    settings, manifest = plan.settings, _described(plan)
    out, old = settings.out, _read_old(settings.out, fresh=settings.fresh)
    measured = results_in(out)
    kept = any(n for name, n in old.get("rows", {}).items() if "/" in name)
    if old.get("status") == "running" and not measured and not kept:
        clear_results(out, old, manifest)  # of a run that was refused before its first row: it binds nobody
        old = {}
    unexplained = {} if old else measured
    if settings.fresh and not was_restarted():
        clear_results(out, old, manifest, unexplained)
        old = {}
    elif unexplained:
        raise RaybenchError(
            f"{out} holds results but no run.json that says by which rules they were measured: "
            "use another --out, or --fresh to measure anew"
        )
    if old:
        refuse_other_definition(old, manifest, out)
        for key in ("checkpoints", "attributions"):  # what an earlier run measured stays in the summary
            here = {entry["name"] for entry in manifest[key]}
            manifest[key] += [entry for entry in old[key] if entry["name"] not in here]
        for kind, known in old.get("facts", {}).items():
            if isinstance(known, dict):
                manifest["facts"][kind] = known | manifest["facts"].get(kind, {})
        if "code" in old:
            manifest["code"] = old["code"] | manifest.get("code", {})
    tried = list(settings.fast_report) or old.get("compute", {}).get("fast", [])
    manifest |= environment(plan.device) | {
        "status": "running",
        "command": ["raybench", *sys.argv[1:]],
        "started": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "limit": settings.limit,
        "sample": f"drawn by seed {plan.suite.seed}" if settings.limit or plan.suite.images else None,
        "batch_size": settings.batch_size,
        "compute": {"compile": settings.compile, "fast": tried},
        "without_queries": sorted(old.get("without_queries", [])),
        **{key: old.get(key, {}) for key in _KEPT},
    }
    set_damaged_aside(plan, manifest, say)
    write_manifest(out, manifest)
    if plan.dataset.has_images:
        _save_gallery_pictures(plan)
    return manifest


def note_weights(plan: Plan, manifest: Manifest, network: Network) -> None:
    """Write which weights are measured from now on."""
    manifest["weights_sha256"][network.name] = network.weights_sha256
    write_manifest(plan.settings.out, manifest)


def note_rehearsal(
    plan: Plan,
    manifest: Manifest,
    card: Card,
    undefined: Mapping[str, str],
    remarks: Sequence[str],
    found: Mapping[str, Any],
) -> None:
    """Write which methods are not defined for a checkpoint, and why, and what else is to be known of it.

    Raises:
        RaybenchError: maps were read at another layer before.
    """
    known = manifest["found_layers"].get(card.name, found)
    if found and known["layer"] != found["layer"]:
        raise RaybenchError(
            f"checkpoint {card.name!r}: maps in {plan.settings.out} were read at the layer "
            f"{known['layer']!r}, and now {found['layer']!r} is found; name target_layer in the card, or use "
            "another --out"
        )
    if found:
        manifest["found_layers"][card.name] = dict(found)
    manifest["not_defined"][card.name] = dict(undefined)
    if remarks:
        manifest["remarks"][card.name] = list(remarks)
    write_manifest(plan.settings.out, manifest)


def finish(
    plan: Plan, manifest: Manifest, noticed: Outcome, *, wall_seconds: float, processes: int
) -> Manifest:
    """Summarise, and complete run.json.

    Raises:
        RaybenchError: not one image could be used, or rows are missing on disk; the run is not complete then.
    """
    selected, out = frozenset(plan.image_ids), plan.settings.out
    order = {image_id: index for index, image_id in enumerate(plan.dataset.image_ids)}
    manifest["skipped"] = sorted(noticed.skipped, key=lambda entry: order[entry["image_id"]])
    _refuse_nothing_usable(plan, manifest)
    refuse_gaps(plan, manifest, noticed)
    rows = notes_of(plan.settings).rows()
    noted = Counter(note for _, note in {(row[0], row[2]): None for row in rows if row[0] in selected})
    metrics = [one.metric for one in plan.metrics]
    summary = write_summary(out, manifest, metrics, selected, len(plan.dataset.classes))
    write_subset_summaries(out, manifest, metrics, selected)
    manifest |= {
        "intervals": INTERVALS,
        "wall_seconds": round(wall_seconds, 3),
        "measured_images": noticed.images,
        "measuring_seconds": round(noticed.seconds, 3),
        "images_per_second": round(noticed.images / max(noticed.seconds, 1e-9), 3),
        "processes": max(processes, noticed.processes),
        "largest_batch": noticed.largest_batch,
        "peak_memory_mb": round(max(noticed.peak_memory_mb, peak_memory_mb(plan.device)), 1),
        "notes": dict(noted),
        "without_queries": sorted(noticed.without_queries),
    }
    say_complete(plan, manifest, summary)
    return manifest


def _described(plan: Plan) -> Manifest:
    """The part of the manifest that says what is measured."""
    return {
        "suite": plan.suite.model_dump(include={"name", "description", "images"}, exclude_none=True),
        "protocol": {"name": plan.protocol.name, "id": plan.protocol.id, "fields": plan.protocol.fields},
        "dataset": {
            "name": plan.dataset.name,
            "options": dict(plan.suite.dataset_choice.options),
            "classes": plan.dataset.classes.name,
            "images": len(plan.dataset),
            "fingerprint": plan.dataset.fingerprint(),
        },
        "metrics": {metric.metric.name: dict(metric.options) for metric in plan.metrics},
        "seed": plan.suite.seed,
        "attributions": [
            {"name": a.label, "method": a.attribution.name, "options": dict(a.options)}
            for a in plan.attributions
        ],
        "checkpoints": [_described_card(card, plan.classes_of(card), plan.protocol) for card in plan.cards],
        **({"code": dict(plan.code_sha256)} if plan.code_sha256 else {}),
        "facts": _facts(plan),
    }


def _facts(plan: Plan) -> Manifest:
    """What readers of the results need to know of metrics, methods and classes, and cannot look up."""
    classes, own = plan.dataset.classes, plan.suite.dataset_choice.label
    return {
        "metrics": {one.metric.name: one.metric.described() for one in plan.metrics},
        "methods": {one.attribution.name: one.attribution.summary for one in plan.attributions},
        "truth": {one.attribution.name: True for one in plan.attributions if one.attribution.truth},
        "dataset": {"label": own, "own": True} if own else {"label": plan.reader.label},
        "classes": dict(zip(classes.ids, classes.labels, strict=True)),
        **labels_of(plan.suite, plan.cards),
    }


def _described_card(card: Card, classes: ClassList, protocol: Protocol) -> Manifest:
    """What of a card decides numbers or interests people; without paths, so that folders can move."""
    shown = "name architecture pooling target_layer excitation_layer contrast_layer mean std training source"
    described = card.model_dump(mode="json", include={*shown.split(), "licence", "reported", "notes"})
    further = {"architecture_options", "scores", "layout"} & card.model_fields_set
    few_say = {"multilabel", "input_size", "channels", "input_range", "transform_input"}
    described |= card.model_dump(mode="json", include=further)
    described |= card.model_dump(mode="json", include=few_say, exclude_defaults=True)
    described |= {"classes": classes.name}
    if protocol.input == "network":
        described["input"] = card.input.model_dump(mode="json", exclude={"mean", "std", "range"})
    if names_code(card.architecture):
        described["architecture"] = without_folder(card.architecture)
    return described


def _read_old(out: Path, *, fresh: bool) -> Manifest:
    try:
        return read_manifest(ResultFiles(out).manifest)
    except RaybenchError:
        if fresh:
            return {}  # a damaged one is about to be replaced
        raise


def _save_gallery_pictures(plan: Plan) -> None:
    """Keep a small picture of each image in the gallery, and the ground truth of its classes."""
    for index, image_id in zip(plan.indices, plan.image_ids, strict=True):
        if image_id not in plan.gallery:
            continue
        try:
            sample = plan.dataset[index]
        except RaybenchError:
            continue  # the pass reports it
        if sample.image is not None and sample.queries:
            kept = plan.gallery[image_id] or (sample.queries[0].class_index,)
            asked = {query.class_index: query.region for query in sample.queries}
            regions = {index: asked[index].mask() for index in kept if index in asked}
            save_picture(plan.settings.out, image_id, sample.image.resize(sample.size[::-1]), regions)


def _refuse_nothing_usable(plan: Plan, manifest: Manifest) -> None:
    """Raise `RaybenchError` if every image had to be skipped; the manifest lists them."""
    skipped, out = manifest["skipped"], plan.settings.out
    if len(skipped) < len(plan.indices):
        return
    write_manifest(out, manifest)
    told = (
        f"none of the {len(skipped)} images could be used, the first for this reason: {skipped[0]['reason']}"
    )
    if plan.in_memory:
        raise RaybenchError(f"{told}; mend the list of pictures")
    raise RaybenchError(
        f"{told} (all are listed in {ResultFiles(out).manifest}); mend dataset {plan.dataset.name!r}, or "
        "choose another folder by --data"
    )
