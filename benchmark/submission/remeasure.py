"""Measures images of a submission again, drawn by lot, on one's own data and with weights that one trusts."""

from __future__ import annotations

import hashlib
import re
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ...base import RaybenchError, quoted
from ...checkpoints import Card, Network, card_names, find_card, load_network
from ..datasets import DATASETS, Dataset, asks_anything, open_dataset
from ..loading import Needs, Prepared, PreparedImages
from ..measuring import explain_image, logits_of
from ..metrics import SaliencyBatch
from ..results import Manifest, predictions_file, read_manifest, read_predictions, read_records, records_file
from ..running import Reporter, evaluate, pick_device
from ..suite import NamedChoice, Protocol, Remeasuring, Settings, Suite
from .agreement import (
    OTHER,
    SAME,
    Agreement,
    chance_to_pass,
    compare_predictions,
    compare_records,
    fewest_to_draw,
    fewest_to_shift,
)
from .check import Checked, Further
from .definition import Definition, compare_with_card
from .report import Findings
from .run_facts import FILE, RunFacts

__all__ = ["drawn", "remeasure", "remeasuring"]


def remeasuring(how: Remeasuring, reporter: Reporter) -> Further:
    """Return the further check that measures images again, for `check`."""

    def further(checked: Checked, findings: Findings) -> Mapping[str, object]:
        agreement = remeasure(checked, how, findings, reporter=reporter)
        return {
            "measured again": f"{agreement.images} images, seed {how.seed}",
            "agreement": agreement.worded(),
            "together": agreement.together(),
            "what would pass": _promises(checked, agreement.images),
        }

    return further


def remeasure(
    checked: Checked, how: Remeasuring, findings: Findings, *, reporter: Reporter | None = None
) -> Agreement:
    """Look at every excuse, measure images with every row's method, and note each disagreement.

    Raises:
        RaybenchError: the data or the weights are not there, or do not fit the submission.
    """
    facts, definition = checked.facts, checked.definition
    if facts is None or definition is None or definition.protocol is None:
        raise RaybenchError("nothing can be measured again, since run.json does not say what was measured")
    options = _own_options(facts)
    dataset = _open_own_data(checked, how.data, definition.protocol, options, findings)
    cards = _trusted_cards(how.cards, facts, findings)
    own = _Own(checked, facts, definition, definition.protocol, dataset, cards, how)
    _look_at_excuses(own, findings)
    chosen = drawn(dataset.image_ids, how.images, checked.digest, how.seed)
    suite = _suite(facts, definition, cards, options)
    agreement = Agreement(images=len(chosen))
    if not chosen or not (suite.attributions or cards):
        return agreement
    with tempfile.TemporaryDirectory(prefix="raybench-remeasure-") as name:
        out = Path(name) / "out"
        settings = Settings(data=how.data, out=out, device=how.device, workers=0, trust_code=how.trust_code)
        evaluate(suite, settings, only=dict.fromkeys(sorted(chosen), ()), reporter=reporter)
        manifest = read_manifest(out / "run.json")
        agreement.allowance = SAME if _same_machine(facts, manifest) else OTHER
        _compare(own, out, manifest, chosen, findings, agreement)
    agreement.report(findings)
    return agreement


def drawn(image_ids: Sequence[str], count: int, digest: str, seed: object) -> frozenset[str]:
    """Draw images by a lot that is cast when the bundle's hash is known: nobody can prepare for it."""
    lot = hashlib.sha256(f"{digest} {seed}".encode()).digest()
    places = np.random.default_rng(list(lot)).choice(
        len(image_ids), size=min(count, len(image_ids)), replace=False
    )
    return frozenset(image_ids[place] for place in places)


def _same_machine(facts: RunFacts, manifest: Manifest) -> bool:
    """Whether rounding has to be the same: an equal kind of processor and equal versions."""
    kind = [
        tuple(device.get(key) for key in ("type", "name", "instructions"))
        for device in (facts.device, manifest["device"])
    ]
    return kind[0] == kind[1] and dict(facts.versions) == manifest["versions"]


def _promises(checked: Checked, count: int) -> list[str]:
    """Say, for the number of images drawn, with what chance changes of a given size are not met."""
    if checked.facts is None or checked.definition is None or not count:
        return []
    images = checked.facts.expected_images
    frame = next(iter(checked.records.values()), None)
    lines = [
        f"{100 * share:g} % of the images changed: probability {_percent(images, count, share)}"
        for share in (0.01, 0.05)
    ]
    percent = [
        one for one in checked.definition.metrics if one.metric.per_query and one.metric.unit == "percent"
    ]
    for one in percent if frame is not None else ():
        for aggregate in (
            one.metric.aggregates if one.metric.per_query and one.metric.unit == "percent" else ()
        ):
            needed = fewest_to_shift(frame, aggregate, 0.005)
            lines.append(
                f"a shift of {one.metric.label} ({aggregate.replace('_', ' ')}) by 0.5 points needs {needed} "
                f"images changed: probability {_percent(images, count, needed / images)}, and below 0.1 % "
                f"with {fewest_to_draw(images, needed)} images measured again"
            )
    return lines


def _percent(images: int, count: int, share: float) -> str:
    chance = chance_to_pass(images, count, max(1, round(share * images)))
    return f"{100 * chance:.2g} %" if chance >= 1e-3 else "below 0.1 %"


@dataclass
class _Own:
    """One's own data and networks, and answers about single images."""

    checked: Checked
    facts: RunFacts
    definition: Definition
    protocol: Protocol
    dataset: Dataset
    cards: Mapping[str, tuple[str, Card]]
    how: Remeasuring
    _networks: dict[str, Network] = field(default_factory=dict)

    @cached_property
    def places(self) -> Mapping[str, int]:
        """Place of each image in the data."""
        return {image_id: place for place, image_id in enumerate(self.dataset.image_ids)}

    def prepared(self, image_id: str) -> Prepared:
        """Read an image as a run does; `error` says why it would be skipped."""
        needs = Needs(frozenset({"whole"}) if self.facts.checkpoints else frozenset(), masks=True)
        place = [self.places[image_id]]
        return PreparedImages(self.dataset, place, self.protocol, needs, self.facts.seed)[0]

    def network(self, checkpoint: str) -> Network:
        """Load a network, once."""
        if checkpoint not in self._networks:
            self._networks[checkpoint] = load_network(
                self.cards[checkpoint][0],
                device=pick_device(self.how.device),
                data=self.how.data,
                trust_code=self.how.trust_code,
            )
        return self._networks[checkpoint]

    def at_point(
        self, row: tuple[str, str], tie: float, image_id: str, class_index: int, x: int, y: int
    ) -> dict[str, float] | None:
        """Values that metrics of the peak have at a pixel; None if it is not as salient as any."""
        checkpoint, label = row
        found = self.prepared(image_id)
        inside = y < found.size[0] and x < found.size[1]
        if checkpoint not in self.cards or not inside or class_index not in found.class_index:
            return None
        image = self.dataset[self.places[image_id]].image
        if image is None or found.masks is None or found.near is None:
            return None
        saliency = explain_image(
            self.network(checkpoint),
            image,
            class_index,
            attribution=self.definition.attributions[label].name,
            protocol=self.protocol,
            seed=self.facts.seed,
            image_id=image_id,
            **next(dict(entry.options) for entry in self.facts.attributions if entry.name == label),
        ).saliency.cpu()
        if not saliency[0, y, x] >= (1 - tie) * saliency.max():
            return None
        place = [found.class_index.tolist().index(class_index)]
        spike = torch.zeros_like(saliency)
        spike[0, y, x] = 1
        regions = (torch.from_numpy(found.masks[place]), torch.from_numpy(found.near[place]))
        peaks = [one for one in self.definition.metrics if one.metric.judges_point and one.metric.outcomes]
        return {one.metric.name: float(one(SaliencyBatch(spike, *regions))[0]) for one in peaks}

    def as_high(self, checkpoint: str, tie: float, image_id: str, column: str, found: Sequence[int]) -> bool:
        """Say whether the logits allow a list of classes, within rounding: ranks, or those above 0."""
        image = self.dataset[self.places[image_id]].image
        assert image is not None, "a network has no predictions without pictures"
        view = "crop" if column == "top5" else "square"
        logits = logits_of(self.network(checkpoint), image, view, self.protocol).cpu()
        if len(set(found)) < len(found) or any(index >= len(logits) for index in found):
            return False
        slack = tie * float(logits.abs().max())
        if column == "top5":
            best = logits.topk(min(5, len(logits))).values
            return len(found) == len(best) and bool((logits[list(found)] >= best - slack).all())
        given = torch.zeros(len(logits), dtype=torch.bool)
        given[list(found)] = True
        return bool((logits[given != (logits > 0)].abs() <= slack).all())


def _look_at_excuses(own: _Own, findings: Findings) -> None:
    """Look at every image that the submission leaves out, and that every other one is in it."""
    facts, ids = own.facts, set(own.dataset.image_ids)
    skipped = {entry.image_id for entry in facts.skipped}
    for image_id in sorted(skipped & ids):
        if not own.prepared(image_id).error:
            findings.problem(FILE, f"image {quoted(image_id)} was skipped, but can be measured here")
    for image_id in sorted(set(facts.without_queries) & ids):
        if asks_anything(own.dataset, [own.places[image_id]]):
            findings.problem(FILE, f"image {quoted(image_id)} is said to have no query, but has one here")
    for image_id in sorted((skipped | set(facts.without_queries)) - ids)[:5]:
        findings.problem(FILE, f"image {quoted(image_id)} is excused, but is none of the data")
    excused = {records_file(*row): skipped | set(facts.without_queries) for row in own.checked.records}
    files = {records_file(*row): frame for row, frame in own.checked.records.items()}
    files |= {predictions_file(name): frame for name, frame in own.checked.predictions.items()}
    for name, frame in files.items():
        left = ids - set(frame["image_id"]) - excused.get(name, skipped)
        if left:
            findings.problem(name, f"lacks {len(left)} images of the data, such as {quoted(min(left))}")


def _own_options(facts: RunFacts) -> dict[str, Any]:
    """Return the dataset's options but for those that name files: a stranger's path is not followed.

    Raises:
        RaybenchError: another option is unknown, or more than a plain word.
    """
    reader = DATASETS.get(facts.dataset.name)
    options = {key: value for key, value in facts.dataset.options.items() if key not in ("list", "classes")}
    for key, value in options.items():
        plain = not isinstance(value, str) or re.fullmatch(r"[A-Za-z0-9_-]{1,80}", value)
        if key not in reader.options or not plain:
            raise RaybenchError(
                f"run.json: dataset option {quoted(key)} is {quoted(value)}; not used to open files here"
            )
    return options


def _open_own_data(
    checked: Checked,
    data: Mapping[str, Path],
    protocol: Protocol,
    options: Mapping[str, Any],
    findings: Findings,
) -> Dataset:
    """Open the data, and note whether its images and fingerprint are those of the submission.

    A submission on a selection of the images (option `list`) names them by its records.
    """
    facts = checked.facts
    assert facts is not None
    dataset = open_dataset(facts.dataset.name, data, protocol, options)
    if "list" in facts.dataset.options:
        named = {image for frame in checked.records.values() for image in frame["image_id"]}
        named |= {entry.image_id for entry in facts.skipped} | set(facts.without_queries)
        missing = named - set(dataset.image_ids)
        if missing == named:
            raise RaybenchError("none of the submission's images is in the data")
        if missing:
            findings.problem(
                FILE, f"{len(missing)} images are not in the data, such as {quoted(min(missing))}"
            )
        with tempfile.TemporaryDirectory(prefix="raybench-list-") as name:
            listed = Path(name) / "images.txt"
            listed.write_text("".join(f"{one}\n" for one in sorted(named - missing)), encoding="utf-8")
            dataset = open_dataset(facts.dataset.name, data, protocol, {**options, "list": str(listed)})
    if len(dataset) != facts.dataset.images:
        findings.problem(FILE, f"dataset.images is {facts.dataset.images}; the data here has {len(dataset)}")
    given, actual = facts.dataset.fingerprint, dataset.fingerprint()
    if given != actual:
        findings.problem(FILE, f"dataset.fingerprint is {given[:12]}…; the data here: {actual[:12]}…")
    return dataset


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
    own: _Own,
    out: Path,
    manifest: Manifest,
    chosen: frozenset[str],
    findings: Findings,
    agreement: Agreement,
) -> None:
    """Compare everything that was measured with what was submitted."""
    metrics = [one.metric for one in own.definition.metrics]
    tie = agreement.allowance.tie
    for name, actual in manifest["weights_sha256"].items():
        if own.facts.weights_sha256.get(name) != actual:
            findings.problem(FILE, f"weights_sha256.{name} is not that of the weights here, {actual[:12]}…")
    for row, frame in own.checked.records.items():
        path = out / row[0] / row[1] / "records.csv"
        if path.is_file():
            compare_records(
                records_file(*row),
                frame[frame["image_id"].isin(chosen)],
                read_records(path),
                [metric for metric in metrics if metric.per_query],
                lambda *asked, row=row: own.at_point(row, tie, *asked),
                agreement,
            )
    for checkpoint, frame in own.checked.predictions.items():
        path = out / checkpoint / "predictions.csv"
        if path.is_file():
            compare_predictions(
                predictions_file(checkpoint),
                frame[frame["image_id"].isin(chosen)],
                read_predictions(path),
                [metric for metric in metrics if metric.of_predictions],
                len(own.network(checkpoint).classes),
                lambda *asked, checkpoint=checkpoint: own.as_high(checkpoint, tie, *asked),
                agreement,
            )
