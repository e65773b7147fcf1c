"""Draws the rooms of the code by floor, as the table of CONTRIBUTING.md has them."""

from __future__ import annotations

import re
from pathlib import Path
from textwrap import wrap

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
from matplotlib.patches import FancyBboxPatch

ROOT = Path(__file__).resolve().parents[2]
INK, GREY = "#1b1b1f", "#6b6b76"
COLOURS = ("#dbe9f6", "#ece7f5", "#fbe6d4")  # makes results, serves both wings, reads results
WIDTH, HEIGHT, GAP = 100.0, 10.0, 1.2


def table() -> list[list[str]]:
    """Return the cells of the table, heading first, then from the porch down."""
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8").partition("## The house")[2]
    lines = [line for line in text.splitlines() if line.startswith("|") and not line.startswith("|---")]
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    ends = next(number for number, row in enumerate(cells) if row[0] == "ground")
    return cells[: ends + 1]


def lines_of(room: str) -> int:
    """Lines of Python in a room."""
    tops = (ROOT / top / room for top in ("benchmark", "raybench", ""))
    folder = next(folder for folder in tops if (folder / "__init__.py").is_file())
    return sum(path.read_text(encoding="utf-8").count("\n") for path in folder.rglob("*.py"))


def draw() -> None:
    """Write docs/house.png."""
    heading, *floors = table()
    figure, axes = plt.subplots(figsize=(13, 8.4), dpi=110)
    for level, (name, *wings) in enumerate(reversed(floors)):
        rooms = [
            (*room, wing) for wing, cell in enumerate(wings) for room in re.findall(r"`(\w+)`: ([^;]+)", cell)
        ]
        y, each = level * (HEIGHT + GAP), (WIDTH - GAP * (len(rooms) - 1)) / len(rooms)
        axes.text(-2, y + HEIGHT / 2, f"floor {name}" if name.isdigit() else name, ha="right", va="center",
                  color=GREY, fontsize=10)  # fmt: skip
        for place, (room, touches, wing) in enumerate(rooms):
            x = place * (each + GAP)
            rounded = "round,pad=0,rounding_size=0.8"
            axes.add_patch(
                FancyBboxPatch((x, y), each, HEIGHT, boxstyle=rounded, fc=COLOURS[wing], ec="none")
            )
            words = "\n".join(wrap(touches, int(each * 1.25)))
            for height, text, colour, size in (
                (7.7, room, INK, 12),
                (4.2, words, INK, 8.5),
                (1.1, f"{lines_of(room):,} lines", GREY, 7.5),
            ):
                axes.text(
                    x + each / 2, y + height, text, ha="center", va="center", color=colour, fontsize=size
                )
    top = len(floors) * (HEIGHT + GAP)
    for place, words in enumerate(heading[1:]):
        x = place * 26
        axes.add_patch(
            FancyBboxPatch((x, top + 1), 3, 3, boxstyle="round,pad=0", fc=COLOURS[place], ec="none")
        )
        axes.text(x + 4.5, top + 2.5, words, va="center", color=INK, fontsize=10)
    axes.set(xlim=(-12, WIDTH + 1), ylim=(-1, top + 6))
    axes.axis("off")
    figure.savefig(ROOT / "docs" / "house.png", bbox_inches="tight", facecolor="white")


if __name__ == "__main__":
    draw()
