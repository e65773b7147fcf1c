"""The mistakes a user can mend, each printed as one sentence without a traceback, and names in words."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable

MOST_LISTED = 40
"""Known names that a message lists, where none resembles the name that was given."""


class RaybenchError(Exception):
    """A mistake in what raybench was given.

    The message is one lower-case sentence that names the thing, the place and the likely fix. The command
    line prints it and leaves with exit code 2.
    """

    about = ""
    """Name of what it is about, by which its place can be found."""


class SeveralMistakesError(RaybenchError):
    """Several mistakes, told at once, a line for each."""

    def __init__(self, mistakes: Iterable[RaybenchError]) -> None:
        """Hold `mistakes`, those of others like this one by themselves."""
        self.mistakes: list[RaybenchError] = []
        for one in mistakes:
            self.mistakes += one.mistakes if isinstance(one, SeveralMistakesError) else [one]
        lines = "\n".join(f"- {one}" for one in self.mistakes)
        several = f"{len(self.mistakes)} mistakes:\n{lines}"
        super().__init__(several if len(self.mistakes) > 1 else str(self.mistakes[0]))

    def __reduce__(self) -> tuple[type[SeveralMistakesError], tuple[list[RaybenchError]]]:
        """Let the error pass from one process to another."""
        return type(self), (self.mistakes,)


class ToldElsewhereError(RaybenchError):
    """A mistake that another process of the same run has met and told the user about."""


class UnknownNameError(RaybenchError, LookupError):
    """A name that nothing is registered under."""

    def __init__(self, noun: str, name: str, known: Iterable[str], place: str = "") -> None:
        """Word the miss: `suite.yaml: unknown attribution 'gradcam'; did you mean 'grad_cam'?`."""
        self.noun, self.name, self.known, self.place = noun, name, sorted(known), place
        close = nearest(name, self.known)
        most = MOST_LISTED if len(self.known) <= 2 * MOST_LISTED else MOST_LISTED // 4
        hint = f"did you mean {close}?" if close else f"known: {few(self.known, most) or 'none'}"
        super().__init__(f"{place}: " * bool(place) + f"unknown {noun} {name!r}; {hint}")

    def at(self, place: str) -> UnknownNameError:
        """Return the error with the place where the name stands, such as a file."""
        return UnknownNameError(self.noun, self.name, self.known, place)

    def __reduce__(self) -> tuple[type[UnknownNameError], tuple[str, str, list[str], str]]:
        """Let the error pass from one process to another, as those of loader workers do."""
        return type(self), (self.noun, self.name, self.known, self.place)


def nearest(name: str, known: Iterable[str]) -> str:
    """Return up to three known names that resemble `name`, quoted and joined by "or"; empty if none does."""
    every = list(known)
    same = [one for one in every if written(one) == written(name)]
    close = same or difflib.get_close_matches(name, every, n=3, cutoff=0.6)
    return " or ".join(repr(match) for match in close)


def written(name: str) -> str:
    """Return what is the same however people write a name: LayerCAM, layer-cam and layer_cam are one."""
    return re.sub(r"[\W_]", "", name).casefold() or name


def few(things: Iterable[object], most: int = 3) -> str:
    """List the first of some things, and say how many more there are."""
    words = list(map(str, things))
    return ", ".join(words[:most]) + (f" and {len(words) - most} more" if len(words) > most else "")


def quoted(text: object, most: int = 60) -> str:
    """Return text of a stranger on one line, in quotes, printable, shortened."""
    plain = ascii(str(text))
    return plain if len(plain) <= most + 2 else f"{plain[:most]}…{plain[-1]}"


def broken(name: str, width: int) -> str:
    """Break a name into lines of up to `width` characters, after `-`, `_` or `.` where that is possible."""
    lines = [""]
    for part in re.findall(r"[^-_.]*[-_.]?", name):
        if lines[-1] and len(lines[-1]) + len(part) > width:
            lines.append("")
        lines[-1] += part
    return "\n".join(lines)
