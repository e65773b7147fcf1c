"""Draws the rooms of the code by floor, from the code as it is: `python docs/make_house_picture.py`."""

from __future__ import annotations

from pathlib import Path
from textwrap import wrap

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
from matplotlib.patches import FancyBboxPatch

ROOT = Path(__file__).resolve().parent.parent
INK, GREY = "#1b1b1f", "#6b6b76"
COLOURS = {"making": "#dbe9f6", "both": "#ece7f5", "reading": "#fbe6d4"}
# from the ground up: (room, what its lines may touch, wing)
FLOORS = (
    (("raybench/base", "errors, options, YAML, registry: nothing of the subject", "both"),),
    (
        ("attributions", "a network, its features and gradients", "making"),
        ("checkpoints", "cards, weights, modules", "making"),
        ("benchmark/metrics", "a map, a region, a network's scores", "making"),
        ("benchmark/suite", "what is asked: documents", "both"),
        ("benchmark/statistics", "numbers alone", "reading"),
    ),
    (
        ("benchmark/datasets", "pictures, annotations, regions", "making"),
        ("benchmark/results", "the files of a result folder", "both"),
    ),
    (
        ("benchmark/loading", "views of pictures, batches", "making"),
        ("benchmark/comparison", "pairs of rows, tests", "reading"),
        ("benchmark/tables", "rows and columns as text", "reading"),
    ),
    (
        ("benchmark/measuring", "maps of a batch, their values", "making"),
        ("benchmark/pictures", "figures", "reading"),
    ),
    (
        ("benchmark/running", "plans, processes, progress", "making"),
        ("benchmark/board", "the page", "reading"),
    ),
    (
        ("training", "losses, steps, recipes", "making"),
        ("benchmark/doctor", "a network before hours of work", "making"),
        ("benchmark/reproduction", "published tables, cell by cell", "both"),
        ("benchmark/submission", "bundles of strangers", "both"),
    ),
    (("raybench/commands", "options in, text out", "both"),),
)
NAMES = ("ground", *(f"floor {number}" for number in range(1, len(FLOORS) - 1)), "porch")
WIDTH, HEIGHT, GAP = 100.0, 10.0, 1.2


def lines_of(room: str) -> int:
    """Lines of Python in a room."""
    return sum(len(path.read_text().splitlines()) for path in (ROOT / room).rglob("*.py"))


def draw() -> None:
    """Write docs/house.png."""
    figure, axes = plt.subplots(figsize=(13, 8.4), dpi=110)
    for level, rooms in enumerate(FLOORS):
        y, each = level * (HEIGHT + GAP), (WIDTH - GAP * (len(rooms) - 1)) / len(rooms)
        axes.text(-2, y + HEIGHT / 2, NAMES[level], ha="right", va="center", color=GREY, fontsize=10)
        for place, (room, touches, wing) in enumerate(rooms):
            x = place * (each + GAP)
            box = FancyBboxPatch(
                (x, y), each, HEIGHT, boxstyle="round,pad=0,rounding_size=0.8", fc=COLOURS[wing], ec="none"
            )
            axes.add_patch(box)
            centre = x + each / 2
            axes.text(centre, y + 7.7, room.removeprefix("benchmark/"), ha="center", va="center",
                      color=INK, fontsize=12, weight="bold")  # fmt: skip
            axes.text(
                centre,
                y + 4.0,
                "\n".join(wrap(touches, int(each * 1.25))),
                ha="center",
                va="center",
                color=INK,
                fontsize=8.5,
                linespacing=1.1,
            )
            axes.text(centre, y + 1.1, f"{lines_of(room):,} lines", ha="center", va="center",
                      color=GREY, fontsize=7.5)  # fmt: skip
    top = len(FLOORS) * (HEIGHT + GAP)
    for place, (wing, words) in enumerate(
        (("making", "makes results"), ("both", "serves both"), ("reading", "reads results: loads no torch"))
    ):
        x = place * 26
        axes.add_patch(
            FancyBboxPatch((x, top + 1), 3, 3, boxstyle="round,pad=0", fc=COLOURS[wing], ec="none")
        )
        axes.text(x + 4.5, top + 2.5, words, va="center", color=INK, fontsize=10)
    axes.set_xlim(-12, WIDTH + 1)
    axes.set_ylim(-1, top + 6)
    axes.axis("off")
    figure.savefig(ROOT / "docs" / "house.png", bbox_inches="tight", facecolor="white")


if __name__ == "__main__":
    draw()
