"""Which images of a dataset to use: all of them, or those that a text file lists."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from ...base import RaybenchError
from .files import PICTURE_SUFFIXES, first_repeated, read_text

_NUMBERED = re.compile(r"\s+\d+$")


@dataclass(frozen=True)
class Selection:
    """A choice of images.

    Attributes:
        ids: the image ids that were asked for, or None for all.
        source: the file they come from, for messages.
    """

    ids: frozenset[str] | None = None
    source: str = ""

    @classmethod
    def from_file(cls, path: Path) -> Selection:
        """Read a list of images: one id, file name or path per line; folders and extensions are ignored.

        So are numbers behind them, if every line has one, as in the lists of Caffe and ILSVRC.

        Raises:
            RaybenchError: the file cannot be read or lists nothing.
        """
        lines = read_text(path, "the image list").splitlines()
        listed = [id_of(line.strip()) for line in lines if line.strip()]
        if all(_NUMBERED.search(line) for line in listed):
            listed = [id_of(_NUMBERED.sub("", line)) for line in listed]
        ids, twice = frozenset(listed), first_repeated(listed)
        if twice is not None:
            raise RaybenchError(f"the image list {path} names {twice!r} twice; remove one of the lines")
        if not ids:
            raise RaybenchError(f"the image list {path} is empty; expected one image id per line")
        return cls(ids, str(path))

    def of(self, available: Iterable[str], place: Path) -> tuple[str, ...]:
        """Return the chosen ones of the available ids, ascending.

        Raises:
            RaybenchError: a listed id is not available, or nothing is; `place` says in which folder.
        """
        available = set(available)
        if self.ids is None:
            return tuple(sorted(available))
        missing = sorted(self.ids - available)
        if missing:
            raise RaybenchError(
                f"{self.source} lists {len(missing)} of {len(self.ids)} images that are not in {place}, "
                f"such as {missing[0]!r}"
            )
        return tuple(sorted(self.ids))


def id_of(line: str) -> str:
    """Return the image id in a line of a list: an id, a file name or a path."""
    name = PurePosixPath(line.replace("\\", "/")).name
    return name.rpartition(".")[0] if name.lower().endswith(PICTURE_SUFFIXES) else name
