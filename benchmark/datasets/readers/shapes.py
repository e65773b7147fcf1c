"""Opens folders of generated scenes with the readers of ImageNet and COCO."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from ....checkpoints import ClassList, cache_folder
from ...suite import Protocol
from ..interface import dataset
from ..selection import Selection
from ..shapes.files import write_shapes
from .coco import Coco, open_coco
from .imagenet import ImageNet, open_imagenet


def _generate(say: Callable[[str], None]) -> Path:
    """Return the folder of the default pictures, written on first use."""
    folder = cache_folder() / "shapes-300-seed0"
    if not (folder / "classes.txt").is_file():
        say(f"generating 300 pictures in {folder}")
        write_shapes(folder, images=300, seed=0)
    return folder


@dataset("shapes", label="Shapes", classes="classes.txt", multilabel=False, generate=_generate)
def open_shapes(
    root: Path, protocol: Protocol, classes: ClassList, selection: Selection, *, split: str = "val"
) -> ImageNet:
    """Generated scenes with boxes, in ImageNet's format; made by `raybench shapes DIR`."""
    return replace(open_imagenet(root, protocol, classes, selection, split=split), name="shapes")


@dataset(
    "shapes_coco",
    label="Shapes, several each",
    classes="classes.txt",
    multilabel=True,
    folder="shapes",
    generate=_generate,
)
def open_shapes_coco(
    root: Path, protocol: Protocol, classes: ClassList, selection: Selection, *, split: str = "val"
) -> Coco:
    """Generated scenes with masks, in COCO's format; made by `raybench shapes DIR`."""
    return replace(open_coco(root, protocol, classes, selection, split=split), name="shapes_coco")
