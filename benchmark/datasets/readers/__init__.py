"""One reader per dataset; a file is imported here to be registered."""

from . import (  # noqa: F401
    boxes,
    coco,
    cub200,
    grid,
    imagenet,
    imagenet_boxes,
    imagenet_s,
    openimages30k,
    shapes,
    voc,
)
