"""One reader per dataset; a file is imported here to be registered."""

from . import boxes, coco, cub200, grid, imagenet, imagenet_boxes, imagenet_s, openimages30k, shapes, voc  # noqa: F401  # noqa: F401
