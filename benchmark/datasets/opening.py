"""Finds the folder of a dataset and opens it."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from ...base import CodeFiles, RaybenchError
from ..suite import Protocol
from .interface import DATASETS, DatasetReader
from .sample import Dataset


def find_reader(name: str, code: CodeFiles | None = None) -> DatasetReader:
    """Return a registered reader, or one in a file: `mine.py:my_reader`.

    Args:
        name: of either.
        code: where files are looked for; by default they may not run.

    Raises:
        UnknownNameError: no such dataset, or no such function in the file.
        RaybenchError: the file may not run, cannot, or its function lacks the decorator `@dataset`.
    """
    return (code or CodeFiles()).find(DATASETS, name, _undecorated)


def _undecorated(name: str, _function: Callable[..., Any]) -> DatasetReader:
    raise RaybenchError(
        f"dataset {name!r} is a function without the facts of a reader; decorate it with "
        "@raybench.benchmark.datasets.dataset(NAME, classes=..., multilabel=...)"
    )


def open_dataset(
    dataset: str | DatasetReader,
    data: Mapping[str, Path],
    protocol: Protocol,
    options: Mapping[str, Any],
    *,
    say: Callable[[str], None] = lambda message: None,
    folder: Path | None = None,
) -> Dataset:
    """Open a dataset.

    Args:
        dataset: the name of a registered one, or its reader.
        data: folders by dataset name; others are looked for under $RAYBENCH_DATA. Pictures that raybench
            can generate are written to the cache folder if they are nowhere.
        protocol: the rules.
        options: of the dataset, such as `split`.
        say: told when pictures are generated.
        folder: of the suite's file, beside which class lists, lists of pictures and data of one's own lie.

    Raises:
        UnknownNameError: no such dataset.
        RaybenchError: its folder was not given, does not exist, or does not look as expected.
    """
    reader = DATASETS.get(dataset) if isinstance(dataset, str) else dataset
    source = reader.source(options)
    root = find_folder(source, data)
    if root is None and source.generate:
        root = source.generate(say)
    if root is None and source.beside:
        root = folder
    if root is None:
        raise RaybenchError(
            f"dataset {source.name!r} was not found: give its folder as --data {source.name}=PATH, or set "
            f"RAYBENCH_DATA to the folder that holds {source.folder}"
        )
    return reader.open(root, protocol, options=options, folder=folder)


def find_folder(reader: DatasetReader, data: Mapping[str, Path]) -> Path | None:
    """Return the folder of a dataset, or None; one that was given is returned even if it is not there."""
    if reader.name in data:
        return data[reader.name]
    first, _, rest = reader.folder.partition("/")
    if first in data:
        return data[first] / rest
    around = os.environ.get("RAYBENCH_DATA")
    if around and (Path(around) / first / rest).is_dir():
        return Path(around) / first / rest
    return None
