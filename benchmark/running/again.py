"""Adds telling queries to the gallery of a finished run, by running its methods on those images again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from pydantic import ValidationError

from ...attributions import computing_in, denormals_flushed, sharing
from ...base import RaybenchError
from ...checkpoints import Card, Network, find_card, load_network, shipped_cards
from ..loading import Batch, Needs, Prepared, PreparedImages, decoded, network_input
from ..measuring import Scorer
from ..results import (
    Choice,
    Chosen,
    ResultFolder,
    choose_from,
    gallery_images,
    map_path,
    network_rows,
    open_results,
    read_choice,
    safe_name,
    save_map,
    save_picture,
    write_choice,
)
from ..suite import PROTOCOLS, Again, NamedChoice, Settings, Suite
from .plan import Plan
from .processes import threads_limited
from .progress import Reporter, SilentReporter

__all__ = ["extend_gallery", "suite_of"]

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
    reporter = reporter or SilentReporter()
    run = open_results(path)
    before = read_choice(path)
    choice = choose_from(run, each=again.each, random=_random(run, before))
    if not choice.queries:
        raise RaybenchError(
            f"{path} has no rows of checkpoints to choose from; measure a suite that has some"
        )
    # as in a run: before the first tensor operation, and with one thread, which decides the last digits
    with denormals_flushed(), threads_limited(1):
        cards = _cards(run, again.checkpoints)
        plan = _plan(run, cards, again, reporter)
        chosen = [query for query in choice.queries if query.reason != "random"]
        _Thumbnails(run, plan, again, chosen).keep(reporter)
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
        for checkpoint, attribution in network_rows(run):
            map_path(run.path, checkpoint, attribution, query.image_id, query.class_index).unlink(
                missing_ok=True
            )
        folder = run.path / "gallery" / safe_name(query.image_id)
        (folder / f"region-{query.class_index}.png").unlink(missing_ok=True)
        if query.image_id not in {image_id for image_id, _ in kept}:
            (folder / "picture.jpg").unlink(missing_ok=True)


def suite_of(run: ResultFolder) -> Suite:
    """Return the suite that a manifest describes, without its checkpoints.

    Raises:
        RaybenchError: the manifest does not say what was measured.
    """
    manifest = run.manifest
    try:
        protocol = dict(manifest["protocol"])
        standard = PROTOCOLS[protocol["name"]].fields if protocol["name"] in PROTOCOLS else {}
        changes = {key: value for key, value in protocol["fields"].items() if standard.get(key) != value}
        return Suite(
            name=manifest["suite"]["name"],
            protocol=_named(protocol["name"], {**changes}, drop=("name", "version")),
            dataset=_named(manifest["dataset"]["name"], manifest["dataset"]["options"]),
            attributions=[
                _named(one["method"], one["options"], one["name"]) for one in manifest["attributions"]
            ],
            metrics=[_named(name, options) for name, options in manifest["metrics"].items()],
            seed=manifest["seed"],
        )
    except (KeyError, TypeError, AttributeError, ValidationError):
        raise RaybenchError(
            f"{run.path / 'run.json'} does not say what was measured; measure again with `raybench run`"
        ) from None


def _named(
    name: str, options: Mapping[str, Any], label: str | None = None, *, drop: Sequence[str] = ()
) -> NamedChoice:
    kept = {key: value for key, value in options.items() if key not in drop}
    return NamedChoice.model_validate({**kept, "name": name, "label": label})


def _cards(run: ResultFolder, given: Sequence[str]) -> list[str]:
    """Name the cards of the run's checkpoints: those given, else those that ship with raybench."""
    cards = {find_card(name).name: name for name in given}
    wanted = dict.fromkeys(checkpoint for checkpoint, _ in network_rows(run))
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


def _plan(run: ResultFolder, cards: Sequence[str], again: Again, reporter: Reporter) -> Plan:
    """Plan the run again and make sure that it asks the same of the same data."""
    settings = Settings(data=again.data, out=run.path, device=again.device, checkpoints=tuple(cards))
    plan = Plan.make(suite_of(run), settings, reporter)
    known = run.manifest["protocol"].get("id")
    if plan.protocol.id != known:
        raise RaybenchError(
            f"{run.path} was measured under protocol {plan.protocol.name} {known}, which this version of "
            f"raybench defines as {plan.protocol.id}; measure again"
        )
    fingerprint, measured = plan.dataset.fingerprint(), run.dataset.get("fingerprint")
    if fingerprint != measured:
        raise RaybenchError(
            f"dataset {plan.dataset.name!r} is not the one that {run.path} was measured on: its fingerprint "
            f"is {fingerprint[:12]} and was {str(measured)[:12]}; give the other folder by --data"
        )
    return plan


class _Thumbnails:
    """Runs methods again on chosen images and keeps what they show."""

    def __init__(self, run: ResultFolder, plan: Plan, again: Again, chosen: Sequence[Chosen]) -> None:
        self.run, self.plan, self.again, self.chosen = run, plan, again, chosen
        self.scorer = Scorer(plan.protocol, plan.metrics, plan.dataset.classes, plan.device)
        place = {image_id: index for index, image_id in enumerate(plan.dataset.image_ids)}
        self.indices = [place[query.image_id] for query in chosen]
        other = run.manifest.get("device", {}).get("type") != plan.device.type
        self.tolerance = _OTHER_DEVICE if other else _TOLERANCE

    def keep(self, reporter: Reporter) -> None:
        """Keep pictures, ground truth and maps of the chosen queries."""
        needs = Needs(frozenset({"whole"}), masks=True)
        images = PreparedImages(
            self.plan.dataset, self.indices, self.plan.protocol, needs, self.plan.suite.seed
        )
        prepared = decoded([images[position] for position in range(len(images))], self.plan.device)
        for image in prepared:
            if image.error:
                raise RaybenchError(image.error)
        self._keep_pictures()
        for card in self.plan.cards:
            reporter.start(card.name, len(prepared), 0)
            try:
                network = self._load(card)
                self._keep_maps(network, prepared, reporter)
            finally:
                reporter.finish()

    def _keep_pictures(self) -> None:
        for index, query in zip(self.indices, self.chosen, strict=True):
            sample = self.plan.dataset[index]
            regions = {one.class_index: one.region.mask() for one in sample.queries}
            if sample.image is not None:
                picture = sample.image.resize(sample.size[::-1])
                shown = {query.class_index: regions[query.class_index]}
                save_picture(self.run.path, query.image_id, picture, shown)

    def _load(self, card: Card) -> Network:
        network = load_network(
            card, device=self.plan.device, data=self.again.data, trust_code=self.again.trust_code
        )
        measured = self.run.manifest.get("weights_sha256", {}).get(card.name)
        if network.weights_sha256 != measured:
            raise RaybenchError(
                f"the weights of {card.name!r} are not those that {self.run.path} was measured with: SHA-256 "
                f"{network.weights_sha256[:12]} now, {str(measured)[:12]} then; give the card by --checkpoint"
            )
        return network

    def _keep_maps(self, network: Network, images: Sequence[Prepared], reporter: Reporter) -> None:
        records = {
            attribution: self.run.records(checkpoint, attribution).set_index(["image_id", "class_index"])
            for checkpoint, attribution in network_rows(self.run)
            if checkpoint == network.name
        }
        methods = [one for one in self.plan.attributions if one.label in records]
        for image, query in zip(images, self.chosen, strict=True):
            row = image.class_index.tolist().index(query.class_index)
            batch = Batch((image,))
            device, protocol = self.plan.device, self.plan.protocol
            pixels = network_input(network, batch.images, "whole", protocol, device)
            inputs = (pixels, batch.image_index.to(device), batch.class_index.to(device))
            with torch.no_grad(), sharing(), computing_in(protocol.precision):
                for method in methods:
                    maps = method(network, *inputs)
                    (scores,) = self.scorer.score_maps(method, maps, batch)
                    where = f"{network.name}, {method.label}, image {query.image_id!r}"
                    stored = records[method.label].loc[[(query.image_id, query.class_index)]].iloc[0]
                    self._compare(scores.rows()[0][row], stored.to_dict(), where)
                    assert scores.saliency is not None
                    saliency = scores.saliency[row].float().cpu().numpy()
                    label, index = method.label, query.class_index
                    save_map(self.run.path, network.name, label, query.image_id, index, saliency)
            reporter.advance(1)

    def _compare(self, row: Sequence[str], stored: Mapping[Any, Any], where: str) -> None:
        """Refuse maps that score other than the records say."""
        for metric, text in zip(self.scorer.metrics, row[6:], strict=True):
            name = metric.metric.name
            before, now = float(stored[name]), float(text)
            # on another device, rounding may move the peak of a flat map
            flipped = self.tolerance == _OTHER_DEVICE and {before, now} == {0.0, 100.0}
            if abs(before - now) > self.tolerance and not flipped:
                raise RaybenchError(
                    f"{where}: {name} is {now:.2f} and was {before:.2f}; the records of {self.run.path} were "
                    "made by other code or edited; measure again with `raybench run --fresh`"
                )
