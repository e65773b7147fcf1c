"""What is measured on: readers that turn folders into images with queries and ground truth."""

from . import coco, imagenet, imagenet_boxes, shapes_readers, voc
from .interface import DATASETS, DatasetReader, dataset
from .opening import open_dataset
from .region import Box, BoxRegion, MaskRegion, Point, Region, Size
from .sample import AnnotationError, Dataset, Query, Sample, UnreadableImageError

__all__ = [
    "DATASETS",
    "AnnotationError",
    "Box",
    "BoxRegion",
    "Dataset",
    "DatasetReader",
    "MaskRegion",
    "Point",
    "Query",
    "Region",
    "Sample",
    "Size",
    "UnreadableImageError",
    "coco",
    "dataset",
    "imagenet",
    "imagenet_boxes",
    "open_dataset",
    "shapes_readers",
    "voc",
]
