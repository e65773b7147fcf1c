"""What a doctor is given, and what it says."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

import PIL.Image

from ...attributions import BoundAttribution
from ...checkpoints import Network
from ..suite import Protocol

Mark = Literal["ok", "warning", "refusal"]


@dataclass(frozen=True)
class Finding:
    """One line of what a doctor says.

    Attributes:
        check: what was looked at.
        mark: `ok`; `warning` for numbers that may not mean what they seem to; `refusal` for what a run
            refuses, or whose numbers would be wrong.
        words: what was found.
        remedy: what to do; empty where nothing is to be done.
    """

    check: str
    mark: Mark
    words: str
    remedy: str = ""


@dataclass(frozen=True)
class Example:
    """A picture, and the class that it is of, if that is known."""

    picture: PIL.Image.Image
    class_index: int | None = None


@dataclass(frozen=True)
class Patient:
    """What is to be measured.

    Attributes:
        network: loaded.
        methods: to be tried on it.
        protocol: by which pictures reach it.
        examples: a few pictures; of a dataset they have classes.
        images: how many pictures a run would measure; 0 if that is not known.
    """

    network: Network
    methods: Sequence[BoundAttribution]
    protocol: Protocol
    examples: Sequence[Example]
    images: int = 0

    @property
    def labelled(self) -> list[tuple[PIL.Image.Image, int]]:
        """The pictures whose class is known."""
        return [(one.picture, one.class_index) for one in self.examples if one.class_index is not None]


def exit_code(findings: Sequence[Finding]) -> int:
    """Return 0 if all is well, 1 for warnings, 2 for a refusal."""
    marks = {one.mark for one in findings}
    return 2 if "refusal" in marks else 1 if "warning" in marks else 0


def printed(findings: Sequence[Finding]) -> list[str]:
    """Word findings for people, one line each, and one for what to do."""
    lines = []
    for one in findings:
        lines.append(f"{one.mark:8} {one.check}: {one.words}")
        if one.remedy:
            lines.append(f"{'':8}   -> {one.remedy}")
    return lines


def as_json(findings: Sequence[Finding]) -> list[dict[str, Any]]:
    """Return findings as plain mappings."""
    return [asdict(one) for one in findings]
