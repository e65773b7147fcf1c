"""What a library says of one of its networks, in the words of a card."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ...base import RaybenchError, document_from
from ..card import Card
from ..classes import ClassList, load_classes, shipped_class_lists

UNTRAINED = "random"
"""What stands behind the @ of a name to ask for weights that nobody has trained."""


@dataclass(frozen=True)
class Facts:
    """One network of a library.

    Attributes:
        name: as the user wrote it, with the library.
        card: fields of a card but `classes` and `input`.
        input: fields of `Input`.
        classes: ids or labels of its outputs in order; empty if the library does not name them.
        count: how many outputs it has.
        said_by: who says so, such as `timm 1.0.31`.
    """

    name: str
    card: Mapping[str, Any]
    input: Mapping[str, Any]
    classes: Sequence[str]
    count: int
    said_by: str

    def class_list(self) -> str:
        """Name the shipped class list that the outputs follow.

        Raises:
            RaybenchError: there is none.
        """
        for name in shipped_class_lists():
            known = load_classes(name)
            if len(known) == self.count and (not self.classes or _same(self.classes, known)):
                return name
        raise RaybenchError(
            f"the {self.count:,} outputs of {self.name} follow no class list that ships with raybench; name "
            "one of your own in a card: classes: FILE.txt, with one class per line"
        )


def _same(labels: Sequence[str], known: ClassList) -> bool:
    """Say whether all labels or ids match a list in order; a label may be one of several names."""
    if len(labels) != len(known):
        return False
    names = [
        {one_id.lower(), label.lower(), *(part.strip().lower() for part in label.split(","))}
        for one_id, label in zip(known.ids, known.labels, strict=True)
    ]
    return all(
        label.lower() in some or label.split(",")[0].strip().lower() in some
        for label, some in zip(labels, names, strict=True)
    )


def card_from(facts: Facts, classes: str = "") -> Card:
    """Make the card that a name stands for, with the shipped class list that fits or one of one's own."""
    content = {**facts.card, "classes": classes or facts.class_list(), "input": dict(facts.input)}
    return document_from(content, Card, facts.name)


def plain_name(name: str) -> str:
    """Turn a name with a library in front into one that may be a folder's."""
    return re.sub(r"[^A-Za-z0-9._+-]+", "-", name).strip("-")[:80]


def crop_share(size: int, resized: int) -> float:
    """Share of a resized side that a crop of `size` shows, such that the side comes out of it again."""
    share = size / resized
    return share if math.floor(size / share + 1e-6) == resized else math.nextafter(share, 0)


def flat(error: Exception) -> str:
    """Return the beginning of what a library says over many lines, on one."""
    text = " ".join(str(error).split())
    return text if len(text) <= 200 else f"{text[:200]}…"
