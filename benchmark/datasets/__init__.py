"""What is measured on: readers that turn folders into images with queries and ground truth."""

from ...base import Box, Size
from .files import PICTURE_SUFFIXES, files_in
from .interface import DATASETS, DatasetReader, dataset
from .known import check_data, known_data, names_of_known
from .layouts.own.looking import FoundFolder, look_at
from .layouts.parquet import unpack_parquet
from .layouts.voc_xml import class_index_of, read_annotation
from .listed import listed_dataset, listed_reader
from .opening import find_folder, find_reader, open_dataset
from .pictures import encoded_bytes, open_picture, picture_in_memory, read_picture, to_rgb, upright_picture
from .readers.coco import Coco
from .readers.imagenet import ImageNet
from .region import BoxRegion, MaskRegion, Region, unaffordable
from .sample import (
    AnnotationError,
    Dataset,
    LayoutError,
    Query,
    Sample,
    UnreadableImageError,
    asks_anything,
    class_of,
    reading_by,
)
from .selection import Selection
from .shapes.files import write_shapes
from .shapes.scene import draw_scene
from .subsets import subsets_of

__all__ = [
    "DATASETS",
    "PICTURE_SUFFIXES",
    "AnnotationError",
    "Box",
    "BoxRegion",
    "Coco",
    "Dataset",
    "DatasetReader",
    "FoundFolder",
    "ImageNet",
    "LayoutError",
    "MaskRegion",
    "Query",
    "Region",
    "Sample",
    "Selection",
    "Size",
    "UnreadableImageError",
    "asks_anything",
    "check_data",
    "class_index_of",
    "class_of",
    "dataset",
    "draw_scene",
    "encoded_bytes",
    "files_in",
    "find_folder",
    "find_reader",
    "known_data",
    "listed_dataset",
    "listed_reader",
    "look_at",
    "names_of_known",
    "open_dataset",
    "open_picture",
    "picture_in_memory",
    "read_annotation",
    "read_picture",
    "reading_by",
    "subsets_of",
    "to_rgb",
    "unaffordable",
    "unpack_parquet",
    "upright_picture",
    "write_shapes",
]
