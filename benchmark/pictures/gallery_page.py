"""The page of a gallery: where headings, labels and pictures stand."""

from __future__ import annotations

from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ...base import broken
from .overlay import HIT_COLOUR, MISS_COLOUR, bare
from .style import INK

__all__ = ["CELL_INCHES", "HEADING_INCHES", "PageLayout"]

CELL_INCHES = 1.8  # width of a picture
_GAP_INCHES = 0.06
_LABEL_INCHES = 1.25
HEADING_INCHES = 0.98
_CAPTION_INCHES = 0.24
_LEGEND_INCHES = 0.4


@dataclass(frozen=True)
class PageLayout:
    """Where things stand on the page, in inches from the top left."""

    columns: int
    heights: list[float]

    @property
    def size(self) -> tuple[float, float]:
        """Width and height of the page."""
        width = _LABEL_INCHES + self.columns * (CELL_INCHES + _GAP_INCHES) + _GAP_INCHES
        rows = sum(self.heights) + len(self.heights) * (_CAPTION_INCHES + _GAP_INCHES)
        return width, HEADING_INCHES + rows + _LEGEND_INCHES

    def left(self, column: int) -> float:
        """Left edge of a column."""
        return _LABEL_INCHES + column * (CELL_INCHES + _GAP_INCHES)

    def top(self, row: int) -> float:
        """Top edge of a row."""
        above = sum(self.heights[:row]) + row * (_CAPTION_INCHES + _GAP_INCHES)
        return HEADING_INCHES + above

    def share(self, x: float, y: float) -> tuple[float, float]:
        """Turn inches from the top left into the shares from the bottom left that matplotlib wants."""
        return x / self.size[0], 1 - y / self.size[1]

    def axes(self, figure: Figure, row: int, column: int) -> Axes:
        """Add the axes of a cell."""
        x, y = self.share(self.left(column), self.top(row) + self.heights[row])
        axes = figure.add_axes((x, y, CELL_INCHES / self.size[0], self.heights[row] / self.size[1]))
        bare(axes)
        return axes

    def write_left(self, figure: Figure, row: int, label: str) -> None:
        """Write the label of a row."""
        x, y = self.share(_LABEL_INCHES - 0.1, self.top(row) + self.heights[row] / 2)
        figure.text(x, y, _wrapped(label, 14), fontsize=11, ha="right", va="center", color=INK)

    def write_legend(self, figure: Figure) -> None:
        """Say what the marks are, below the pictures."""
        axes = figure.add_axes((0, 0, 1, 0.34 / self.size[1]))
        axes.set_xlim(0, self.size[0])
        axes.set_ylim(0.34, 0)
        bare(axes)
        axes.patch.set_visible(False)
        x = _LABEL_INCHES + 0.1
        for marker, colour, text in (
            ("o", HIT_COLOUR, "hit"),
            ("X", MISS_COLOUR, "miss"),
            ("s", "none", "ground truth"),
        ):
            (mark,) = axes.plot([x], [0.15], marker=marker, markersize=9, color=colour, linestyle="none")
            mark.set(markeredgecolor="black", markeredgewidth=0.8)
            axes.text(x + 0.13, 0.16, text, fontsize=11, va="center", color=INK)
            x += 0.55 + 0.085 * len(text)


def _wrapped(text: str, width: int) -> str:
    """Break a text into lines at spaces, and a long word at its joints."""
    lines = [""]
    for word in text.split():
        if lines[-1] and len(lines[-1]) + 1 + len(word) > width:
            lines.append("")
        lines[-1] += f" {word}" if lines[-1] else word
    return "\n".join(broken(line, width) for line in lines)
