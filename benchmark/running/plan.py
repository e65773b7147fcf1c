"""What a run will do, with every name resolved and checked before anything is measured."""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch

from ...attributions import BoundAttribution
from ...base import CodeFiles, DocumentError, RaybenchError, UnknownNameError
from ...checkpoints import (
    Card,
    ClassList,
    Network,
    load_classes,
    shipped_cards,
)
from ..datasets import DATASETS, Dataset, DatasetReader, asks_anything, open_dataset
from ..metrics import BoundMetric
from ..results import NO_CHECKPOINT, RECORD_COLUMNS
from ..suite import Protocol, Settings, Suite, meant
from .machine.devices import pick_device
from .naming import names_in, with_names
from .progress import Reporter


@dataclass(frozen=True)
class Plan:
    """A suite with every name in it resolved, before anything is measured.

    Attributes:
        settings: how it is to be run.
        cards: of the networks to measure, in order.
        reader: of the dataset.
        indices: of the images to measure.
        held: networks that are in memory already, by name.
        in_memory: whether the pictures are, too.
        only: None, or ids of images with the classes whose maps are kept.
        code_sha256: hashes of files that functions were taken from, by the functions' names.
    """

    suite: Suite
    settings: Settings
    protocol: Protocol
    metrics: tuple[BoundMetric, ...]
    attributions: tuple[BoundAttribution, ...]
    cards: tuple[Card, ...]
    reader: DatasetReader
    dataset: Dataset
    indices: tuple[int, ...]
    device: torch.device
    held: Mapping[str, Network] = field(default_factory=dict)
    in_memory: bool = False
    only: Mapping[str, Collection[int]] | None = None
    code_sha256: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def make(
        cls,
        source: str | Path | Suite,
        settings: Settings,
        reporter: Reporter,
        networks: Sequence[Network] = (),
        only: Mapping[str, Collection[int]] | None = None,
        held: Mapping[str, Any] | None = None,
    ) -> Plan:
        """Resolve every name of a suite, and of the settings; see `evaluate` for the arguments.

        Raises:
            RaybenchError: a name is unknown, something is missing, or two things do not fit together.
        """
        code = CodeFiles(Path(), settings.trust_code, held or {})
        try:
            suite, path = meant(source, settings)
        except DocumentError as error:
            raise with_names(error, str(source), settings, networks, code) from None
        code = replace(code, folder=path.parent)
        protocol, cards, metrics, asked, reader = names_in(
            suite,
            settings,
            networks,
            code,
            path,
            f"suite {suite.name!r}" if isinstance(source, Suite) else str(path),
        )
        choice, folder = suite.dataset_choice, Path() if settings.dataset else path.parent
        attributions = _possible(suite, asked, cards, reporter)
        device = pick_device(settings.device)
        if settings.compile != "no" and device.type != "cuda":
            raise RaybenchError("networks are compiled on CUDA devices alone; leave out --compile on a CPU")
        _check_data_names(settings.data, cards, reader)
        dataset = open_dataset(
            reader, settings.data, protocol, choice.options, say=reporter.say, folder=folder
        )
        plan = cls(
            suite=suite,
            settings=settings,
            protocol=protocol,
            metrics=metrics,
            attributions=attributions,
            cards=tuple(cards),
            reader=reader,
            dataset=dataset,
            indices=_indices(dataset, suite, settings.limit, only),
            device=device,
            held={network.name: network for network in networks},
            in_memory=choice.name in (held or {}),
            only=only,
            code_sha256=code.sha256,
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
    def gallery(self) -> Mapping[str, Collection[int] | None]:
        """Images of which thumbnails are kept, and of which classes; None for the first that is asked about.

        A run draws them by their names alone.
        """
        if self.only is not None:
            return {image_id: classes for image_id, classes in self.only.items() if classes}
        by_hash = sorted(self.image_ids, key=lambda image_id: hashlib.blake2b(image_id.encode()).digest())
        return dict.fromkeys(by_hash[: self.suite.gallery])

    def check(self) -> None:
        """Refuse what cannot be measured together."""
        name = self.suite.name
        if not self.indices:
            raise RaybenchError(f"dataset {self.dataset.name!r} holds no images")
        self._refuse_data_as_out()
        if (self.cards or self.predicts) and not self.dataset.has_images:
            raise RaybenchError(
                f"dataset {self.dataset.name!r} has annotations but no images, and suite {name!r} names "
                "checkpoints; use methods that need no network, such as center"
            )
        if self.attributions and not asks_anything(self.dataset, self.indices):
            raise RaybenchError(
                f"dataset {self.dataset.name!r} has no region in any picture, no box and no mask, so that no "
                "map can be scored: give annotations, or a suite without attributions, for accuracy alone"
            )
        for card in self.cards:
            self._refuse_other_classes(card)
        for metric in self.metrics:
            if metric.metric.name in RECORD_COLUMNS:
                raise RaybenchError(
                    f"metric {metric.metric.name!r} has the name of another column of records.csv; rename it"
                )
            if metric.metric.of_predictions and metric.metric.multilabel != self.dataset.multilabel:
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
        return any(metric.metric.of_predictions for metric in self.metrics)

    def _refuse_data_as_out(self) -> None:
        """Refuse to write results into a folder of data, or into one that holds such a folder."""
        out = self.settings.out.resolve()
        for data in (*self.settings.data.values(), Path(self.dataset.path_of(self.indices[0]))):
            if data.resolve().is_relative_to(out):
                raise RaybenchError(
                    f"--out {self.settings.out} holds the data {data}; name a folder for results alone"
                )

    def _refuse_other_classes(self, card: Card) -> None:
        classes, asked = self.classes_of(card), self.dataset.classes
        if classes.ids != asked.ids:
            raise RaybenchError(
                f"checkpoint {card.name!r} answers the {len(classes)} classes of {classes.name}, but dataset "
                f"{self.dataset.name!r} asks about the {len(asked)} of {asked.name}; "
                "choose a checkpoint or dataset that fits"
            )


def _indices(
    dataset: Dataset, suite: Suite, limit: int | None, only: Collection[str] | None
) -> tuple[int, ...]:
    """Return the positions of the images that the suite draws, or of those asked for."""
    if only is None:
        return suite.drawn(dataset.image_ids, limit)
    place = {image_id: index for index, image_id in enumerate(dataset.image_ids)}
    for image_id in only:
        if image_id not in place:
            raise RaybenchError(f"dataset {dataset.name!r} has no image {image_id!r}; is the --data right?")
    return tuple(sorted(place[image_id] for image_id in only))


def _check_data_names(data: Mapping[str, Path], cards: Sequence[Card], reader: DatasetReader) -> None:
    """Refuse folders whose names nothing would ever ask for."""
    known = {"weights", reader.name, *(entry.name for entry in DATASETS), *_data_names(cards)}
    if not known.issuperset(data):
        known |= _data_names(shipped_cards())
    for name in data:
        if name not in known:
            raise UnknownNameError("name of a data folder", name, known, "--data")


def _data_names(cards: Sequence[Card]) -> set[str]:
    """Names of the data folders that weights of cards lie in."""
    paths = [source.path or "" for card in cards for source in card.weights]
    return {path.removeprefix("data:").partition("/")[0] for path in paths if path.startswith("data:")}


def _possible(
    suite: Suite, asked: Sequence[BoundAttribution], cards: Sequence[Card], reporter: Reporter
) -> tuple[BoundAttribution, ...]:
    """Return the suite's methods; without a checkpoint, only those that need none."""
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
