"""Writes all plots of runs: bars, accuracy against localisation, places, curves, and the gallery."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from matplotlib.figure import Figure

from ...base import UnknownNameError
from ..tables import comparison_table
from .drawing.numbers import numbers_of, write_numbers
from .drawing.paper import PanelFigure, across_in
from .drawing.style import fitted, save_plot
from .figures.bars import bar_figure
from .figures.curves import curve_figures
from .figures.ranks import ranks_figure
from .figures.scatter import methods_of, scatter_figure
from .gallery import GalleryColumn, gallery_columns, gallery_figure

_COLUMNS_PER_GALLERY = 8


FIGURES = ("bars", "accuracy", "ranks", "curves", "gallery")


def plot_all(
    folders: Sequence[str | Path],
    out: Path,
    *,
    mixed: bool = False,
    only: Sequence[str] = (),
    formats: Sequence[str] = ("png", "svg"),
    width: float | None = None,
) -> list[Path]:
    """Write `bars`, `accuracy`, `ranks`, `curves`, `gallery`, each as PNG and SVG, with its numbers as CSV.

    A gallery shows pictures and has no CSV. A plot for which there is nothing to draw is left out: `accuracy`
    of a single checkpoint, or without accuracy and F1, `ranks` of a single metric and dataset, `curves`
    without a metric that keeps them, `gallery` without pictures. Curves and galleries of many rows are split:
    `gallery`, `gallery-2`, ...

    Args:
        folders: result folders of `raybench run`.
        out: folder for the plots; made if it is not there.
        mixed: allow runs under different protocols or on different data.
        only: those of the five that are wanted; all by default.
        formats: png, svg or pdf.
        width: of each figure in inches, such as 3.3 for a column of a paper; as it comes by default.

    Returns:
        The files, in the order in which they were written.

    Raises:
        RaybenchError: a folder without results, a damaged file, runs that are not comparable, or an `out`
            that cannot be written to.
    """
    wanted = only or FIGURES
    for name in wanted:
        if name not in FIGURES:
            raise UnknownNameError("figure", name, FIGURES, "--only")
    paths = []
    for name, figure in _figures(folders, wanted, mixed=mixed, across=across_in(width)):
        if isinstance(figure, PanelFigure):
            write_numbers(out / f"{name}.csv", numbers_of(figure.bands))
        paths += save_plot(fitted(figure, width) if width else figure, out, name, formats)
    return paths


def _figures(
    folders: Sequence[str | Path], wanted: Sequence[str], *, mixed: bool, across: int
) -> Iterator[tuple[str, Figure]]:
    """Draw one figure after another, so that only one is held at a time."""
    by_name = comparison_table(folders, mixed=mixed)
    table = by_name.labelled
    if "bars" in wanted:
        yield "bars", bar_figure(table, across=across)
    scatter = scatter_figure(table, across=across) if "accuracy" in wanted else None
    if scatter:
        yield "accuracy", scatter
    ranks = ranks_figure(table, across=across) if "ranks" in wanted else None
    if ranks:
        yield "ranks", ranks
    if "curves" in wanted:
        drawn = curve_figures(folders, methods_of(by_name), table.title, across=across)
        for number, figure in enumerate(drawn, start=1):
            yield _numbered("curves", number), figure
    for number, columns in enumerate(_pages(gallery_columns(folders)), start=1):
        gallery = gallery_figure(columns) if "gallery" in wanted else None
        if gallery:
            yield _numbered("gallery", number), gallery


def _numbered(name: str, number: int) -> str:
    return name if number == 1 else f"{name}-{number}"


def _pages(columns: Sequence[GalleryColumn]) -> list[list[GalleryColumn]]:
    """Split the columns into pages, if possible between checkpoints."""
    blocks: dict[tuple[int, str], list[GalleryColumn]] = {}
    for column in columns:
        blocks.setdefault((id(column.folder), column.checkpoint), []).append(column)
    pages: list[list[GalleryColumn]] = []
    for block in blocks.values():
        for start in range(0, len(block), _COLUMNS_PER_GALLERY):
            part = block[start : start + _COLUMNS_PER_GALLERY]
            if pages and len(pages[-1]) + len(part) <= _COLUMNS_PER_GALLERY:
                pages[-1] += part
            else:
                pages.append(part)
    return pages
