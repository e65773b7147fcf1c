"""Names of classes for people: `tench` instead of `n01440764`."""

from __future__ import annotations

import re

from ...base import RaybenchError
from ..results import ResultFolder, Section

__all__ = ["class_label", "label_of_class"]

_SHIPPED = re.compile(r"[a-z0-9_]+")


def class_label(section: Section, index: int) -> str:
    """Return the label of a class of a section; its id in the records if there is no label."""
    name = str(section.class_names.get(index, index))
    return label_of_class(section.rows[0].folder, index, name) if section.rows else name


def label_of_class(folder: ResultFolder, index: int, name: str) -> str:
    """Return the label of class `index`, which the records call `name`; the first of several words for it.

    A class list is looked up by the name of one that ships with raybench, in folders that were measured
    before labels were written into them: a manifest comes from a stranger, and what it calls a class list
    could be the path of any file.
    """
    facts = folder.manifest.get("facts")
    labels = facts.get("classes") if isinstance(facts, dict) else None
    if isinstance(labels, dict):
        return str(labels[name]).split(",")[0] if name in labels else name
    listed = str(folder.dataset.get("classes"))
    if not _SHIPPED.fullmatch(listed):
        return name
    from ...checkpoints import load_classes

    try:
        classes = load_classes(listed)
    except RaybenchError:
        return name
    known = index < len(classes) and classes.ids[index] == name
    return classes.labels[index].split(",")[0] if known else name
