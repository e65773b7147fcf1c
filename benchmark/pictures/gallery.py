"""A gallery: where each checkpoint and method looks, on the same pictures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from numpy.typing import NDArray

from ...base import Point, broken
from ..results import (
    NO_CHECKPOINT,
    GalleryImage,
    ResultFolder,
    class_label,
    gallery_images,
    map_path,
    open_results,
    read_map,
    safe_name,
)
from .answers import Answer, QueryKey, answers_of
from .gallery_page import CELL_INCHES, HEADING_INCHES, PageLayout
from .overlay import draw_outline, draw_point, overlay
from .style import INK

__all__ = ["GalleryColumn", "gallery_columns", "gallery_figure"]

_RULE_INCHES = 0.48  # from the top: between checkpoints and methods
_MOST_SCORES = 3  # below a picture, for want of room
_FLATTEST, _TALLEST = 0.5, 1.4  # limits of height / width of a cell


@dataclass(frozen=True, eq=False)
class GalleryColumn:
    """One checkpoint and method of one run."""

    folder: ResultFolder
    checkpoint: str
    attribution: str


@dataclass(frozen=True)
class _Query:
    image: GalleryImage
    class_index: int


def gallery_columns(folders: Sequence[str | Path]) -> list[GalleryColumn]:
    """Return every checkpoint and method that has maps in a gallery, in the order of the runs.

    Methods without a network (floor and ceiling) are left out.
    """
    columns = []
    for folder in map(open_results, folders):
        pairs = folder.summary[["checkpoint", "attribution"]].drop_duplicates()
        for checkpoint, attribution in pairs.itertuples(index=False):
            kept = folder.path / safe_name(checkpoint) / safe_name(attribution) / "gallery"
            if attribution and checkpoint != NO_CHECKPOINT and any(kept.glob("*.png")):
                columns.append(GalleryColumn(folder, checkpoint, attribution))
    return columns


def gallery_figure(columns: Sequence[GalleryColumn], *, rows: int = 6) -> Figure | None:
    """Draw queries as rows and checkpoints x methods as columns: heat over the picture, region and point.

    The ground truth is outlined. The most salient pixel is a green disc if it hits and a red cross if it
    misses. Below each picture stand the query's other scores, in percent.

    Args:
        columns: from `gallery_columns`.
        rows: largest number of queries.

    Returns:
        None if the columns have no query in common.
    """
    queries = _shared_queries(columns)[:rows]
    if not queries:
        return None
    pictures = [query.image.picture() for query in queries]
    shapes = [np.clip(picture.shape[0] / picture.shape[1], _FLATTEST, _TALLEST) for picture in pictures]
    layout = PageLayout(len(columns) + 1, [float(shape) * CELL_INCHES for shape in shapes])
    figure = Figure(figsize=layout.size, facecolor="white")
    _write_headings(figure, layout, columns)
    keys = {(query.image.folder.name, query.class_index) for query in queries}
    answers = [answers_of(one.folder, one.checkpoint, one.attribution, keys) for one in columns]
    for row, (query, picture) in enumerate(zip(queries, pictures, strict=True)):
        region = query.image.region(query.class_index)
        axes = layout.axes(figure, row, 0)
        axes.imshow(picture)
        draw_outline(axes, region)
        first = answers[0].get((query.image.folder.name, query.class_index))
        name = first.class_name if first else str(query.class_index)
        layout.write_left(figure, row, class_label(columns[0].folder, query.class_index, name))
        for place, (column, found) in enumerate(zip(columns, answers, strict=True), start=1):
            axes = layout.axes(figure, row, place)
            _draw_answer(axes, column, query, picture, found)
            draw_outline(axes, region)
    layout.write_legend(figure)
    return figure


def _write_headings(figure: Figure, layout: PageLayout, columns: Sequence[GalleryColumn]) -> None:
    """Write each checkpoint once above its methods, and the methods below it."""
    baseline = HEADING_INCHES - 0.07
    middle = layout.left(0) + CELL_INCHES / 2
    figure.text(*layout.share(middle, baseline), "ground truth", fontsize=10, ha="center", color=INK)
    start = 0
    for place, column in enumerate(columns):
        middle = layout.left(place + 1) + CELL_INCHES / 2
        name = broken(column.attribution, 21)
        figure.text(*layout.share(middle, baseline), name, fontsize=10, ha="center", va="bottom", color=INK)
        following = columns[place + 1] if place + 1 < len(columns) else None
        if following and (following.folder, following.checkpoint) == (column.folder, column.checkpoint):
            continue
        left, right = layout.left(start + 1), layout.left(place + 1) + CELL_INCHES
        title = broken(column.checkpoint, max(12, int((right - left) / 0.1)))
        x, y = layout.share((left + right) / 2, 0.08)
        figure.text(x, y, title, fontsize=12, fontweight="bold", ha="center", va="top", color=INK)
        ends = [layout.share(left, _RULE_INCHES), layout.share(right, _RULE_INCHES)]
        figure.add_artist(Line2D(*zip(*ends, strict=True), color="#bbbbbb", linewidth=1))
        start = place + 1


def _draw_answer(
    axes: Axes,
    column: GalleryColumn,
    query: _Query,
    picture: NDArray[np.uint8],
    answers: Mapping[QueryKey, Answer],
) -> None:
    """Draw one cell: heat, point and scores."""
    name = query.image.folder.name
    path = map_path(column.folder.path, column.checkpoint, column.attribution, name, query.class_index)
    axes.imshow(overlay(picture, read_map(path)))
    answer = answers.get((name, query.class_index))
    if answer is None:
        return
    height, width = picture.shape[:2]
    x = (answer.point.x + 0.5) * width / query.image.size.width - 0.5
    y = (answer.point.y + 0.5) * height / query.image.size.height - 0.5
    draw_point(axes, Point(round(x), round(y)), hit=answer.hit, size=10)
    scores = "   ".join(" ".join(score) for score in answer.scores[:_MOST_SCORES])
    axes.text(0.5, -0.02, scores, transform=axes.transAxes, fontsize=9, ha="center", va="top")
    if answer.status != "ok":
        remark = axes.text(0.03, 0.96, f"{answer.status} map", transform=axes.transAxes, fontsize=9, va="top")
        remark.set(color="white", bbox={"facecolor": "black", "edgecolor": "none", "pad": 1.5})


def _shared_queries(columns: Sequence[GalleryColumn]) -> list[_Query]:
    """Return the queries for which every column has a map."""
    images: dict[str, GalleryImage] = {}
    for folder in dict.fromkeys(column.folder for column in columns):
        for image in gallery_images(folder.path):
            images.setdefault(image.folder.name, image)
    return [
        _Query(image, class_index)
        for name, image in sorted(images.items())
        for class_index in image.class_indices
        if all(
            map_path(column.folder.path, column.checkpoint, column.attribution, name, class_index).is_file()
            for column in columns
        )
    ]
