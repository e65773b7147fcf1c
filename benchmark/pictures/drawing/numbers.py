"""The numbers that a figure shows, as a table to keep beside it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from ...results import write_atomically
from .panels import Bars, Dots, Layer, Lines, Panel, Strips

_ENDS = ("low", "value", "high")


def numbers_of(bands: Sequence[Sequence[Panel]]) -> pd.DataFrame:
    """Return a line for each bar, dot and point of a curve, as it is drawn; columns without any are left out.

    `low` and `high` are the ends of the 95 % interval; of the spread of values they are its quartiles.
    """
    panels = [panel for band in bands for panel in band]
    lines = [
        {"panel": panel.heading or f"{panel.y.title} against {panel.x.title}", **line}
        for panel in panels
        for layer in panel.layers
        for line in _lines(layer, panel)
    ]
    return pd.DataFrame(lines).replace("", None).dropna(axis="columns", how="all")


def write_numbers(path: Path, numbers: pd.DataFrame) -> None:
    """Write what a figure shows.

    Raises:
        RaybenchError: the file cannot be written.
    """
    write_atomically(path, numbers.to_csv(index=False, lineterminator="\n"))


def _lines(layer: Layer, panel: Panel) -> Iterator[dict[str, Any]]:
    if isinstance(layer, Bars):
        for bar in layer.bars:
            yield {"row": bar.remark, "name": bar.name, **dict(zip(_ENDS, bar.ends, strict=True))}
    elif isinstance(layer, Dots):
        for dot in layer.dots:
            across = dict(zip(("x_low", "x", "x_high"), dot.x, strict=True))
            yield {"row": dot.name, "name": dot.group, **across, **dict(zip(_ENDS, dot.y, strict=True))}
    elif isinstance(layer, Lines):
        named = {place: " ".join(text.split()) for place, text in panel.x.ticks}
        for line in layer.lines:
            for x, low, value, high in zip(line.x, line.low, line.y, line.high, strict=True):
                yield {"name": line.name, "x": named.get(x, x), "low": low, "value": value, "high": high}
    elif isinstance(layer, Strips):
        for name, spread in zip(layer.names, layer.spreads, strict=True):
            yield {"row": name, "low": spread.quartiles[0], "value": spread.mean, "high": spread.quartiles[2]}
