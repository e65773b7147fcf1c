"""Checks what the numbers are said to be: protocol, data, metrics, methods and weights."""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

from pydantic import Field

from ...attributions import ATTRIBUTIONS, Attribution, bind
from ...base import Document, RaybenchError, UnknownNameError, names_code, quoted, read_document
from ...checkpoints import Card, ClassList, card_files, find_card, load_classes
from ..datasets import DATASETS
from ..metrics import BoundMetric, bind_metric
from ..results import stated_protocol, worded_changes
from ..statistics import Facts
from ..suite import Protocol
from .report import Findings
from .run_facts import FILE, RunFacts

_DECIDING = (
    "architecture",
    "pooling",
    "classes",
    "target_layer",
    "excitation_layer",
    "contrast_layer",
    "mean",
    "std",
)
"""Facts of a card that decide numbers."""


class KnownDataset(Document):
    """One entry of known.yaml.

    Attributes:
        dataset: name of the reader.
        title: for messages.
        fingerprint: as manifests give it.
        classes: the shipped class list that class indices follow.
        images: how many.
        queries_sha256: see `queries_sha256`.
        center: values of the middle pixel, in percent, by protocol id, then by metric and aggregate.
    """

    dataset: str
    title: str
    fingerprint: str
    classes: str
    images: int
    queries_sha256: str
    center: dict[str, dict[str, float]] = Field(default_factory=dict)


class _Known(Document):
    datasets: list[KnownDataset]


@functools.cache
def _known() -> dict[str, KnownDataset]:
    path = Path(str(files("raybench.benchmark.submission") / "known.yaml"))
    return {entry.fingerprint: entry for entry in read_document(path, _Known).datasets}


def known_dataset(fingerprint: str) -> KnownDataset | None:
    """Return what is known about the data of this fingerprint, or None."""
    return _known().get(fingerprint)


def queries_sha256(queries: Iterable[tuple[str, int]]) -> str:
    """SHA-256 over the sorted lines `image_id class_index` of queries."""
    text = "".join(f"{image_id} {class_index}\n" for image_id, class_index in sorted(queries))
    return hashlib.sha256(text.encode()).hexdigest()


@dataclass(frozen=True)
class Definition:
    """What the numbers of a run mean, with every name resolved.

    Attributes:
        protocol: None if it is not one of ours.
        metrics: in the manifest's order; unknown ones are left out.
        attributions: registered method by label; unknown ones are left out.
        classes: what class indices stand for, or None if only the submitter knows.
        known: what is certain about the data, or None.
        multilabel: whether an image may hold several classes, or None for unknown readers.
    """

    protocol: Protocol | None
    metrics: tuple[BoundMetric, ...]
    attributions: Mapping[str, Attribution]
    classes: ClassList | None
    known: KnownDataset | None
    multilabel: bool | None


def check_definition(facts: RunFacts, findings: Findings) -> Definition:
    """Resolve and check everything that decides what the numbers of a run mean."""
    known = known_dataset(facts.dataset.fingerprint)
    _check_dataset(facts, known, findings)
    for name in [entry.name for entry in facts.checkpoints]:
        _check_weights(name, facts, findings)
    return Definition(
        protocol=_protocol(facts, findings),
        metrics=tuple(_metrics(facts, findings)),
        attributions=_attributions(facts, findings),
        classes=_classes(facts, known, findings),
        known=known,
        multilabel=_multilabel(facts, findings),
    )


def _protocol(facts: RunFacts, findings: Findings) -> Protocol | None:
    """Rebuild the protocol from its fields, and say how it was changed."""
    given = facts.protocol
    try:
        protocol = stated_protocol(given.name, given.id, given.fields)
    except RaybenchError as error:
        findings.problem(FILE, quoted(error, 300)[1:-1])
        return None
    if changes := worded_changes(given.name, given.id, given.fields):
        findings.remark(FILE, changes)
    return protocol


def _metrics(facts: RunFacts, findings: Findings) -> Sequence[BoundMetric]:
    bound = []
    for name, options in facts.metrics.items():
        try:
            bound.append(bind_metric(name, options))
        except RaybenchError as error:
            findings.problem(FILE, f"metrics: {quoted(error, 300)[1:-1]}")
            continue
        _check_facts(name, bound[-1].metric, facts, findings)
    if not facts.metrics:
        findings.problem(FILE, "metrics are empty; expected at least one")
    return bound


def _check_facts(name: str, metric: Facts, facts: RunFacts, findings: Findings) -> None:
    """What decides how the board shows and ranks a metric is what is known of it here."""
    described = facts.facts.get("metrics")
    given = described.get(name) if isinstance(described, dict) else None
    known = metric.described()
    for key in ("kind", "label", "aggregates", "higher_is_better", "bounds", "unit"):
        if isinstance(given, dict) and given.get(key, known[key]) != known[key]:
            findings.problem(
                FILE, f"facts: {key} of metric {name} is {quoted(given[key])}; expected {quoted(known[key])}"
            )


def _attributions(facts: RunFacts, findings: Findings) -> Mapping[str, Attribution]:
    found = {}
    for entry in facts.attributions:
        try:
            found[entry.name] = bind(entry.method, entry.options, entry.name).attribution
        except RaybenchError as error:
            if not isinstance(error, UnknownNameError) and not names_code(entry.method):
                findings.problem(FILE, f"attributions: {quoted(error, 300)[1:-1]}")
                continue
            findings.remark(
                FILE,
                f"method {quoted(entry.method)} is not installed here: its rows are checked as far as that "
                "goes, and not measured again",
            )
    methods = {entry.name for entry in ATTRIBUTIONS}
    for entry in facts.attributions:
        if entry.name in methods and entry.name != entry.method:
            findings.problem(
                FILE, f"method {quoted(entry.method)} is labelled {entry.name!r}, the name of another method"
            )
    return found


def _multilabel(facts: RunFacts, findings: Findings) -> bool | None:
    try:
        return DATASETS.get(facts.dataset.name).multilabel
    except UnknownNameError:
        findings.remark(FILE, f"no reader of dataset {facts.dataset.name!r} is installed here")
        return None


def _check_dataset(facts: RunFacts, known: KnownDataset | None, findings: Findings) -> None:
    given = facts.dataset
    if known is None:
        findings.remark(
            FILE,
            f"data {given.name} with fingerprint {given.fingerprint[:12]}… is not known here: only "
            "--remeasure, with the data, can tell that its queries are the right ones",
        )
        return
    for key, found, expected in (
        ("dataset.name", given.name, known.dataset),
        ("dataset.images", given.images, known.images),
    ):
        if found != expected:
            findings.problem(
                FILE,
                f"{key} is {quoted(found)}; expected {expected!r}, since the fingerprint is "
                f"that of {known.title}",
            )


def _classes(facts: RunFacts, known: KnownDataset | None, findings: Findings) -> ClassList | None:
    """Return the class list if it is one that ships with raybench; text of the manifest is never a path."""
    named = [known.classes] if known else []
    named += [str(entry.get("classes")) for entry in facts.card_facts.values()]
    named.append(facts.dataset.classes)
    for name in named:
        if name in ("imagenet1k", "coco80", "voc20", "shapes12"):
            return load_classes(name)
    findings.remark(
        FILE, f"class list {quoted(facts.dataset.classes)} is not known here: class names unchecked"
    )
    return None


def _check_weights(name: str, facts: RunFacts, findings: Findings) -> None:
    """Compare a checkpoint's weights and card with the shipped card of its name, if there is one."""
    actual = facts.weights_sha256.get(name)
    if actual is None:
        findings.problem(FILE, f"weights_sha256 has no entry for checkpoint {name!r}")
        return
    if name not in card_files():
        return
    card = find_card(name)
    pins = [source.sha256 or "" for source in card.weights]
    hashes = actual.split("+")
    if len(pins) != len(hashes) or not all(map(str.startswith, hashes, pins)):
        findings.problem(
            FILE,
            f"weights_sha256.{name} is {actual[:12]}…; its shipped card says {'+'.join(pins)[:12]}…",
        )
    if not all(pins):
        findings.remark(FILE, f"the shipped card of {name} pins no hash: its weights are as submitted")
    compare_with_card(card, facts.card_facts[name], findings)


def compare_with_card(card: Card, given: Mapping[str, Any], findings: Findings) -> None:
    """Compare what a manifest says about a checkpoint with a card of that name that is trusted."""
    trusted = card.model_dump(mode="json") | {"classes": load_classes(card.classes).name}
    for key in _DECIDING:
        if key in given and given[key] != trusted[key]:
            findings.problem(
                FILE,
                f"checkpoints: {key} of {card.name} is {quoted(given[key])}; expected "
                f"{quoted(trusted[key])}, as the trusted card of that name says; choose another name",
            )
