"""What the outputs of a network stand for: ordered lists of classes."""

from __future__ import annotations

import functools
import itertools
import re
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from ..base import RaybenchError, UnknownNameError, few


@dataclass(frozen=True)
class ClassList:
    """Classes in the order of a network's outputs.

    Attributes:
        name: such as "imagenet1k".
        ids: identifiers that annotations use: ImageNet synsets, COCO and VOC category names.
        labels: names for people, as long as `ids`.
    """

    name: str
    ids: tuple[str, ...]
    labels: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.ids)

    @functools.cached_property
    def index_of(self) -> dict[str, int]:
        """Class index by id."""
        return {class_id: index for index, class_id in enumerate(self.ids)}

    def find(self, text: str) -> int:
        """Return the index of a class given by index, id or label (or one of the names in a label).

        Raises:
            UnknownNameError: no such class; names the nearest.
            RaybenchError: an index out of range, or a label that several classes have.
        """
        if re.fullmatch(r"-?[0-9]+", text) and text not in self.ids:
            if int(text) not in range(len(self)):
                raise RaybenchError(
                    f"there is no class {text} in {self.name}; its indices go from 0 to {len(self) - 1}"
                )
            return int(text)
        wanted = text.strip().lower()
        parts = [[part.strip() for part in label.split(",")] for label in self.labels]
        for names in ([[one] for one in self.ids], [[one] for one in self.labels], parts):
            found = [index for index, some in enumerate(names) if wanted in map(str.lower, some)]
            if len(found) == 1:
                return found[0]
            if found:
                several = " and ".join(f"{index} ({self.ids[index]})" for index in found)
                raise RaybenchError(
                    f"several classes of {self.name} are called {text!r}: {several}; give an index"
                )
        holding = [label for label in self.labels if re.search(rf"\b{re.escape(wanted)}\b", label.lower())]
        if holding:
            raise RaybenchError(
                f"no class of {self.name} is called {text!r}; the word is in {few(holding, 8)}: give one, "
                "or an index"
            )
        known = {one.lower() for one in (*self.ids, *self.labels, *itertools.chain(*parts))}
        raise UnknownNameError(f"class of {self.name}", text, known)

    def named(self, text: str) -> int:
        """Return the index of a class given by id or label, as annotations do, where a number is no index.

        Raises:
            RaybenchError: as `find`.
        """
        if text in self.index_of:
            return self.index_of[text]
        if re.fullmatch(r"-?[0-9]+", text):
            raise UnknownNameError(f"class of {self.name}", text, self.ids)
        return self.find(text)


@functools.cache
def load_classes(name: str) -> ClassList:
    """Load a class list that ships with raybench, or one of your own from a text file.

    Each line holds an id, or an id, a tab and a label; a WordNet id may be followed by a space, as in
    ImageNet's `synset_words.txt`. Where lines are numbered, `1 cat`, `2 dog`, ..., as in
    CUB-200-2011's, the numbers are no part of the ids.

    Args:
        name: a shipped list (such as `imagenet1k`, `coco80`, `voc20`) or the path of a .txt file.

    Raises:
        UnknownNameError: not shipped, and not a file.
        RaybenchError: the file is empty, not text, or names a class twice.
    """
    path = shipped_class_lists().get(name, Path(name))
    if not path.is_file():
        raise UnknownNameError("class list", name, shipped_class_lists())
    try:
        return parse_classes(path.stem, path.read_text(encoding="utf-8-sig"))
    except UnicodeDecodeError as error:
        raise RaybenchError(f"class list {name} is not UTF-8 text: {error}") from None


@functools.cache
def shipped_class_lists() -> dict[str, Path]:
    """Return the files of the class lists that ship with raybench by name, in alphabetical order."""
    folder = files("raybench.checkpoints") / "classes"
    found = (Path(str(entry)) for entry in folder.iterdir() if entry.name.endswith(".txt"))
    return dict(sorted((path.stem, path) for path in found))


def parse_classes(name: str, text: str) -> ClassList:
    """Parse the lines of a class list; see `load_classes`."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    synsets = all(re.match(r"n\d{8}\s", line) for line in lines)
    pairs = [line.split(None if synsets else "\t", 1) for line in lines]
    if not pairs:
        raise RaybenchError(f"class list {name!r} is empty; expected one class per line")
    ids = tuple(pair[0].strip() for pair in pairs)
    numbered = [class_id.partition(" ") for class_id in ids]
    if all((number, bool(rest)) == (str(place), True) for place, (number, _, rest) in enumerate(numbered, 1)):
        return parse_classes(name, "\n".join(rest.strip() for _, _, rest in numbered))
    if len(set(ids)) < len(ids):
        twice = next(class_id for class_id in ids if ids.count(class_id) > 1)
        raise RaybenchError(f"class list {name!r} names {twice!r} twice")
    return ClassList(name, ids, tuple(pair[-1].strip() for pair in pairs))
