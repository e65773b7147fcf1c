"""Finds the folder of a dataset and opens it."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from ...base import RaybenchError
from ...checkpoints import cache_folder
from ..suite import Protocol
from .interface import DATASETS
from .sample import Dataset
from .shapes.files import write_shapes

__all__ = ["open_dataset"]

_LIES_WITH = {"imagenet_boxes": "imagenet/all_val_boxes", "shapes_coco": "shapes"}
"""Datasets that are found with another one's folder."""


def open_dataset(
    name: str,
    data: Mapping[str, Path],
    protocol: Protocol,
    options: Mapping[str, Any],
    *,
    say: Callable[[str], None] = lambda message: None,
) -> Dataset:
    """Open a dataset by name.

    Args:
        name: a registered dataset.
        data: folders by dataset name; others are looked for under $RAYBENCH_DATA. The generated pictures of
            `shapes` are written to the cache folder if they are nowhere.
        protocol: the rules.
        options: of the dataset, such as `split`.
        say: told when pictures are generated.

    Raises:
        UnknownNameError: no such dataset.
        RaybenchError: its folder was not given, does not exist, or does not look as expected.
    """
    reader = DATASETS.get(name)
    root = _find(name, data)
    if root is None and name in ("shapes", "shapes_coco"):
        root = _generated_shapes(say)
    if root is None:
        raise RaybenchError(
            f"dataset {name!r} was not found: give its folder as --data {name}=PATH, or set RAYBENCH_DATA "
            f"to the folder that holds {_LIES_WITH.get(name, name)}"
        )
    return reader.open(root, protocol, options=options)


def _find(name: str, data: Mapping[str, Path]) -> Path | None:
    """Return the folder of a dataset, or None; one that was given is returned even if it is not there."""
    if name in data:
        return data[name]
    first, _, rest = _LIES_WITH.get(name, name).partition("/")
    if first in data:
        return data[first] / rest
    around = os.environ.get("RAYBENCH_DATA")
    if around and (Path(around) / first / rest).is_dir():
        return Path(around) / first / rest
    return None


def _generated_shapes(say: Callable[[str], None]) -> Path:
    """Return the folder of the default generated pictures, written on first use."""
    folder = cache_folder() / "shapes-300-seed0"
    if not (folder / "classes.txt").is_file():
        say(f"generating 300 pictures in {folder}")
        write_shapes(folder, images=300, seed=0)
    return folder
