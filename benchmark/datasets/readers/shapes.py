"""Opens folders of generated scenes with the readers of ImageNet and COCO."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from ....checkpoints import ClassList
from ...suite import Protocol
from ..interface import dataset
from ..selection import Selection
from .coco import Coco, open_coco
from .imagenet import ImageNet, open_imagenet

__all__ = ["open_shapes", "open_shapes_coco"]


@dataset("shapes", classes="classes.txt", multilabel=False)
def open_shapes(
    root: Path, protocol: Protocol, classes: ClassList, selection: Selection, *, split: str = "val"
) -> ImageNet:
    """Generated scenes with boxes, in ImageNet's format; made by `raybench shapes DIR`."""
    return replace(open_imagenet(root, protocol, classes, selection, split=split), name="shapes")


@dataset("shapes_coco", classes="classes.txt", multilabel=True)
def open_shapes_coco(
    root: Path, protocol: Protocol, classes: ClassList, selection: Selection, *, split: str = "val"
) -> Coco:
    """Generated scenes with masks, in COCO's format; made by `raybench shapes DIR`."""
    return replace(open_coco(root, protocol, classes, selection, split=split), name="shapes_coco")
