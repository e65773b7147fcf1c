"""In what order each metric puts the rows: where a map points, and whether it is true, are two questions."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from ...results import BoardRow, Column, Section
from ..drawing.panels import Axis, Line, Lines, Panel
from ..drawing.style import Look, looks_of, shortened
from .drawing import Drawing, map_columns, row_name, with_network

Floats = NDArray[np.float64]

_MOST_ROWS = 20
_DRAWS = 300


class Agreement(NamedTuple):
    """Kendall's tau-b between the orders of two metrics, and the middle 95 % of it over drawn images."""

    first: Column
    second: Column
    tau: float
    low: float
    high: float

    def __str__(self) -> str:
        """Write `PG and Deletion: tau 0.21 (0.05 to 0.40)`."""
        drawn = "" if np.isnan(self.low) else f" ({self.low:.2f} to {self.high:.2f})"
        return f"{self.first.label} and {self.second.label}: tau {self.tau:.2f}{drawn}"


def orders_drawing(section: Section) -> Drawing | None:
    """Join the places of each row from metric to metric; None with one group, or fewer than three rows."""
    columns = [column for column in map_columns(section) if column.ranked]
    rows = [row for row in with_network(section) if all(column.metric in row.scores for column in columns)][
        :_MOST_ROWS
    ]
    if len({column.group for column in columns}) < 2 or len(rows) < 3:
        return None
    panel = _panel(columns, rows)
    said = "; ".join(str(one) for one in agreements(section, columns, rows))
    title = "Orders by metric"
    return Drawing(
        key="orders",
        title=title,
        description=(
            "A line for each row joins its places under each metric, the best on top. Lines that cross are "
            "rows that two metrics put in another order, and no score mixes metrics. Kendall's tau between "
            f"the first metrics of the groups, 1 for the same order and -1 for the reverse: {said}."
        ),
        controls=(),
        panels={(): panel},
        printed=(panel,),
        heading=f"{title}: {section.title}",
    )


def agreements(section: Section, columns: Sequence[Column], rows: Sequence[BoardRow]) -> list[Agreement]:
    """Compare the orders of the first metrics of each pair of groups.

    Intervals come from images drawn with replacement, and are NaN for metrics without a value per query.
    """
    leading = [next(members) for _, members in itertools.groupby(columns, key=lambda column: column.group)]
    return [_agreement(section, *pair, rows) for pair in itertools.combinations(leading, 2)]


def _agreement(section: Section, first: Column, second: Column, rows: Sequence[BoardRow]) -> Agreement:
    tau = _tau(
        *([_signed(column) * row.scores[column.metric].value for row in rows] for column in (first, second))
    )
    values = [
        np.stack([_signed(column) * row.values[column.metric].astype(np.float64) for row in rows])
        for column in (first, second)
        if all(column.metric in row.values for row in rows)
    ]
    low = high = np.nan
    if len(values) == 2:
        _, image = np.unique(section.image_ids, return_inverse=True)
        sums = [_per_image(one, image) for one in values]
        generator = np.random.default_rng(0)
        weights = generator.multinomial(
            image.max() + 1, np.full(image.max() + 1, 1 / (image.max() + 1)), _DRAWS
        )
        means = [(weights @ total.T) / (weights @ count.T) for total, count in sums]
        drawn = [_tau(*pair) for pair in zip(*means, strict=True)]
        low, high = np.nanpercentile(drawn, [2.5, 97.5])
    return Agreement(first, second, tau, float(low), float(high))


def _signed(column: Column) -> int:
    return 1 if column.higher_is_better else -1


def _per_image(values: Floats, image: NDArray[np.intp]) -> tuple[Floats, Floats]:
    """Sum the values (R, Q) of each image, and count them: (R, images) each."""
    there = ~np.isnan(values)
    sums = np.zeros((2, len(values), image.max() + 1))
    for row in range(len(values)):
        np.add.at(sums[0, row], image, np.where(there[row], values[row], 0.0))
        np.add.at(sums[1, row], image, there[row])
    return sums[0], sums[1]


def _tau(first: Sequence[float] | Floats, second: Sequence[float] | Floats) -> float:
    return float(stats.kendalltau(first, second).statistic)


def _panel(columns: Sequence[Column], rows: Sequence[BoardRow]) -> Panel:
    """Return a line per row, over the metrics; their groups stand below them."""
    names = [row_name(row) for row in rows]
    values = np.array(
        [[_signed(column) * row.scores[column.metric].value for column in columns] for row in rows]
    )
    first_of = {column.group: column for column in reversed(columns)}
    ticks = [
        f"{column.label}\n{column.group if first_of[column.group] is column else ''}" for column in columns
    ]
    return places_panel(names, values, ticks, looks_of(names))


def places_panel(
    names: Sequence[str], values: Floats, ticks: Sequence[str], looks: Mapping[str, Look], heading: str = ""
) -> Panel:
    """Join the places of each row from column to column.

    Args:
        names: of the rows.
        values: (rows, columns), the higher the better; equal values share a place.
        ticks: what the columns are called.
        looks: of the rows, by name.
        heading: of the panel.
    """
    places = np.stack([stats.rankdata(-column) for column in values.T], axis=1)
    x = np.arange(len(ticks), dtype=np.float64)
    nothing = np.full(len(ticks), np.nan)
    lanes = np.stack([_lanes(column) for column in places.T], axis=1)
    lines = tuple(
        Line(name, looks[name], x, one, nothing, nothing, lane)
        for name, one, lane in zip(names, places, lanes, strict=True)
    )
    first = {
        float(place): "\n".join(
            shortened(names[at], 40) for at in np.flatnonzero(places[:, 0] == place).tolist()
        )
        for place in np.unique(places[:, 0])
    }
    return Panel(
        Axis(ticks=tuple(zip(x.tolist(), ticks, strict=True)), limits=(-0.2, len(ticks) - 0.8)),
        Axis("place, best on top", ticks=tuple(first.items()), limits=(len(names) + 0.5, 0.5)),
        (Lines(lines),),
        pixels=160 + 26 * len(names),
        inches=(3.4 + 0.9 * len(ticks), 1.4 + 0.3 * len(names)),
        heading=heading,
    )


def _lanes(places: Floats) -> Floats:
    """Return how far each row of a column is drawn from its place, so that rows that share one show: (R,)."""
    lanes = np.zeros(len(places))
    for place in np.unique(places):
        (rows,) = np.nonzero(places == place)
        lanes[rows] = min(0.12, 1 / len(rows)) * (np.arange(len(rows)) - (len(rows) - 1) / 2)
    return lanes
