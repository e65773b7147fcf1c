"""A gallery: where each checkpoint and method looks, on the same pictures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.lines import Line2D

from ...base import Point, broken
from ..results import (
    GalleryImage,
    ResultFolder,
    class_label,
    gallery_images,
    label_of,
    map_path,
    open_results,
    read_map,
)
from .answers import Answer, QueryKey, answers_of
from .drawing.style import INK
from .overlay import HIT_COLOUR, MISS_COLOUR, bare, draw_outline, draw_point, overlay

_CELL_INCHES = 1.8  # width of a picture
_FLATTEST, _TALLEST = 0.5, 1.4  # limits of height / width of a picture
_MOST_SCORES = 3  # below a picture, for want of room
_MARKS = (
    ("o", HIT_COLOUR, "most salient pixel, a hit"),
    ("X", MISS_COLOUR, "a miss"),
    ("s", "none", "ground truth"),
)


@dataclass(frozen=True, eq=False)
class GalleryColumn:
    """One checkpoint and method of one run."""

    folder: ResultFolder
    checkpoint: str
    attribution: str

    def map_of(self, query: QueryKey) -> Path:
        """Where the map of a query is kept."""
        return map_path(self.folder.path, self.checkpoint, self.attribution, *query)


def gallery_columns(folders: Sequence[str | Path]) -> list[GalleryColumn]:
    """Return every checkpoint and method that has maps in a gallery, in the order of the runs.

    Methods without a network (floor and ceiling) are left out.
    """
    columns = []
    for folder in map(open_results, folders):
        for row in folder.network_rows:
            column = GalleryColumn(folder, *row)
            if any(column.map_of(("", 0)).parent.glob("*.png")):
                columns.append(column)
    return columns


def gallery_figure(columns: Sequence[GalleryColumn], *, rows: int = 6) -> Figure | None:
    """Draw queries as rows and checkpoints x methods as columns: heat over the picture, region and point.

    The ground truth is outlined. The most salient pixel is a green disc if it hits and a red cross if it
    misses. Below each picture stand some of the query's other scores.

    Args:
        columns: from `gallery_columns`.
        rows: largest number of queries.

    Returns:
        None if the columns have no query in common.
    """
    shared = _shared_queries(columns)
    queries = dict(list(shared.items())[:rows])
    if not queries:
        return None
    shapes = [image.size.height / image.size.width for image in queries.values()]
    heights = [float(np.clip(shape, _FLATTEST, _TALLEST)) * _CELL_INCHES for shape in shapes]
    size = (1.4 + (len(columns) + 1) * (_CELL_INCHES + 0.06), 1.1 + sum(heights) + 0.26 * len(heights))
    layout = ConstrainedLayoutEngine(w_pad=0.02, h_pad=0.02)
    figure = Figure(figsize=size, layout=layout, facecolor="white")
    grid = figure.subplots(len(queries), len(columns) + 1, squeeze=False, height_ratios=heights)
    answers = [answers_of(one.folder, one.checkpoint, one.attribution, queries.keys()) for one in columns]
    for (query, image), line in zip(queries.items(), grid, strict=True):
        first = answers[0].get(query)
        name = class_label(columns[0].folder, first.class_name if first else str(query[1]))
        line[0].imshow(image.picture())
        line[0].set_ylabel(_wrapped(name, 14), rotation=0, ha="right", va="center", fontsize=11, color=INK)
        for axes, column, found in zip(line[1:], columns, answers, strict=True):
            _draw_answer(axes, image, column.map_of(query), found.get(query))
        for axes in line:
            bare(axes)
            draw_outline(axes, image.region(query[1]))
    _write_headings(figure, grid[0], columns)
    marks: dict[str, Any] = {
        "linestyle": "none",
        "markersize": 9,
        "markeredgecolor": "black",
        "markeredgewidth": 0.8,
    }
    handles = [
        Line2D([], [], marker=marker, color=colour, label=text, **marks) for marker, colour, text in _MARKS
    ]
    if len(shared) > len(queries):
        words = f"{len(queries)} of the {len(shared)} that the runs kept"
        handles.append(Line2D([], [], linestyle="none", label=words))
    figure.legend(handles=handles, loc="outside lower left", ncols=4, frameon=False, fontsize=10)
    return figure


def _write_headings(figure: Figure, top: Sequence[Axes], columns: Sequence[GalleryColumn]) -> None:
    """Write the method above each column, and the checkpoint above the first of its methods."""
    top[0].set_title("ground truth", fontsize=10, color=INK)
    blocks: dict[tuple[ResultFolder, str], list[Axes]] = {}
    methods = [broken(label_of("attribution", one.attribution, one.folder), 21) for one in columns]
    for axes, column, method in zip(top[1:], columns, methods, strict=True):
        axes.set_title(method, fontsize=10, color=INK)
        blocks.setdefault((column.folder, column.checkpoint), []).append(axes)
    below, names = max(method.count("\n") for method in methods), []
    for (folder, checkpoint), own in blocks.items():
        names.append(broken(label_of("checkpoint", checkpoint, folder), 19 * len(own)))
        place = (0, 22 + 14 * below)
        text = own[0].annotate(names[-1], (0, 1), place, "axes fraction", textcoords="offset points")
        text.set(fontsize=12, fontweight="bold", color=INK, annotation_clip=False, in_layout=False)
    figure.suptitle("\n" * max(name.count("\n") for name in names) + " ", fontsize=17)  # room for the names


def _draw_answer(axes: Axes, image: GalleryImage, path: Path, answer: Answer | None) -> None:
    picture = image.picture()
    axes.imshow(overlay(picture, read_map(path)))
    if answer is None:
        return
    height, width = picture.shape[:2]
    x = (answer.point.x + 0.5) * width / image.size.width - 0.5
    y = (answer.point.y + 0.5) * height / image.size.height - 0.5
    draw_point(axes, Point(round(x), round(y)), hit=answer.hit, size=10)
    axes.set_xlabel("   ".join(" ".join(score) for score in answer.scores[:_MOST_SCORES]), fontsize=9)
    if answer.status != "ok":
        remark = axes.text(0.03, 0.96, f"{answer.status} map", transform=axes.transAxes, fontsize=9, va="top")
        remark.set(color="white", bbox={"facecolor": "black", "edgecolor": "none", "pad": 1.5})


def _shared_queries(columns: Sequence[GalleryColumn]) -> dict[QueryKey, GalleryImage]:
    """Return the queries for which every column has a map, with their pictures."""
    images: dict[str, GalleryImage] = {}
    for folder in dict.fromkeys(column.folder for column in columns):
        for image in gallery_images(folder.path):
            images.setdefault(image.folder.name, image)
    return {
        (name, index): image
        for name, image in sorted(images.items())
        for index in image.class_indices
        if all(column.map_of((name, index)).is_file() for column in columns)
    }


def _wrapped(text: str, width: int) -> str:
    """Break a text into lines at spaces, and a long word at its joints."""
    lines = [""]
    for word in text.split():
        if lines[-1] and len(lines[-1]) + 1 + len(word) > width:
            lines.append("")
        lines[-1] += f" {word}" if lines[-1] else word
    return "\n".join(broken(line, width) for line in lines)
