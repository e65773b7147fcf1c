"""Finds training pictures on disk and what they show, through the readers that measurements use."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ...base import RaybenchError
from ...benchmark.datasets import (
    AnnotationError,
    Coco,
    ImageNet,
    class_index_of,
    open_dataset,
    read_annotation,
)
from ...benchmark.suite import PROTOCOLS
from ..recipe.recipe import PictureFolder, Recipe, ShapesScenes
from .pictures import FilePictures, Pictures, ScenePictures, draw_scenes
from .targets import LabelBits, SingleLabels

_PROTOCOL = PROTOCOLS["aaai21-clamped"]
"""Decides regions, which training does not read."""

_CATEGORY = re.compile(r'"category_id"\s*:\s*([0-9]+)\s*[,}]')


def open_pictures(source: ShapesScenes | PictureFolder, recipe: Recipe, data: Mapping[str, Path]) -> Pictures:
    """Draw the scenes, or find the pictures and classes, that a recipe asks for.

    Pictures whose annotation cannot be used are left out and listed in `problems`.

    Args:
        source: the recipe's `train` or `validation`.
        recipe: gives the class list and the size of the pictures.
        data: folders by dataset name; others are looked for under $RAYBENCH_DATA.

    Raises:
        RaybenchError: the folder is not found or does not look as expected, or no picture is left.
    """
    if isinstance(source, ShapesScenes):
        images, targets = draw_scenes(source, recipe.short_side)
        return ScenePictures(f"scenes of series {source.seed}", images, targets, recipe)
    options: dict[str, Any] = {"classes": recipe.classes}
    options |= {key: value for key in ("split", "list") if (value := getattr(source, key)) is not None}
    dataset = open_dataset(source.dataset, data, _PROTOCOL, options)
    name = f"{source.dataset} {source.split}" if source.split else source.dataset
    if isinstance(dataset, ImageNet):
        pictures = _single_label(dataset, name, recipe)
    elif isinstance(dataset, Coco):
        pictures = _multi_label(dataset, name, recipe)
    else:
        raise RaybenchError(
            f"cannot train on dataset {source.dataset!r}; expected imagenet, coco, shapes or shapes_coco"
        )
    if not pictures.trainable:
        first = f"; the first of {len(pictures.problems)} problems: {pictures.problems[0]}"
        raise RaybenchError(f"{name} holds no picture with a class{first if pictures.problems else ''}")
    return pictures


def _single_label(dataset: ImageNet, name: str, recipe: Recipe) -> FilePictures:
    """Label each picture with the class of its folder or, in a flat layout, of its first object."""
    kept, labels, problems = [], [], []
    for index, entry in enumerate(dataset.files):
        try:
            if entry.folder_class is not None:
                label = dataset.classes.index_of[entry.folder_class]
            elif entry.annotation is not None:
                path = dataset.root / entry.annotation
                label = class_index_of(read_annotation(path).objects[0], dataset.classes, path)
            else:
                raise AnnotationError(
                    f"{dataset.path_of(index)} has neither a class folder nor an annotation"
                )
        except AnnotationError as error:
            problems.append(str(error))
            continue
        kept.append(index)
        labels.append(label)
    return FilePictures(
        name,
        ids=[dataset.image_ids[index] for index in kept],
        paths=[dataset.path_of(index) for index in kept],
        targets=SingleLabels(np.array(labels, np.int64)),
        trainable=range(len(kept)),
        recipe=recipe,
        square=False,
        problems=tuple(problems),
    )


def _multi_label(dataset: Coco, name: str, recipe: Recipe) -> FilePictures:
    """Note the classes of each picture; those without any serve as negatives only."""
    problems: list[str] = []
    held = [_classes_of(dataset, index, problems) for index in range(len(dataset))]
    return FilePictures(
        name,
        ids=dataset.image_ids,
        paths=[dataset.path_of(index) for index in range(len(dataset))],
        targets=LabelBits.pack(held, len(dataset.classes)),
        trainable=np.flatnonzero([bool(classes) for classes in held]).tolist(),
        recipe=recipe,
        square=True,
        problems=tuple(problems),
    )


def _classes_of(dataset: Coco, index: int, problems: list[str]) -> Iterable[int]:
    """Return the classes of a picture's annotations; ones of unknown categories are noted and left out."""
    text = dataset.annotations[index]
    # parsing the polygons of all of COCO takes ten times as long as looking for what is asked
    found = _CATEGORY.findall(text)
    numbers = {int(number) for number in found}
    known = {entry for number in numbers if isinstance(entry := dataset.categories.get(number), int)}
    if len(found) == text.count('"image_id"') and len(known) == len(numbers):
        return known
    classes: set[int] = set()
    for record in json.loads(text):
        number = record.get("category_id")
        entry = dataset.categories.get(number) if type(number) is int else None
        if isinstance(entry, int):
            classes.add(entry)
        else:
            problems.append(
                f"{dataset.source}: annotation {record.get('id')} of {dataset.file_names[index]} has the "
                f"category {entry or number!r}, which is not in the class list {dataset.classes.name!r}"
            )
    return classes
