"""Single pictures and annotations that cannot be used: told once each, and counted where they are many."""

from __future__ import annotations

from collections.abc import Callable, Iterable

_TOLD = 20


class Problems:
    """Tells each problem once, whichever epoch or set it comes up in again, and the first twenty in full."""

    def __init__(self, what_was_done: str, say: Callable[[str], None]) -> None:
        """Begin each line with `what_was_done`, such as `skipped`, and give it to `say`."""
        self._what_was_done, self._say = what_was_done, say
        self._known: set[str] = set()
        self._untold = 0

    def tell(self, sentences: Iterable[str]) -> None:
        """Tell those that are new; past the first twenty they are only counted."""
        for sentence in sentences:
            if sentence in self._known:
                continue
            self._known.add(sentence)
            if len(self._known) <= _TOLD:
                self._say(f"{self._what_was_done}: {sentence}")
            else:
                self._untold += 1

    def tell_rest(self) -> None:
        """Say how many were not told in full since the last time."""
        if self._untold:
            self._say(f"{self._what_was_done}: {self._untold} more")
        self._untold = 0
