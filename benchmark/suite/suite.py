"""A suite: which checkpoints and attributions are measured, on which data, by which metrics and protocol."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

from pydantic import ConfigDict, Field, field_validator, model_validator

from ...base import Document, UnknownNameError, checked_label, read_document, seed_for
from .protocol import Protocol, protocol_from

PLAIN_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.+-]{0,79}")


class NamedChoice(Document):
    """A registered thing with options, such as `{name: grad_cam, layer: layer3, label: grad_cam-3}`."""

    model_config = ConfigDict(extra="allow")

    name: str
    label: str | None = None

    @model_validator(mode="before")
    @classmethod
    def _has_a_name(cls, value: Any) -> Any:
        if isinstance(value, dict) and "name" not in value:
            name, options = next(iter(value.items()), ("", None))
            meant = (
                {"name": name, **options}
                if isinstance(options, dict)
                else {"name": "NAME", "option": "VALUE"}
            )
            example = ", ".join(f"{key}: {entry}" for key, entry in meant.items())
            raise ValueError(f"expected a name, or a name with options as {{{example}}}")
        return value

    @property
    def options(self) -> Mapping[str, Any]:
        """The keys besides `name` and `label`."""
        return dict(self.model_extra or {})


class Suite(Document):
    """What `raybench run` reads.

    Attributes:
        name: printed in every summary row.
        description: a sentence for `raybench list suites`.
        protocol: `aaai21`, or `{name: aaai21, short_side: 224}`.
        dataset: `imagenet`, or `{name: coco, split: val2014}`; `label` is what tables call it.
        checkpoints: names of shipped cards, or paths of cards relative to the suite's file; may be empty for
            methods that need no network.
        attributions, metrics: registered names, or mappings with options. A method's `label` is what tables,
            plots and boards call it, and its name in files, where `-` stands for what is no letter or digit.
        images: how many images are drawn at random, by the seed; None for all. Smaller samples are parts of
            larger ones, and `--limit` makes them smaller.
        seed: of everything random: sampled metrics and random maps.
        gallery: number of queries whose maps are kept as thumbnails.
    """

    name: str
    description: str = ""
    protocol: str | NamedChoice
    dataset: str | NamedChoice
    checkpoints: list[str] = Field(default_factory=list)
    attributions: list[str | NamedChoice] = Field(default_factory=list)
    metrics: list[str | NamedChoice]
    images: int | None = Field(default=None, ge=1)
    seed: int = Field(default=0, ge=0)
    gallery: int = Field(default=8, ge=0)

    @field_validator("name")
    @classmethod
    def _name_is_plain(cls, name: str) -> str:
        if not PLAIN_NAME.fullmatch(name):
            raise ValueError("a name may hold up to 80 letters, digits and _ . + - only")
        return name

    @field_validator("dataset")
    @classmethod
    def _label_fits_tables(cls, dataset: str | NamedChoice) -> str | NamedChoice:
        label = dataset.label if isinstance(dataset, NamedChoice) else None
        if label is not None:
            checked_label(label)
        return dataset

    def bound_protocol(self, changes: Mapping[str, Any] | None = None) -> Protocol:
        """Return the protocol with the suite's changes and further ones, or the one that they name."""
        choice, further = _as_choice(self.protocol), dict(changes or {})
        named = further.pop("name", None)  # another one altogether
        return protocol_from(named or choice.name, {**({} if named else choice.options), **further})

    def drawn(self, image_ids: Sequence[str], limit: int | None) -> tuple[int, ...]:
        """Return the positions of the images to measure: all, or so many drawn by the seed, `limit` at most.

        A smaller draw is part of a larger one.
        """
        count = min(number for number in (self.images, limit, len(image_ids)) if number is not None)
        if count == len(image_ids):
            return tuple(range(count))
        by_chance = sorted(
            range(len(image_ids)), key=lambda index: seed_for(self.seed, "sample", image_ids[index])
        )
        return tuple(sorted(by_chance[:count]))

    @property
    def attribution_choices(self) -> tuple[NamedChoice, ...]:
        """Names, options and labels of the methods, in the suite's order."""
        return tuple(map(_as_choice, self.attributions))

    @property
    def metric_choices(self) -> tuple[NamedChoice, ...]:
        """Names and options of the metrics, in the suite's order."""
        return tuple(map(_as_choice, self.metrics))

    @property
    def dataset_choice(self) -> NamedChoice:
        """The dataset's name and options."""
        return _as_choice(self.dataset)


def _as_choice(value: str | NamedChoice) -> NamedChoice:
    return NamedChoice(name=value) if isinstance(value, str) else value


def plain_name(label: str) -> str:
    """Make a name for files of a label, such as `RISE-100-masks` of `RISE, 100 masks`."""
    return re.sub(r"[^A-Za-z0-9_.+-]+", "-", label).strip("-")


def shipped_suites() -> dict[str, Path]:
    """Return the suites that come with raybench, by name."""
    folder = files("raybench.suites")
    return {
        Path(entry.name).stem: Path(str(entry)) for entry in folder.iterdir() if entry.name.endswith(".yaml")
    }


def load_suite(name_or_path: str | Path) -> tuple[Suite, Path]:
    """Read a shipped suite by name, or one of your own by path.

    Returns:
        The suite and the file it came from; checkpoint paths in it are relative to that file.

    Raises:
        UnknownNameError: neither shipped nor a file.
        RaybenchError: the file does not hold a valid suite.
    """
    path = Path(name_or_path)
    if not path.suffix and not path.is_file():
        shipped = shipped_suites()
        if str(name_or_path) not in shipped:
            raise UnknownNameError("suite", str(name_or_path), shipped)
        path = shipped[str(name_or_path)]
    return read_document(path, Suite), path
