"""Reads the XML annotations that ILSVRC and PASCAL VOC share, without trusting them."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import ParseError, fromstring

from ....base import Size, quoted
from ....checkpoints import ClassList
from ..pictures import POSSIBLE_SIZES, is_possible_size
from ..sample import AnnotationError
from .boxes import WrittenBox, plain_number

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

_SET = ("true", "yes", "y", "t", "on")
_NOT_SET = ("", "false", "no", "n", "f", "off", "none", "null")


@dataclass(frozen=True)
class AnnotatedObject:
    """One object as the file describes it.

    Attributes:
        name: id of its class: a synset or a VOC name.
        box: its corners, as written.
        difficult: VOC's mark for objects that are hard to recognise.
    """

    name: str
    box: WrittenBox
    difficult: bool = False


@dataclass(frozen=True)
class Annotation:
    """The content of one file.

    Attributes:
        size: (height, width) in pixels of the picture that was annotated, or None if the file does not say.
        objects: at least one, in the order of the file.
    """

    size: Size | None
    objects: tuple[AnnotatedObject, ...]


def read_annotation(path: Path) -> Annotation:
    """Read one XML file.

    Raises:
        AnnotationError: the file is missing, is not XML, defines entities, holds no object, or an object
            lacks its name or a proper box; the message names the file.
    """
    try:
        root = fromstring(path.read_bytes())
    except OSError as error:
        raise AnnotationError(f"cannot read {path}: {(error.strerror or str(error)).lower()}") from None
    except ParseError as error:
        raise AnnotationError(f"{path} is not XML: {error}") from None
    except DefusedXmlException as error:
        raise AnnotationError(f"{path} is refused: it defines entities ({type(error).__name__})") from None
    except (
        ValueError,
        LookupError,
    ) as error:  # an encoding that does not exist, or that the bytes do not fit
        raise AnnotationError(f"{path} is not XML: {error}") from None
    objects = tuple(one for element in root.findall("object") for one in _objects_from(element, path))
    if not objects:
        raise AnnotationError(f"{path} holds no object; expected at least one <object> with a <bndbox>")
    return Annotation(_size_from(root, path), objects)


def class_index_of(item: AnnotatedObject, classes: ClassList, path: Path) -> int:
    """Return the index of an object's class; raise `AnnotationError`, naming `path`, if there is none."""
    try:
        return classes.index_of[item.name]
    except KeyError:
        raise AnnotationError(
            f"{path}: the class {item.name!r} is not in the class list {classes.name!r}"
        ) from None


def _size_from(root: Element, path: Path) -> Size | None:
    """Read <size>, which some tools leave out."""
    found = root.findall("size")
    if not found:
        return None
    if len(found) > 1:
        raise AnnotationError(f"{path} has <size> {len(found)} times; expected one")
    element = found[0]
    height, width = (_number(element, side, "size", path) for side in ("height", "width"))
    if not is_possible_size(height, width):
        raise AnnotationError(
            f"{path}: the size is {width:g} x {height:g} (width x height); expected {POSSIBLE_SIZES}"
        )
    return Size(int(height), int(width))


def _objects_from(element: Element, path: Path) -> Iterator[AnnotatedObject]:
    """Read an <object>: one for each of its boxes, of which some tools write several."""
    name = (_text(element, "name", "an <object>", path) or "").strip()
    if not name:
        raise AnnotationError(f"{path}: an <object> has no <name>")
    boxes = element.findall("bndbox")
    if not boxes:
        raise AnnotationError(f"{path}: the object {name!r} has no <bndbox>")
    difficult = _is_set(element, "difficult", f"object {name!r}", path)
    for corners in boxes:
        box = WrittenBox(*(_number(corners, side, f"box of {name!r}", path) for side in WrittenBox._fields))
        if box.flaw:
            raise AnnotationError(f"{path}: the box of {name!r} {box.flaw}")
        yield AnnotatedObject(name, box, difficult)


def _is_set(parent: Element, tag: str, what: str, path: Path) -> bool:
    """Read a mark that tools write as a number or a word; a missing one is not set."""
    text = (_text(parent, tag, what, path) or parent.get(tag) or "").strip()
    value = plain_number(text)
    if text.lower() in _SET or value == 1:
        return True
    if text.lower() in _NOT_SET or value == 0:
        return False
    raise AnnotationError(f"{path}: <{tag}> of the {what} is {quoted(text)}; expected 1 or 0")


def _text(parent: Element, tag: str, what: str, path: Path) -> str | None:
    """Return the text of a part that may be there once, or None if it is not."""
    found = [part for part in parent if part.tag.lower() == tag]
    if len(found) > 1:
        raise AnnotationError(
            f"{path}: the {what.removeprefix('an ')} has <{tag}> {len(found)} times; expected one"
        )
    return (found[0].text or "") if found else None


def _number(parent: Element, tag: str, what: str, path: Path) -> float:
    """Read a finite number; `what` says in messages whose it is."""
    text = _text(parent, tag, what, path)
    if text is None:
        raise AnnotationError(f"{path}: the {what} has no <{tag}>")
    number = plain_number(text)
    if not math.isfinite(number):
        raise AnnotationError(f"{path}: <{tag}> of the {what} is {quoted(text.strip())}; expected a number")
    return number
