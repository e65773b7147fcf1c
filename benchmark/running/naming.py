"""What the names in a suite stand for, and every mistake in them told at once."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from ...attributions import BoundAttribution, bind
from ...base import CodeFiles, RaybenchError, UnknownNameError
from ...checkpoints import Card
from ..metrics import METRICS, BoundMetric, bind_metric
from ..suite import PLAIN_NAME, NamedChoice, Suite, plain_name

Choice = TypeVar("Choice")
Made = TypeVar("Made")


class SeveralMistakesError(RaybenchError):
    """Several mistakes, told at once, a line for each."""

    def __init__(self, mistakes: Iterable[RaybenchError]) -> None:
        """Hold `mistakes`, those of others like this one by themselves."""
        self.mistakes: list[RaybenchError] = []
        for one in mistakes:
            self.mistakes += one.mistakes if isinstance(one, SeveralMistakesError) else [one]
        lines = "\n".join(f"- {one}" for one in self.mistakes)
        super().__init__(f"{len(self.mistakes)} mistakes:\n{lines}")

    def __reduce__(self) -> tuple[type[SeveralMistakesError], tuple[list[RaybenchError]]]:
        """Let the error pass from one process to another."""
        return type(self), (self.mistakes,)


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

    def made(self, make: Callable[[Choice], Made], choices: Iterable[Choice]) -> list[Made]:
        """Make something of every choice that allows it, and note the mistakes of the others."""
        found = []
        for one in choices:
            with self.noted():
                found.append(make(one))
        return found

    def refuse(self) -> None:
        """Raise what was noted, if anything was."""
        if len(self._found) == 1:
            raise self._found[0]
        if self._found:
            raise SeveralMistakesError(self._found)


def _placed(error: RaybenchError, place: str, file: Path | None) -> RaybenchError:
    if not isinstance(error, UnknownNameError) or not place or error.place:
        return error
    lines = file.read_text(encoding="utf-8").splitlines() if file and file.is_file() else []
    word = re.compile(rf"(?<![\w.-]){re.escape(error.name)}(?![\w.-])")
    line = next(
        (number for number, text in enumerate(lines, 1) if word.search(text.partition(" #")[0])), None
    )
    return error.at(f"{place}, line {line}" if line else place)


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
    by_label = {metric.label.casefold(): metric.name for metric in METRICS}
    mistakes = Mistakes()

    def bound_one(one: NamedChoice) -> BoundMetric:
        if one.label:
            raise RaybenchError(
                f"metric {one.name!r} is given a label, which only methods may have; remove it"
            )
        with _files_told(code):
            return bind_metric(by_label.get(one.name.casefold(), one.name), one.options, code=code)

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
