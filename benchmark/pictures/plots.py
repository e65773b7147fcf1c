"""Writes all plots of one or several runs: bars, accuracy against localisation, and the gallery."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ..tables import comparison_table
from .bars import bar_figure
from .gallery import GalleryColumn, gallery_columns, gallery_figure
from .scatter import scatter_figure
from .style import save_plot

__all__ = ["plot_all"]

_COLUMNS_PER_GALLERY = 8


def plot_all(folders: Sequence[str | Path], out: Path, *, mixed: bool = False) -> list[Path]:
    """Write `bars`, `accuracy` and `gallery`, each as PNG and SVG.

    A plot for which there is nothing to draw is left out: `accuracy` without accuracy or F1, `gallery`
    without pictures. A gallery with many columns is split: `gallery`, `gallery-2`, and so on.

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
    table = comparison_table(folders, mixed=mixed)
    written = save_plot(bar_figure(table), out, "bars")
    scatter = scatter_figure(table)
    if scatter:
        written += save_plot(scatter, out, "accuracy")
    for number, columns in enumerate(_pages(gallery_columns(folders)), start=1):
        gallery = gallery_figure(columns)
        if gallery:
            written += save_plot(gallery, out, "gallery" if number == 1 else f"gallery-{number}")
    return written


def _pages(columns: Sequence[GalleryColumn]) -> list[list[GalleryColumn]]:
    """Split the columns into pages, if possible between checkpoints."""
    blocks: list[list[GalleryColumn]] = []
    for column in columns:
        last = blocks[-1][-1] if blocks else None
        if last and (last.folder, last.checkpoint) == (column.folder, column.checkpoint):
            blocks[-1].append(column)
        else:
            blocks.append([column])
    pages: list[list[GalleryColumn]] = []
    for block in blocks:
        for start in range(0, len(block), _COLUMNS_PER_GALLERY):
            part = block[start : start + _COLUMNS_PER_GALLERY]
            if pages and len(pages[-1]) + len(part) <= _COLUMNS_PER_GALLERY:
                pages[-1] += part
            else:
                pages.append(part)
    return pages
