"""What a run will do, with every name resolved and checked before anything is measured."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import torch

from ...attributions import BoundAttribution
from ...base import RaybenchError, UnknownNameError
from ...checkpoints import Card, find_card, load_classes, shipped_cards
from ..datasets import DATASETS, Dataset, open_dataset
from ..metrics import BoundMetric
from ..results import NO_CHECKPOINT, RECORD_COLUMNS, Manifest
from ..suite import Protocol, Settings, Suite, load_suite
from .binding import bound_attributions, bound_metrics
from .progress import Reporter

__all__ = ["Plan", "Settings", "pick_device"]


@dataclass(frozen=True)
class Plan:
    """A suite with every name in it resolved, before anything is measured."""

    suite: Suite
    protocol: Protocol
    metrics: tuple[BoundMetric, ...]
    attributions: tuple[BoundAttribution, ...]
    cards: tuple[Card, ...]
    dataset: Dataset
    indices: tuple[int, ...]
    device: torch.device

    @classmethod
    def make(cls, source: str | Path | Suite, settings: Settings, reporter: Reporter) -> Plan:
        """Resolve every name of a suite.

        Raises:
            RaybenchError: a name is unknown, something is missing, or two things do not fit together.
        """
        suite, path = (source, Path.cwd() / "suite") if isinstance(source, Suite) else load_suite(source)
        place = f"suite {suite.name!r}" if isinstance(source, Suite) else str(path)
        with _told(place):
            protocol = suite.bound_protocol(settings.protocol)
            metrics = bound_metrics(suite)
        if settings.checkpoints:
            cards = tuple(_find_card(name, Path()) for name in settings.checkpoints)
        else:
            with _told(place):
                cards = tuple(_find_card(name, path.parent) for name in suite.checkpoints)
        with _told(place):
            attributions = _possible(suite, cards, reporter)
        device = pick_device(settings.device)
        if settings.compile != "no" and device.type != "cuda":
            raise RaybenchError("networks are compiled on CUDA devices alone; leave out --compile on a CPU")
        choice = suite.dataset_choice
        _check_data_names(settings.data, cards)
        with _told(place):
            dataset = open_dataset(choice.name, settings.data, protocol, choice.options, say=reporter.say)
        plan = cls(
            suite=suite,
            protocol=protocol,
            metrics=metrics,
            attributions=attributions,
            cards=cards,
            dataset=dataset,
            indices=tuple(range(len(dataset)))[: settings.limit],
            device=device,
        )
        plan.check()
        return plan

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
            _refuse_other_classes(card, self.dataset)
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
            "checkpoints": [_describe_card(card) for card in self.cards],
        }


@contextmanager
def _told(place: str) -> Iterator[None]:
    """Say where an unknown name stands."""
    try:
        yield
    except UnknownNameError as error:
        raise error.at(place) from None


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


def _describe_card(card: Card) -> Manifest:
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
    size = {"input_size": list(card.input_size)} if card.input_size else {}
    return described | several | size | {"classes": load_classes(card.classes).name}


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


def _refuse_other_classes(card: Card, dataset: Dataset) -> None:
    classes = load_classes(card.classes)
    if classes.ids != dataset.classes.ids:
        raise RaybenchError(
            f"checkpoint {card.name!r} answers the {len(classes)} classes of {classes.name}, but dataset "
            f"{dataset.name!r} asks about the {len(dataset.classes)} of {dataset.classes.name}; "
            "choose a checkpoint or dataset that fits"
        )
