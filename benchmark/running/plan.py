"""What a run will do, with every name resolved and checked before anything is measured."""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import torch

from ...attributions import BoundAttribution, bind
from ...base import RaybenchError, UnknownNameError
from ...checkpoints import Card, ClassList, Network, find_card, load_classes, shipped_cards
from ..datasets import DATASETS, Dataset, open_dataset
from ..metrics import BoundMetric, bind_metric
from ..results import NO_CHECKPOINT, RECORD_COLUMNS, Manifest
from ..suite import PLAIN_NAME, Protocol, Settings, Suite, load_suite
from .progress import Reporter

__all__ = ["Plan", "bound_attributions", "bound_metrics", "pick_device"]


@dataclass(frozen=True)
class Plan:
    """A suite with every name in it resolved, before anything is measured.

    Attributes:
        settings: how it is to be run.
        cards: of the networks to measure, in order.
        indices: of the images to measure.
        held: networks that are in memory already, by name.
    """

    suite: Suite
    settings: Settings
    protocol: Protocol
    metrics: tuple[BoundMetric, ...]
    attributions: tuple[BoundAttribution, ...]
    cards: tuple[Card, ...]
    dataset: Dataset
    indices: tuple[int, ...]
    device: torch.device
    held: Mapping[str, Network] = field(default_factory=dict)

    @classmethod
    def make(
        cls,
        source: str | Path | Suite,
        settings: Settings,
        reporter: Reporter,
        networks: Sequence[Network] = (),
    ) -> Plan:
        """Resolve every name of a suite, and of the settings; see `evaluate` for the arguments.

        Raises:
            RaybenchError: a name is unknown, something is missing, or two things do not fit together.
        """
        suite, path = (source, Path.cwd() / "suite") if isinstance(source, Suite) else load_suite(source)
        place = f"suite {suite.name!r}" if isinstance(source, Suite) else str(path)
        cards = [_find_card(name, Path()) for name in settings.checkpoints]
        cards += [network.card for network in networks]
        with _told(place):
            protocol = suite.bound_protocol(settings.protocol)
            metrics = bound_metrics(suite)
            cards = cards or [_find_card(name, path.parent) for name in suite.checkpoints]
            attributions = _possible(suite, cards, reporter)
        device = pick_device(settings.device)
        if settings.compile != "no" and device.type != "cuda":
            raise RaybenchError("networks are compiled on CUDA devices alone; leave out --compile on a CPU")
        _check_data_names(settings.data, cards)
        with _told(place):
            choice = suite.dataset_choice
            dataset = open_dataset(choice.name, settings.data, protocol, choice.options, say=reporter.say)
        plan = cls(
            suite=suite,
            settings=settings,
            protocol=protocol,
            metrics=metrics,
            attributions=attributions,
            cards=tuple(cards),
            dataset=dataset,
            indices=tuple(range(len(dataset)))[: settings.limit],
            device=device,
            held={network.name: network for network in networks},
        )
        plan.check()
        return plan

    def classes_of(self, card: Card) -> ClassList:
        """Return what the outputs of a network stand for."""
        return self.held[card.name].classes if card.name in self.held else load_classes(card.classes)

    @functools.cached_property
    def image_ids(self) -> tuple[str, ...]:
        """Ids of the images to measure."""
        return tuple(self.dataset.image_ids[index] for index in self.indices)

    @functools.cached_property
    def gallery(self) -> frozenset[str]:
        """Ids of the images whose first query is kept as a thumbnail: drawn by their names alone."""
        by_hash = sorted(self.image_ids, key=lambda image_id: hashlib.blake2b(image_id.encode()).digest())
        return frozenset(by_hash[: self.suite.gallery])

    def check(self) -> None:
        """Refuse what cannot be measured together."""
        name = self.suite.name
        if not self.indices:
            raise RaybenchError(f"dataset {self.dataset.name!r} holds no images")
        if (self.cards or self.predicts) and not self.dataset.has_images:
            raise RaybenchError(
                f"dataset {self.dataset.name!r} has annotations but no images, and suite {name!r} names "
                "checkpoints; use methods that need no network, such as center"
            )
        for card in self.cards:
            self._refuse_other_classes(card)
        for metric in self.metrics:
            if metric.metric.name in RECORD_COLUMNS:
                raise RaybenchError(
                    f"metric {metric.metric.name!r} has the name of another column of records.csv; rename it"
                )
            if metric.metric.kind == "classification" and metric.metric.multilabel != self.dataset.multilabel:
                kind = "several classes" if self.dataset.multilabel else "one class"
                raise RaybenchError(
                    f"metric {metric.metric.name!r} does not fit dataset {self.dataset.name!r}, whose images "
                    f"have {kind} each; use {'f1_per_class' if self.dataset.multilabel else 'top1_accuracy'}"
                )
        names = [card.name for card in self.cards]
        for card_name in names:
            if card_name == NO_CHECKPOINT:
                raise RaybenchError(
                    f"a checkpoint of suite {name!r} is called {NO_CHECKPOINT!r}, reserved for methods "
                    "that need no network; give its card another name"
                )
            if names.count(card_name) > 1:
                raise RaybenchError(
                    f"suite {name!r} has checkpoint {card_name!r} twice; name it once, or give one of the "
                    "two cards another name"
                )

    @property
    def predicts(self) -> bool:
        """Whether any metric needs predictions."""
        return any(metric.metric.kind == "classification" for metric in self.metrics)

    def describe(self) -> Manifest:
        """The part of the manifest that says what is measured."""
        return {
            "suite": {"name": self.suite.name, "description": self.suite.description},
            "protocol": {"name": self.protocol.name, "id": self.protocol.id, "fields": self.protocol.fields},
            "dataset": {
                "name": self.dataset.name,
                "options": dict(self.suite.dataset_choice.options),
                "classes": self.dataset.classes.name,
                "images": len(self.dataset),
                "fingerprint": self.dataset.fingerprint(),
            },
            "metrics": {metric.metric.name: dict(metric.options) for metric in self.metrics},
            "seed": self.suite.seed,
            "attributions": [
                {"name": a.label, "method": a.attribution.name, "options": dict(a.options)}
                for a in self.attributions
            ],
            "checkpoints": [_describe_card(card, self.classes_of(card)) for card in self.cards],
        }

    def _refuse_other_classes(self, card: Card) -> None:
        classes, asked = self.classes_of(card), self.dataset.classes
        if classes.ids != asked.ids:
            raise RaybenchError(
                f"checkpoint {card.name!r} answers the {len(classes)} classes of {classes.name}, but dataset "
                f"{self.dataset.name!r} asks about the {len(asked)} of {asked.name}; "
                "choose a checkpoint or dataset that fits"
            )


@contextmanager
def _told(place: str) -> Iterator[None]:
    """Say where an unknown name stands."""
    try:
        yield
    except UnknownNameError as error:
        raise error.at(place) from None


def bound_attributions(suite: Suite) -> tuple[BoundAttribution, ...]:
    """Return a suite's methods with their options, in its order."""
    bound = tuple(bind(choice.name, choice.options, choice.label) for choice in suite.attribution_choices)
    _refuse_twins("attribution", (attribution.label for attribution in bound), suite.name)
    return bound


def bound_metrics(suite: Suite) -> tuple[BoundMetric, ...]:
    """Return a suite's metrics with their options, in its order."""
    bound = tuple(bind_metric(choice.name, choice.options) for choice in suite.metric_choices)
    _refuse_twins("metric", (metric.metric.name for metric in bound), suite.name)
    if not suite.attributions and all(metric.metric.kind == "localisation" for metric in bound):
        raise RaybenchError(
            f"suite {suite.name!r} measures nothing: it names no attributions and no metric of "
            "predictions; give it attributions, such as [grad_cam]"
        )
    return bound


def _refuse_twins(noun: str, names: Iterable[str], suite: str) -> None:
    seen: set[str] = set()
    for name in names:
        if not PLAIN_NAME.fullmatch(name):
            raise RaybenchError(
                f"suite {suite!r}: {noun} label {name!r} may hold up to 80 letters, digits and _ . + - only"
            )
        if name in seen:
            raise RaybenchError(f"suite {suite!r} has {noun} {name!r} twice; give one of them another label")
        seen.add(name)


def _check_data_names(data: Mapping[str, Path], cards: Sequence[Card]) -> None:
    """Refuse folders whose names nothing would ever ask for."""
    known = {"weights", *(reader.name for reader in DATASETS), *_data_names(cards)}
    if not known.issuperset(data):
        known |= _data_names(shipped_cards())
    for name in data:
        if name not in known:
            raise UnknownNameError("name of a data folder", name, known, "--data")


def _data_names(cards: Sequence[Card]) -> set[str]:
    """Names of the data folders that weights of cards lie in."""
    paths = [source.path or "" for card in cards for source in card.weights]
    return {path.removeprefix("data:").partition("/")[0] for path in paths if path.startswith("data:")}


def _possible(suite: Suite, cards: Sequence[Card], reporter: Reporter) -> tuple[BoundAttribution, ...]:
    """Return the suite's methods; without a checkpoint, only those that need none."""
    asked = bound_attributions(suite)
    possible = tuple(one for one in asked if cards or one.attribution.kind != "network")
    if asked and not possible:
        raise RaybenchError(
            f"suite {suite.name!r} asks for {asked[0].label!r} but names no checkpoint; "
            "give one by --checkpoint"
        )
    if len(possible) < len(asked):
        left_out = ", ".join(one.label for one in asked if one not in possible)
        reporter.say(f"left out for want of a checkpoint: {left_out}; name networks by --checkpoint")
    return possible


def _find_card(name: str, folder: Path) -> Card:
    """Return a shipped card, or read one whose path is relative to the suite's folder or the working one."""
    beside = folder / name
    return find_card(beside if Path(name).suffix and beside.is_file() else name)


def _describe_card(card: Card, classes: ClassList) -> Manifest:
    """What of a card decides numbers or interests people; without paths, so that folders can move."""
    shown = (
        "name",
        "architecture",
        "pooling",
        "target_layer",
        "excitation_layer",
        "contrast_layer",
        "mean",
        "std",
        "training",
        "source",
        "licence",
        "reported",
        "notes",
    )
    described = card.model_dump(mode="json", include=set(shown))
    several = {"multilabel": True} if card.multilabel else {}
    return described | several | {"classes": classes.name}


def pick_device(name: str) -> torch.device:
    """Return the device called `name`, where `auto` is a GPU if there is one.

    Raises:
        RaybenchError: no such device.
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
    except RuntimeError:
        raise RaybenchError(f"unknown device {name!r}; expected auto, cpu or cuda") from None
    if device.type not in ("cpu", "cuda"):
        raise RaybenchError(f"unknown device {name!r}; expected auto, cpu or cuda")
    if device.type == "cuda" and not torch.cuda.is_available():
        raise RaybenchError(
            f"device {name!r} was asked for, but this machine has no usable CUDA GPU; use cpu"
        )
    return device
