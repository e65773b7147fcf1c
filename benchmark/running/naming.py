"""What the names in a suite stand for, and every mistake in them told at once."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple, TypeVar

from ...attributions import BoundAttribution, bind
from ...base import (
    CodeFiles,
    DocumentError,
    RaybenchError,
    SeveralMistakesError,
    UnknownNameError,
    document_from,
    written,
)
from ...checkpoints import Card, Network, find_card, function_of, resolved
from ..datasets import DatasetReader, find_reader
from ..metrics import METRICS, BoundMetric, bind_metric
from ..suite import (
    PLAIN_NAME,
    NamedChoice,
    Protocol,
    Settings,
    Suite,
    load_suite,
    meant,
    plain_name,
    shipped_default,
)

Choice = TypeVar("Choice")
Made = TypeVar("Made")


class Mistakes:
    """Collects mistakes that do not depend on each other."""

    def __init__(self) -> None:
        """Begin without any."""
        self._found: list[RaybenchError] = []

    @contextmanager
    def noted(self, place: str = "", file: Path | None = None) -> Iterator[None]:
        """Note a mistake in place of raising it; of an unknown name say where it stands.

        Args:
            place: such as a suite's file.
            file: in which the name is looked for, to tell its line.
        """
        try:
            yield
        except RaybenchError as error:
            each = error.mistakes if isinstance(error, SeveralMistakesError) else [error]
            self._found += [_placed(one, place, file) for one in each]

    def made(
        self,
        make: Callable[[Choice], Made],
        choices: Iterable[Choice],
        place: str = "",
        file: Path | None = None,
    ) -> list[Made]:
        """Make something of every choice that allows it, and note the mistakes of the others; see `noted`."""
        found = []
        for one in choices:
            with self.noted(place, file), _about(one.name if isinstance(one, NamedChoice) else str(one)):
                found.append(make(one))
        return found

    def refuse(self) -> None:
        """Raise what was noted, if anything was."""
        if len(self._found) == 1:
            raise self._found[0]
        if self._found:
            raise SeveralMistakesError(self._found)


@contextmanager
def _about(name: str) -> Iterator[None]:
    """While open, a mistake is about what stands under a name."""
    try:
        yield
    except RaybenchError as error:
        error.about = error.about or name
        raise


def _placed(error: RaybenchError, place: str, file: Path | None) -> RaybenchError:
    unknown = error if isinstance(error, UnknownNameError) and not error.place else None
    name = unknown.name if unknown else error.about
    if not name or not place:
        return error
    lines = file.read_text(encoding="utf-8").splitlines() if file and file.is_file() else []
    word = re.compile(rf"(?<![\w.-]){re.escape(name)}(?![\w.-])")
    line = next(
        (number for number, text in enumerate(lines, 1) if word.search(text.partition(" #")[0])), None
    )
    where = f"{place}, line {line}" if line else place
    return unknown.at(where) if unknown else RaybenchError(f"{where}: {error}")


def bound_attributions(suite: Suite, code: CodeFiles | None = None) -> tuple[BoundAttribution, ...]:
    """Return a suite's methods with their options, in its order."""
    mistakes = Mistakes()

    def bound_one(one: NamedChoice) -> BoundAttribution:
        with _files_told(code):
            return bind(one.name, one.options, plain_name(one.label) if one.label else None, code=code)

    bound = mistakes.made(bound_one, suite.attribution_choices)
    mistakes.refuse()
    _refuse_twins("attribution", (attribution.label for attribution in bound), suite.name, _OTHER_LABEL)
    return tuple(bound)


def bound_metrics(suite: Suite, code: CodeFiles | None = None) -> tuple[BoundMetric, ...]:
    """Return a suite's metrics with their options, in its order; tables' labels name them as well."""
    names = {written(metric.label): metric.name for metric in METRICS}
    names |= {written(metric.name): metric.name for metric in METRICS}
    mistakes = Mistakes()

    def bound_one(one: NamedChoice) -> BoundMetric:
        if one.label:
            raise RaybenchError(
                f"metric {one.name!r} is given a label, which only methods may have; remove it"
            )
        with _files_told(code):
            try:
                return bind_metric(names.get(written(one.name), one.name), one.options, code=code)
            except UnknownNameError as error:
                labels = [metric.label for metric in METRICS]
                raise UnknownNameError(error.noun, error.name, [*error.known, *labels]) from None

    bound = mistakes.made(bound_one, suite.metric_choices)
    mistakes.refuse()
    _refuse_twins("metric", (metric.metric.name for metric in bound), suite.name, _OTHER_SUITE)
    if not suite.attributions and all(metric.metric.per_query for metric in bound):
        raise RaybenchError(
            f"suite {suite.name!r} measures nothing: it names no attributions and no metric of "
            "predictions; give it attributions, such as [grad_cam]"
        )
    return tuple(bound)


@contextmanager
def _files_told(code: CodeFiles | None) -> Iterator[None]:
    """While open, a name that is that of a file of one's own is answered with what it lacks."""
    try:
        yield
    except UnknownNameError as error:
        file = f"{error.name.removesuffix('.py')}.py"
        if not ((code.folder if code else Path()) / file).is_file():
            raise
        raise RaybenchError(
            f"{error.name!r} is a file; name a function in it too, as {file}:FUNCTION"
        ) from None


def labels_of(suite: Suite, cards: Iterable[Card]) -> dict[str, dict[str, str]]:
    """Return what people call checkpoints and methods, by name, where that is not the name."""
    methods = {plain_name(one.label): one.label for one in suite.attribution_choices if one.label}
    labels = {
        "checkpoint_labels": {card.name: card.label for card in cards if card.label},
        "attribution_labels": {name: label for name, label in methods.items() if name != label},
    }
    return {kind: found for kind, found in labels.items() if found}


_OTHER_LABEL = "give one of them another label"
_OTHER_SUITE = "its other options belong into another suite"


def _refuse_twins(noun: str, names: Iterable[str], suite: str, way_out: str) -> None:
    seen: set[str] = set()
    for name in names:
        if not PLAIN_NAME.fullmatch(name):
            raise RaybenchError(
                f"suite {suite!r}: {noun} label {name!r} may hold up to 80 letters, digits and _ . + - only"
            )
        if name in seen:
            raise RaybenchError(f"suite {suite!r} has {noun} {name!r} twice; {way_out}")
        seen.add(name)


class Named(NamedTuple):
    """What the names in a suite stand for."""

    protocol: Protocol
    cards: list[Card]
    metrics: tuple[BoundMetric, ...]
    attributions: tuple[BoundAttribution, ...]
    reader: DatasetReader


def names_in(
    suite: Suite, settings: Settings, networks: Sequence[Network], code: CodeFiles, path: Path, place: str
) -> Named:
    """Resolve every name of a suite and of the settings.

    Args:
        suite: with the parts that settings give in its place.
        settings: of the run.
        networks: in memory.
        code: where files with functions are looked for.
        path: of the suite.
        place: what messages call it.

    Raises:
        RaybenchError: all mistakes at once.
    """
    here = replace(code, folder=Path())  # what options name is found from the current folder
    choice, folder = suite.dataset_choice, Path() if settings.dataset else path.parent
    mistakes = Mistakes()
    with mistakes.noted(place, path):
        protocol = suite.bound_protocol(settings.protocol)
    cards = mistakes.made(lambda name: _find_card(name, here), settings.checkpoints)
    cards += [network.card for network in networks]
    if not (settings.checkpoints or networks):
        cards += mistakes.made(lambda name: _find_card(name, code), suite.checkpoints, place, path)
    with mistakes.noted(*(("--metric",) if settings.metrics else (place, path))):
        metrics = bound_metrics(suite, here if settings.metrics else code)
    with mistakes.noted(*(("--attribution",) if settings.attributions else (place, path))):
        asked = bound_attributions(suite, here if settings.attributions else code)
    with mistakes.noted(*(("--dataset",) if settings.dataset else (place, path))), _about(choice.name):
        reader = find_reader(choice.name, replace(code, folder=folder))
        reader.check_options(choice.options)
    mistakes.refuse()
    return Named(protocol, cards, metrics, asked, reader)


def with_names(
    error: DocumentError, source: str, settings: Settings, networks: Sequence[Network], code: CodeFiles
) -> RaybenchError:
    """Add to the mistakes in a suite's form those of the names in the rest of it."""
    path = Path(source)
    try:
        usual = load_suite(shipped_default)[0].model_dump(mode="json", exclude_none=True)
        rest, _ = meant(document_from({**usual, **error.rest}, Suite, source), settings)
        names_in(rest, settings, networks, replace(code, folder=path.parent), path, source)
    except RaybenchError as names:
        return SeveralMistakesError([error, names])
    return error


def _find_card(name: str, code: CodeFiles) -> Card:
    """Return a shipped card, one whose path is relative to the code's folder, or that of a function there."""
    beside = code.folder / name
    card = find_card(beside if Path(name).suffix and beside.is_file() else name, code)
    function_of(card, code)  # notes the hash of its file
    return resolved(card)
