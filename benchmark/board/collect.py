"""From result folders to a board: what is sound is put into sections, what is not is listed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from ..results import (
    Board,
    CheckedFolder,
    Excluded,
    QuerySets,
    Section,
    alarms,
    check_folder,
    group_comparable,
    result_folders,
)
from ..tables import published_dataset
from .sections import Entry, build_section, published_groups, published_section


def collect(folders: Sequence[str | Path], *, with_published: bool = True) -> Board:
    """Read result folders into a board; what is damaged is left out and listed.

    Args:
        folders: result folders of `raybench run`, or folders that hold such ones.
        with_published: show published rows that nobody has measured, also of datasets without a measured
            row. Published values always stand beside measured ones.
    """
    known = QuerySets()
    checked: list[CheckedFolder] = []
    excluded: list[Excluded] = []
    for path in result_folders(folders):
        sound, faults = check_folder(path, known)
        excluded += faults
        checked += [sound] if sound else []
    sections = []
    failing = alarms(folder.results for folder in checked)
    numbers = group_comparable([folder.results for folder in checked])
    for group in sorted(set(numbers)):
        alike = [folder for folder, number in zip(checked, numbers, strict=True) if number == group]
        entries, repeated = _without_repeats(alike)
        excluded += repeated
        sections.append(build_section(entries, with_published=with_published, alarms=failing))
    sections.sort(key=_place_of_section)
    shown = {(published_dataset(section.dataset), section.protocol) for section in sections}
    if with_published:
        sections += [published_section(*group) for group in published_groups() if group not in shown]
    return Board(tuple(_with_unique_keys(sections)), tuple(excluded))


def _place_of_section(section: Section) -> tuple[bool, int, str, str, str]:
    """Sorts what can be ranked first, and what was measured on more queries before the rest."""
    queries = max((row.queries for row in section.rows), default=0)
    return not len(section.class_index), -queries, section.dataset, section.protocol, section.key


def _without_repeats(group: Sequence[CheckedFolder]) -> tuple[list[Entry], list[Excluded]]:
    """Of several runs of one row keep the one that was started last."""
    latest: dict[tuple[str, str], Entry] = {}
    excluded = []
    for folder in group:
        for row in folder.rows:
            key, entry = (row.checkpoint, row.attribution), Entry(folder.results, row)
            kept = latest.get(key)
            if kept is None:
                latest[key] = entry
                continue
            new, old = (entry, kept) if _age(entry) >= _age(kept) else (kept, entry)
            latest[key] = new
            excluded.append(Excluded(old.run.path, _why_repeated(old, new)))
    return list(latest.values()), excluded


def _age(entry: Entry) -> tuple[bool, str]:
    """Sorts runs with records behind those without, then by when they were started."""
    return entry.row.queries is not None, str(entry.run.manifest.get("started", ""))


def _why_repeated(old: Entry, new: Entry) -> str:
    name = old.row.checkpoint
    hashes = [entry.run.weights.get(name) for entry in (old, new)]
    other = ", with other weights of that name" if hashes[0] != hashes[1] else ""
    kind = "has records" if old.row.queries is None and new.row.queries is not None else "is later"
    return (
        f"row {name} with {old.row.attribution} was measured again in {new.run.path}{other}; that run {kind}"
    )


def _with_unique_keys(sections: Iterable[Section]) -> Iterable[Section]:
    """Number sections that differ in less than their key holds, such as the number of images measured."""
    seen: Counter[str] = Counter()
    for section in sections:
        seen[section.key] += 1
        if seen[section.key] == 1:
            yield section
            continue
        key = f"{section.key}-{seen[section.key]}"
        rows = (replace(row, key=key + row.key.removeprefix(section.key)) for row in section.rows)
        yield replace(section, key=key, rows=tuple(rows))
