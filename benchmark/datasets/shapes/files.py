"""Writes scenes to disk in the layouts of ImageNet and COCO, for the same readers as real pictures."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import PIL.Image
from numpy.typing import NDArray
from pycocotools import mask as coco_mask

from ....base import Box, RaybenchError
from .scene import Scene, SceneObject, draw_scene
from .silhouettes import CLASS_NAMES

_JPEG_QUALITY = 92
_SPLIT = "val"


def write_shapes(folder: Path, *, images: int = 300, seed: int = 0) -> None:
    """Write `images` scenes below `folder`, as JPEG files with annotations in two formats.

    - `val/shapes_val_<number>.jpg`, and beside each an ILSVRC XML file of the same stem: the labelled
      object first, then the others; boxes around the visible pixels, from 1, inclusive.
    - `annotations/instances_val.json`: the same objects for COCO, with masks of the visible pixels
      as run lengths; category ids count from 1 in the order of the classes.
    - `classes.txt`: one class id per line.

    The same arguments write the same bytes. A picture depends on `seed` and its number alone, so that more
    pictures can be added later: those that are there already are written again unchanged. Pictures of higher
    numbers that an earlier call wrote are removed, so that the folder holds what was asked for.

    Args:
        folder: made if it does not exist.
        images: how many; at least 1.
        seed: names a series of scenes; series 0 is for evaluation, so train on others.

    Raises:
        RaybenchError: an argument is out of range, or a file cannot be written.
    """
    if images < 1:
        raise RaybenchError(f"cannot write {images} shapes pictures; ask for at least 1")
    if seed < 0:
        raise RaybenchError(f"the seed of the shapes pictures is {seed}; expected 0 or more")
    try:
        _write(Path(folder), images, seed)
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise RaybenchError(f"cannot write shapes pictures to {error.filename or folder}: {reason}") from None


def _write(folder: Path, images: int, seed: int) -> None:
    (folder / _SPLIT).mkdir(parents=True, exist_ok=True)
    (folder / "annotations").mkdir(exist_ok=True)
    (folder / "classes.txt").write_text("".join(f"{name}\n" for name in CLASS_NAMES), encoding="utf-8")
    _remove_others(folder / _SPLIT, f"shapes_{_SPLIT}_", images)
    entries: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    for number in range(1, images + 1):
        scene = draw_scene(seed, number - 1)
        stem = f"shapes_{_SPLIT}_{number:08d}"
        path = folder / _SPLIT / f"{stem}.jpg"
        PIL.Image.fromarray(scene.pixels).save(path, quality=_JPEG_QUALITY, subsampling=0)
        path.with_suffix(".xml").write_bytes(_ilsvrc(scene, stem))
        height, width, _ = scene.pixels.shape
        entries.append({"id": number, "file_name": path.name, "height": height, "width": width})
        for thing in scene.objects:
            annotations.append(_coco(thing, annotation_id=len(annotations) + 1, image_id=number))
    document = {
        "info": {"description": f"raybench shapes, seed {seed}, context 0.0"},
        "images": entries,
        "annotations": annotations,
        "categories": [{"id": index, "name": name} for index, name in enumerate(CLASS_NAMES, start=1)],
    }
    text = json.dumps(document, separators=(",", ":"))
    (folder / "annotations" / f"instances_{_SPLIT}.json").write_text(text, encoding="utf-8")


def _remove_others(folder: Path, start: str, images: int) -> None:
    """Remove pictures of numbers above `images`, with their XML; other files stay."""
    for path in folder.glob(f"{start}*"):
        number = path.stem.removeprefix(start)
        if re.fullmatch("[0-9]{8}", number) and int(number) > images and path.suffix in (".jpg", ".xml"):
            path.unlink()


def _ilsvrc(scene: Scene, stem: str) -> bytes:
    """The scene's annotation as the XML of ILSVRC's localisation task."""
    height, width, depth = scene.pixels.shape
    root = ElementTree.Element("annotation")
    ElementTree.SubElement(root, "folder").text = _SPLIT
    ElementTree.SubElement(root, "filename").text = stem
    _add_numbers(ElementTree.SubElement(root, "size"), width=width, height=height, depth=depth)
    ElementTree.SubElement(root, "segmented").text = "0"
    for thing in scene.objects:
        box = _bounds(thing.mask)
        element = ElementTree.SubElement(root, "object")
        ElementTree.SubElement(element, "name").text = CLASS_NAMES[thing.class_index]
        _add_numbers(element, truncated=0, difficult=0)
        _add_numbers(
            ElementTree.SubElement(element, "bndbox"),
            xmin=box.x0 + 1,
            ymin=box.y0 + 1,
            xmax=box.x1 + 1,
            ymax=box.y1 + 1,
        )
    ElementTree.indent(root, "\t")
    text = ElementTree.tostring(root, encoding="unicode")
    return f"{text}\n".encode()


def _add_numbers(parent: ElementTree.Element, **numbers: int) -> None:
    for name, number in numbers.items():
        ElementTree.SubElement(parent, name).text = str(number)


def _coco(thing: SceneObject, *, annotation_id: int, image_id: int) -> dict[str, Any]:
    """The object as an annotation of COCO's instances task."""
    box = _bounds(thing.mask)
    runs = coco_mask.encode(np.asfortranarray(thing.mask.astype(np.uint8)))
    return {
        "id": annotation_id,
        "image_id": image_id,
        "category_id": thing.class_index + 1,
        "bbox": [box.x0, box.y0, box.x1 - box.x0 + 1, box.y1 - box.y0 + 1],
        "area": int(thing.mask.sum()),
        "iscrowd": 0,
        "segmentation": {"size": list(thing.mask.shape), "counts": runs["counts"].decode("ascii")},
    }


def _bounds(mask: NDArray[np.bool_]) -> Box:
    """Smallest box around the pixels of a mask (H, W) that is not empty."""
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    return Box(int(columns[0]), int(rows[0]), int(columns[-1]), int(rows[-1]))
