"""Writes all plots of one or several runs: bars, accuracy against localisation, curves, and the gallery."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from matplotlib.figure import Figure

from ..tables import comparison_table
from .drawing.style import save_plot
from .figures.bars import bar_figure
from .figures.curves import curve_figures
from .figures.scatter import methods_of, scatter_figure
from .gallery import GalleryColumn, gallery_columns, gallery_figure

__all__ = ["plot_all"]

_COLUMNS_PER_GALLERY = 8


def plot_all(folders: Sequence[str | Path], out: Path, *, mixed: bool = False) -> list[Path]:
    """Write `bars`, `accuracy`, `curves` and `gallery`, each as PNG and SVG.

    A plot for which there is nothing to draw is left out: `accuracy` without accuracy or F1, `curves` without
    a metric that keeps them, `gallery` without pictures. Curves and galleries of many rows are split:
    `gallery`, `gallery-2`, and so on.

    Args:
        folders: result folders of `raybench run`.
        out: folder for the plots; made if it is not there.
        mixed: allow runs under different protocols or on different data.

    Returns:
        The files, in the order in which they were written.

    Raises:
        RaybenchError: a folder without results, a damaged file, runs that are not comparable, or an `out`
            that cannot be written to.
    """
    return [path for name, figure in _figures(folders, mixed=mixed) for path in save_plot(figure, out, name)]


def _figures(folders: Sequence[str | Path], *, mixed: bool) -> Iterator[tuple[str, Figure]]:
    """Draw one figure after another, so that only one is held at a time."""
    table = comparison_table(folders, mixed=mixed)
    yield "bars", bar_figure(table)
    scatter = scatter_figure(table)
    if scatter:
        yield "accuracy", scatter
    for number, figure in enumerate(curve_figures(folders, methods_of(table), table.title), start=1):
        yield _numbered("curves", number), figure
    for number, columns in enumerate(_pages(gallery_columns(folders)), start=1):
        gallery = gallery_figure(columns)
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
