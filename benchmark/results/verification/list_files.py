"""What must hold of strangers' statistics.csv and curves.csv: a list of numbers for each query."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

import pandas as pd

from ....base import quoted
from ..files.folder import read_lists
from ..files.lists import LIST_COLUMNS, read_integers, read_numbers, write_integers, write_numbers
from ..files.names import STATISTICS
from .exactly import Note, read_exactly
from .faults import Faults

_MOST_NUMBERS = 100_000
"""Numbers in one list; bounds the memory that a stranger's `0*999999999` can ask for."""

_INTEGERS = re.compile(r"(?:[0-9]{1,15}(?:\*[0-9]{1,6})?(?: (?!$)|$))*")
_NUMBERS = re.compile(r"(?:-?[0-9]{1,16}(?:\.[0-9]{1,16})?(?:e[+-][0-9]{2,3})?(?: (?!$)|$))*")


def read_list_file(
    folder: Path, name: str, metrics: Sequence[str], records: pd.DataFrame, note: Note
) -> pd.DataFrame | None:
    """Read such a file, whose columns are `metrics`, to the letter; None if it cannot be used."""
    frame = read_exactly(folder, name, (*LIST_COLUMNS, *metrics), read_lists, note)
    if frame is None:
        return None
    queries = records[list(LIST_COLUMNS)].to_numpy().tolist()
    if frame[list(LIST_COLUMNS)].to_numpy().tolist() != queries:
        note(name, "its queries are not those of the row's records, in the same order")
        return None
    kinds = [list_faults(frame[metric], whole=name.endswith(STATISTICS)) for metric in metrics]
    for faults in kinds:
        for line, message in faults:
            note(name, message, line=line)
    return frame if not any(kinds) else None


def list_faults(texts: pd.Series[str], *, whole: bool) -> Faults:
    """Note the first list of a column that is none, of another length, or not as a run writes it."""
    return next(([fault] for fault in _faults(texts, whole=whole)), [])


def _faults(texts: pd.Series[str], *, whole: bool) -> Iterator[tuple[int, str]]:
    lengths: dict[int, int] = {}
    for line, text in texts.items():
        number = int(str(line))
        if not (_INTEGERS if whole else _NUMBERS).fullmatch(text):
            kind = "whole numbers" if whole else "numbers"
            yield number, f"{texts.name} is {quoted(text, 60)}; expected {kind} separated by spaces"
            continue
        counts = [int(word.partition("*")[2] or 1) for word in text.split()]
        if sum(counts) > _MOST_NUMBERS:
            yield number, f"{texts.name} has {sum(counts)} numbers; expected up to {_MOST_NUMBERS}"
            continue
        written = write_integers(read_integers(text)) if whole else write_numbers(read_numbers(text))
        if written != text:
            yield number, f"{texts.name} is {quoted(text, 60)}; raybench writes {quoted(written, 60)}"
        if whole:
            lengths.setdefault(sum(counts), number)
            if len(lengths) > 1:
                yield number, f"{texts.name} has {sum(counts)} numbers, and the line before another count"
