"""Adds telling queries to the gallery of a finished run, by running its methods on those images again."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from ...base import CodeFiles, RaybenchError
from ...checkpoints import find_card, shipped_cards
from ..metrics import METRICS
from ..results import (
    Choice,
    Chosen,
    Manifest,
    ResultFolder,
    choose_from,
    gallery_images,
    map_path,
    open_results,
    read_choice,
    safe_name,
    write_choice,
)
from ..suite import PROTOCOLS, Again, NamedChoice, Settings, Suite, changed_fields, protocol_key
from .networks import refuse_other_weights
from .progress import Reporter
from .run import Results, evaluate

_TOLERANCE = 0.1
"""Percentage points by which a metric may differ from the records."""
_OTHER_DEVICE = 1.0
"""The same, on another kind of device than the one that measured."""


def extend_gallery(path: Path, again: Again, *, reporter: Reporter | None = None) -> Choice:
    """Choose the best, worst and most disputed queries of a run and keep their thumbnails.

    Raises:
        RaybenchError: no run, data, protocol or weights other than those that were measured, or maps that
            score other than the records say.
    """
    run = open_results(path)
    before = read_choice(path)
    choice = choose_from(run, each=again.each, random=_random(run, before))
    if not choice.queries:
        raise RaybenchError(
            f"{path} has no rows of checkpoints to choose from; measure a suite that has some"
        )
    chosen = [query for query in choice.queries if query.reason != "random"]
    only = {query.image_id: (query.class_index,) for query in chosen}
    with tempfile.TemporaryDirectory(prefix="raybench-gallery-") as name:
        settings = Settings(
            data=again.data,
            out=Path(name),
            device=again.device,
            checkpoints=_cards(run, again),
            trust_code=again.trust_code,
        )
        found = evaluate(_suite(run), settings, only=only, reporter=reporter)
        _refuse_other_rules(run, found.manifest)
        _refuse_other_scores(run, found, chosen)
        _take_thumbnails(run, Path(name))
    write_choice(path, choice)
    _remove(run, before, choice)
    return choice


def _random(run: ResultFolder, before: Choice) -> frozenset[tuple[str, int]]:
    """Return the queries that the run itself has kept, as (`safe_name` of the image, class)."""
    if before.queries:
        named = [query for query in before.queries if query.reason == "random"]
        return frozenset((safe_name(query.image_id), query.class_index) for query in named)
    images = gallery_images(run.path)
    return frozenset((image.folder.name, index) for image in images for index in image.class_indices)


def _remove(run: ResultFolder, before: Choice, now: Choice) -> None:
    """Remove the thumbnails of queries that were chosen before and are not any more."""
    kept = {(query.image_id, query.class_index) for query in now.queries}
    for query in before.queries:
        if (query.image_id, query.class_index) in kept:
            continue
        for checkpoint, attribution in run.network_rows:
            map_path(run.path, checkpoint, attribution, query.image_id, query.class_index).unlink(
                missing_ok=True
            )
        folder = run.path / "gallery" / safe_name(query.image_id)
        (folder / f"region-{query.class_index}.png").unlink(missing_ok=True)
        if query.image_id not in {image_id for image_id, _ in kept}:
            (folder / "picture.jpg").unlink(missing_ok=True)


def _suite(run: ResultFolder) -> Suite:
    """Return the suite that a manifest describes: its methods that read a network, metrics of their maps.

    Raises:
        RaybenchError: the manifest does not say what was measured.
    """
    manifest = run.manifest
    try:
        protocol = dict(manifest["protocol"])
        key, fields = protocol_key(protocol["name"], protocol["fields"].get("version")), protocol["fields"]
        changes = changed_fields(PROTOCOLS[key], fields) if key in PROTOCOLS else fields
        return Suite(
            name=manifest["suite"]["name"],
            protocol=_named(key, {**changes}, drop=("name", "version")),
            dataset=_named(manifest["dataset"]["name"], manifest["dataset"]["options"]),
            attributions=[
                _named(one["method"], one["options"], one["name"])
                for one in manifest["attributions"]
                if one["name"] in {attribution for _, attribution in run.network_rows}
            ],
            metrics=[
                _named(name, options)
                for name, options in manifest["metrics"].items()
                if METRICS.get(name).per_query
            ],
            seed=manifest["seed"],
        )
    except (KeyError, TypeError, AttributeError, ValidationError):
        raise RaybenchError(
            f"{run.files.manifest} does not say what was measured; measure again with `raybench run`"
        ) from None


def _named(
    name: str, options: Mapping[str, Any], label: str | None = None, *, drop: Sequence[str] = ()
) -> NamedChoice:
    kept = {key: value for key, value in options.items() if key not in drop}
    return NamedChoice.model_validate({**kept, "name": name, "label": label})


def _cards(run: ResultFolder, again: Again) -> list[str]:
    """Name the cards of the run's checkpoints: those given, else those that ship with raybench."""
    code = CodeFiles(trusted=again.trust_code)
    cards = {find_card(name, code).name: name for name in again.checkpoints}
    wanted = dict.fromkeys(checkpoint for checkpoint, _ in run.network_rows)
    for name in cards.keys() - wanted.keys():
        raise RaybenchError(
            f"checkpoint {name!r} is not in {run.path}, which measured {', '.join(map(repr, wanted))}"
        )
    shipped = {card.name for card in shipped_cards()}
    missing = [name for name in wanted if name not in cards and name not in shipped]
    if missing:
        names = ", ".join(map(repr, missing))
        raise RaybenchError(f"no card of {names} ships with raybench; give it by --checkpoint CARD.yaml")
    return [cards.get(name, name) for name in wanted]


def _refuse_other_rules(run: ResultFolder, now: Manifest) -> None:
    """Refuse data, a protocol or weights other than those that were measured."""
    name, known, found = now["protocol"]["name"], run.manifest["protocol"].get("id"), now["protocol"]["id"]
    if known != found:
        raise RaybenchError(
            f"{run.path} was measured under protocol {name} {known}, which this version of raybench defines "
            f"as {found}; measure again"
        )
    known, found = run.dataset.get("fingerprint"), now["dataset"]["fingerprint"]
    if known != found:
        raise RaybenchError(
            f"dataset {now['dataset']['name']!r} is not the one that {run.path} was measured on: its "
            f"fingerprint is {found[:12]} and was {str(known)[:12]}; give the other folder by --data"
        )
    weights = run.manifest.get("weights_sha256", {})
    for checkpoint, sha256 in now["weights_sha256"].items():
        remedy = "give the card by --checkpoint"
        refuse_other_weights(checkpoint, sha256, weights.get(checkpoint), str(run.path), remedy)
    for entry in now["skipped"]:
        raise RaybenchError(entry["reason"])


def _refuse_other_scores(run: ResultFolder, found: Results, chosen: Sequence[Chosen]) -> None:
    """Refuse maps that score other than the records say."""
    other = run.manifest.get("device", {}).get("type") != found.manifest["device"]["type"]
    tolerance = _OTHER_DEVICE if other else _TOLERANCE
    metrics = found.manifest["metrics"]
    for checkpoint, attribution in run.network_rows:
        before, now = (
            frame.set_index(["image_id", "class_index"])[list(metrics)]
            for frame in (run.records(checkpoint, attribution), found.records(checkpoint, attribution))
        )
        for query in chosen:
            key = (query.image_id, query.class_index)
            for metric in metrics:
                old, new = float(before.loc[key, metric]), float(now.loc[key, metric])
                # on another device, rounding may move the peak of a flat map
                flipped = other and {old, new} == {0.0, 100.0}
                if abs(old - new) > tolerance and not flipped:
                    raise RaybenchError(
                        f"{checkpoint}, {attribution}, image {query.image_id!r}: {metric} is {new:.2f} and "
                        f"was {old:.2f}; the records of {run.path} were made by other code or edited; "
                        "measure again with `raybench run --fresh`"
                    )


def _take_thumbnails(run: ResultFolder, folder: Path) -> None:
    """Move kept pictures, regions and maps to the run's own."""
    for path in [*folder.glob("gallery/*/*"), *folder.glob("*/*/gallery/*.png")]:
        goal = run.path / path.relative_to(folder)
        goal.parent.mkdir(parents=True, exist_ok=True)
        shutil.move(path, goal)
