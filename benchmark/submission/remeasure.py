"""Measures random images of a submission again, on one's own data and with weights that one trusts."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ...base import RaybenchError, quoted
from ...checkpoints import Card, Network, card_names, find_card, load_network
from ..datasets import Dataset
from ..measuring import explain_image
from ..results import (
    NO_CHECKPOINT,
    predictions_file,
    read_manifest,
    read_predictions,
    read_records,
    records_file,
)
from ..running import Reporter, evaluate, pick_device
from ..suite import NamedChoice, Remeasuring, Settings, Suite
from .agreement import Agreement, NearTie, compare_predictions, compare_records
from .check import Checked, Further
from .definition import Definition, compare_with_card
from .findings import Findings
from .own_data import open_own_data, own_options
from .run_facts import FILE, RunFacts

__all__ = ["remeasure", "remeasuring"]

TIE = 1e-3
"""Two pixels are as salient as each other if the smaller value lies within this share of the larger."""


def remeasuring(how: Remeasuring, reporter: Reporter) -> Further:
    """Return the further check that measures random images again, for `check`."""

    def further(checked: Checked, findings: Findings) -> Mapping[str, object]:
        agreement = remeasure(checked, how, findings, reporter=reporter)
        return {
            "measured again": f"{agreement.images} images, seed {how.seed}",
            "agreement": agreement.worded(),
        }

    return further


def remeasure(
    checked: Checked, how: Remeasuring, findings: Findings, *, reporter: Reporter | None = None
) -> Agreement:
    """Measure random images with every row's method and note each disagreement with the records.

    Raises:
        RaybenchError: the data or the weights are not there, or do not fit the submission.
    """
    facts, definition = checked.facts, checked.definition
    if facts is None or definition is None or definition.protocol is None:
        raise RaybenchError("nothing can be measured again, since run.json does not say what was measured")
    options = own_options(facts)
    dataset = open_own_data(checked, how.data, definition.protocol, options, findings)
    ids = list(dataset.image_ids)
    drawn = np.random.default_rng(how.seed).choice(len(ids), size=min(how.images, len(ids)), replace=False)
    chosen = sorted(ids[index] for index in drawn)
    cards = _trusted_cards(how.cards, facts, findings)
    agreement = Agreement(images=len(chosen))
    with tempfile.TemporaryDirectory(prefix="raybench-remeasure-") as name:
        out = Path(name) / "out"
        suite = _suite(facts, definition, cards, options)
        settings = Settings(data=how.data, out=out, device=how.device, workers=0, trust_code=how.trust_code)
        if suite.attributions or cards:
            evaluate(suite, settings, only=dict.fromkeys(chosen, ()), reporter=reporter)
            _compare(checked, facts, definition, out, set(chosen), cards, dataset, how, findings, agreement)
    agreement.report(findings)
    return agreement


def _trusted_cards(paths: Sequence[str], facts: RunFacts, findings: Findings) -> dict[str, tuple[str, Card]]:
    """Cards of the checkpoints, by name, with what to load them by: given ones, then shipped ones."""
    given = {card.name: (str(path), card) for path in paths for card in (find_card(path),)}
    found = {}
    for name, stated in facts.card_facts.items():
        if name in given:
            found[name] = given[name]
        elif name in card_names():
            found[name] = (name, find_card(name))
        else:
            findings.remark(
                FILE, f"checkpoint {name} was not measured again: give a card that you trust by --checkpoint"
            )
            continue
        compare_with_card(found[name][1], stated, findings)
    for name in given.keys() - facts.card_facts.keys():
        raise RaybenchError(
            f"the submission has no checkpoint {name!r}; its checkpoints: {', '.join(facts.card_facts)}"
        )
    return found


def _suite(
    facts: RunFacts,
    definition: Definition,
    cards: Mapping[str, tuple[str, Card]],
    options: Mapping[str, Any],
) -> Suite:
    """The suite of the submission, as far as it can be run here."""
    assert definition.protocol is not None
    changes = {
        key: value for key, value in definition.protocol.fields.items() if key not in ("name", "version")
    }
    predicts = [one for one in definition.metrics if one.metric.per_query or cards]
    return Suite(
        name="remeasured",
        protocol=NamedChoice(name=definition.protocol.name, **changes),
        dataset=NamedChoice(name=facts.dataset.name, **options),
        checkpoints=[where for where, _ in cards.values()],
        attributions=[
            NamedChoice(name=entry.method, label=entry.name, **entry.options)
            for entry in facts.attributions
            if entry.name in definition.attributions
            and (cards or definition.attributions[entry.name].kind != "network")
        ],
        metrics=[NamedChoice(name=one.metric.name, **one.options) for one in predicts],
        seed=facts.seed,
        gallery=0,
    )


def _compare(
    checked: Checked,
    facts: RunFacts,
    definition: Definition,
    out: Path,
    chosen: set[str],
    cards: Mapping[str, tuple[str, Card]],
    dataset: Dataset,
    how: Remeasuring,
    findings: Findings,
    agreement: Agreement,
) -> None:
    """Compare everything that was measured with what was submitted."""
    manifest = read_manifest(out / "run.json")
    for name, actual in manifest["weights_sha256"].items():
        if facts.weights_sha256.get(name) != actual:
            findings.problem(FILE, f"weights_sha256.{name} is not that of the weights here, {actual[:12]}…")
    usable = {entry["image_id"] for entry in manifest["skipped"]}
    for entry in facts.skipped:
        if entry.image_id in chosen - usable:
            findings.problem(FILE, f"image {quoted(entry.image_id)} was skipped, but can be measured here")
    samples = {
        one.metric.name: one.options.get("samples") for one in definition.metrics if one.metric.per_query
    }
    for (checkpoint, label), frame in checked.records.items():
        path = out / checkpoint / label / "records.csv"
        if path.is_file():
            given = frame[frame["image_id"].isin(chosen)]
            tie = _near_tie(checkpoint, label, facts, definition, cards, dataset, how)
            compare_records(
                records_file(checkpoint, label), given, read_records(path), samples, tie, agreement
            )
    for checkpoint, frame in checked.predictions.items():
        path = out / checkpoint / "predictions.csv"
        if path.is_file():
            given = frame[frame["image_id"].isin(chosen)]
            compare_predictions(predictions_file(checkpoint), given, read_predictions(path), agreement)


def _near_tie(
    checkpoint: str,
    label: str,
    facts: RunFacts,
    definition: Definition,
    cards: Mapping[str, tuple[str, Card]],
    dataset: Dataset,
    how: Remeasuring,
) -> NearTie:
    """Return a function that says whether a pixel is as salient as the most salient one, within rounding."""
    options = next(dict(entry.options) for entry in facts.attributions if entry.name == label)
    method = definition.attributions[label]
    loaded: dict[str, Network] = {}

    def near_tie(image_id: str, class_index: int, x: int, y: int) -> bool:
        if checkpoint == NO_CHECKPOINT or checkpoint not in cards:
            return False
        image = dataset[dataset.image_ids.index(image_id)].image
        if image is None:
            return False
        if checkpoint not in loaded:
            where, device = cards[checkpoint][0], pick_device(how.device)
            loaded[checkpoint] = load_network(where, device=device, data=how.data, trust_code=how.trust_code)
        explained = explain_image(
            loaded[checkpoint],
            image,
            class_index,
            attribution=method.name,
            protocol=definition.protocol or "",
            **options,
        )
        saliency = explained.saliency[0]
        inside = y < saliency.shape[0] and x < saliency.shape[1]
        return inside and bool(saliency[y, x] >= (1 - TIE) * saliency.max())

    return near_tie
