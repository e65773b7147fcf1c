"""Prints a comparison: Markdown and CSV for files, and rich for the terminal."""

from __future__ import annotations

import html
import io
import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import pandas as pd
import rich.box
import rich.table
from rich.console import Group
from rich.text import Text

from ..statistics import AGGREGATE_WORDS
from .comparing import Comparison

_SURE = 0.05
_NAMES = ["checkpoint_a", "attribution_a", "checkpoint_b", "attribution_b"]


@dataclass(frozen=True)
class _Grid:
    """A table of text: `left` columns of names, then numbers."""

    title: str
    headings: tuple[str, ...]
    left: int
    rows: tuple[tuple[str, ...], ...]
    strong: tuple[bool, ...]


def rich_comparison(comparison: Comparison) -> Group:
    """Lay a comparison out for the terminal; metrics in which the rows surely differ are bold."""
    parts: list[Text | rich.table.Table] = []
    for grid in _grids(comparison):
        table = rich.table.Table(
            title=Text(grid.title), title_justify="left", box=rich.box.SIMPLE_HEAD, padding=(0, 1, 0, 0)
        )
        for place, heading in enumerate(grid.headings):
            name = place < grid.left
            least = max(len(text) for text in (heading, *(row[place] for row in grid.rows)))
            table.add_column(
                heading,
                justify="left" if name else "right",
                overflow="fold",
                min_width=min(least, 12) if name else least,
            )
        for row, strong in zip(grid.rows, grid.strong, strict=True):
            table.add_row(*map(Text, row), style="bold" if strong else "")
        parts.append(table)
    notes = Text("\n".join(_printable(note) for note in _notes(comparison)), style="italic")
    return Group(*parts, notes)


def comparison_markdown(comparison: Comparison) -> str:
    """Print a comparison as Markdown tables; metrics in which the rows surely differ are bold."""
    lines = []
    for grid in _grids(comparison):
        lines += [f"**{_escape(grid.title)}**", "", _pipes(grid.headings)]
        lines.append(_pipes(["---"] * grid.left + ["---:"] * (len(grid.headings) - grid.left)))
        for row, strong in zip(grid.rows, grid.strong, strict=True):
            cells = [_escape(cell) for cell in row]
            lines.append(_pipes([f"**{cell}**" if strong and cell else cell for cell in cells]))
        lines.append("")
    lines += [f"- {_escape(note)}" for note in _notes(comparison)]
    return "\n".join(lines) + "\n"


def comparison_csv(comparison: Comparison) -> str:
    """Print the metrics, and after an empty line the images if any, as CSV at full precision."""
    text = io.StringIO()
    comparison.metrics.to_csv(text, index=False, lineterminator="\n")
    if len(comparison.images):
        text.write("\n")
        comparison.images.to_csv(text, index=False, lineterminator="\n")
    return text.getvalue()


def _grids(comparison: Comparison) -> Iterator[_Grid]:
    """Yield the tables: of each pair its metrics, then its images.

    What belongs to the checkpoints alone stands with the first pair if there is one only, else by itself.
    """
    metrics, images = comparison.metrics, comparison.images
    pairs = metrics[metrics["attribution_a"] != ""][_NAMES].drop_duplicates()
    if len(pairs) == 1:
        metrics = metrics.assign(**dict(zip(_NAMES, pairs.iloc[0], strict=True)))
    for names, found in metrics.groupby(_NAMES, sort=False):
        yield _metric_grid(comparison, _title(comparison, [str(name) for name in names]), found)
        pictures = images[(images[_NAMES] == list(names)).all(axis=1)] if len(images) else images
        if len(pictures):
            yield _image_grid(comparison.column(comparison.metric).label, pictures)


def _title(comparison: Comparison, names: Sequence[str]) -> str:
    """Name A and B, with their folders if that alone tells them apart."""
    a, b = (", ".join(filter(None, side)) for side in (names[:2], names[2:]))
    if a == b:
        a, b = f"{a} in {comparison.a}", f"{b} in {comparison.b}"
    return f"A: {a}\nB: {b}"


def _metric_grid(comparison: Comparison, title: str, metrics: pd.DataFrame) -> _Grid:
    headings = ("metric", "A", "B", "B \N{MINUS SIGN} A", "95 % interval", "p (Holm)", "better")
    rows, strong = [], []
    sizes: dict[str, list[str]] = {}
    for row in metrics.to_dict("records"):
        column = comparison.column(str(row["metric"]), str(row["aggregate"]))
        sure = row["p_holm"] <= _SURE and row["difference"] != 0
        better = "B" if (row["difference"] > 0) == column.higher_is_better else "A"
        interval = f"[{_signed(row['ci_low'])}, {_signed(row['ci_high'])}]"
        rows.append(
            (
                _printable(column.label),
                _number(row["value_a"]),
                _number(row["value_b"]),
                _signed(row["difference"]),
                "" if math.isnan(row["ci_low"]) else interval,
                _p_value(row["p_holm"]),
                better if sure and column.ranked else "tied" if column.ranked else "",
            )
        )
        strong.append(sure)
        sizes.setdefault(f"{row['images']:,} images, {row['queries']:,} queries", []).append(column.label)
    measured = [f"{', '.join(labels)}: {size}" if len(sizes) > 1 else size for size, labels in sizes.items()]
    lines = _printable(f"{title}\n{'; '.join(measured)}")
    return _Grid(lines, headings, 1, tuple(rows), tuple(strong))


def _image_grid(label: str, images: pd.DataFrame) -> _Grid:
    rows = tuple(
        (
            _printable(row["image_id"]),
            _printable(row["class_name"]),
            _number(row["value_a"]),
            _number(row["value_b"]),
            _signed(row["difference"]),
        )
        for row in images.to_dict("records")
    )
    title = _printable(f"images on which A and B differ most in {label}")
    headings = ("image", "class", "A", "B", "B \N{MINUS SIGN} A")
    return _Grid(title, headings, 2, rows, (False,) * len(rows))


def _notes(comparison: Comparison) -> list[str]:
    by_aggregate: dict[str, list[str]] = {}
    for metric, aggregate in comparison.metrics[["metric", "aggregate"]].drop_duplicates().to_numpy():
        by_aggregate.setdefault(aggregate, []).append(comparison.column(metric, aggregate).label)
    means = [f"{', '.join(names)}: {AGGREGATE_WORDS.get(key, key)}" for key, names in by_aggregate.items()]
    tests = len(comparison.metrics)
    return [
        "; ".join(["in percent, differences in points", *means]),
        "paired over images; intervals and p by the linearised standard error and Student's t",
        f"p (Holm): corrected for the {tests} comparisons shown; bold where it is at most {_SURE}",
        *comparison.notes,
    ]


def _p_value(p_value: float) -> str:
    return "<0.0001" if p_value < 1e-4 else f"{p_value:.2g}" if p_value < 0.1 else f"{p_value:.2f}"


def _number(value: float) -> str:
    return "" if math.isnan(value) else f"{value:.2f}"


def _signed(value: float) -> str:
    """Write `+1.20`, and plain `0.00` for what rounds to it."""
    if math.isnan(value):
        return ""
    text = f"{value:+.2f}"
    return "0.00" if text in {"+0.00", "-0.00"} else text


def _printable(text: str) -> str:
    """Replace what a terminal would act on: image ids and names come from strangers' files."""
    return "".join(
        char if char.isprintable() or char == "\n" else "\N{REPLACEMENT CHARACTER}" for char in text
    )


def _escape(text: str) -> str:
    """Escape what Markdown and the HTML in it would act on; underscores inside words are harmless."""
    text = html.escape("; ".join(text.split("\n")), quote=False)
    text = re.sub(r"([\\`*\[\]|~])", r"\\\1", text)
    return re.sub(r"(?<![A-Za-z0-9])_|_(?![A-Za-z0-9])", r"\\_", text)


def _pipes(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cells) + " |"
