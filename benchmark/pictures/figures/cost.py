"""Cost against quality: milliseconds per map and peak memory."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from ...results import BoardRow, Score, Section
from ...tables import training_name
from .localisation import axis_of
from .scatter import Axis, Dot, describe_front, scatter_traces
from .scatter_paper import scatter_static
from .style import Control, Drawing, View, looks_by_method, row_name, with_network

__all__ = ["cost_drawing", "milliseconds_per_map"]

_AXES = (
    Axis("milliseconds per map", higher_is_better=False, log=True),
    Axis("peak memory of the run (MB)", higher_is_better=False, log=True),
)


def cost_drawing(section: Section) -> Drawing | None:
    """Plot what maps cost against what they score; None if no run of the section says what they cost.

    Runs on different devices stand side by side; each dot names its device.
    """
    columns = [column for column in section.columns if not column.about_checkpoint]
    looks = looks_by_method(section)
    views, panels, words = [], [], []
    for first, axis in enumerate(_AXES):
        for second, column in enumerate(columns):
            dots = [_dot(row, column.metric, first) for row in with_network(section)]
            found = [dot for dot in dots if not (math.isnan(dot.x[1]) or math.isnan(dot.y[1]))]
            if not found:
                continue
            y = axis_of(column)
            axes = {
                "xaxis": {"title": {"text": axis.title}, "type": "log", **_ticks(found)},
                "yaxis": {"title": {"text": y.title}},
            }
            traces = scatter_traces(found, axis, y, looks)
            views.append(View((first, second), traces, axes))
            if first == 0:
                panels.append((axis, y, found))
                words.append(describe_front(found, axis, y))
    if not panels:
        return None
    title = "Cost against quality"
    return Drawing(
        key="cost",
        title=title,
        description=(
            "Each dot is a checkpoint under an attribution: the further up and to the left, the better. Time "
            "is what a map takes on the device, passes through the network included, without reading "
            "pictures and scoring; compare times of one device only, which each dot names. Memory is the "
            "peak of the whole run. " + " ".join(words)
        ),
        controls=(
            Control("cost", tuple(axis.title for axis in _AXES)),
            Control("quality", tuple(column.label for column in columns)),
        ),
        views=tuple(views),
        static=scatter_static(panels, looks, f"{title}: {section.title}"),
    )


def milliseconds_per_map(row: BoardRow) -> float:
    """Return what the manifest says a map of the row took; NaN if it does not."""
    costs = _mapping(_mapping(row.folder.manifest.get("costs")).get(row.checkpoint))
    cost = _mapping(costs.get(row.attribution))
    maps, seconds = _positive(cost.get("maps")), _positive(cost.get("seconds"))
    return 1000 * seconds / maps


def _ticks(dots: Sequence[Dot]) -> dict[str, Any]:
    """Return the ticks of the logarithmic axis, written out: plotly would write 300 as a small 3."""
    values = [dot.x[1] for dot in dots]
    low, high = min(values), max(values)
    digits = range(1, 10) if high < 8 * low else (1, 2, 5)
    decades = range(math.floor(math.log10(low)) - 1, math.ceil(math.log10(high)) + 1)
    ticks = [digit * 10.0**decade for decade in decades for digit in digits]
    there = [tick for tick in ticks if low / 3 <= tick <= 3 * high]
    return {"tickvals": there, "ticktext": [f"{tick:,.10g}" for tick in there]}


def _dot(row: BoardRow, metric: str, kind: int) -> Dot:
    memory = _positive(row.folder.manifest.get("peak_memory_mb"))
    across = (milliseconds_per_map(row), memory)[kind]
    score = row.scores.get(metric, Score())
    device = _mapping(row.folder.manifest.get("device"))
    return Dot(
        name=row_name(row),
        group=row.attribution,
        kind=training_name(row.training),
        checkpoint=row.checkpoint,
        x=(math.nan, across, math.nan),
        y=(score.low, score.value, score.high),
        remark=f"on {device.get('name', 'an unknown device')}",
    )


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _positive(value: object) -> float:
    """Return a number above zero as it is, NaN for anything else: manifests come from strangers."""
    good = isinstance(value, (int, float)) and not isinstance(value, bool) and 0 < value < math.inf
    return float(value) if good else math.nan  # type: ignore[arg-type]
