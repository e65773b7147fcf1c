"""One number of each row against another: accuracy or cost against what the maps score."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence

from ....base import broken
from ...results import NO_CHECKPOINT, BoardRow, Column, Score, Section, Table, mapping
from ...tables import training_name
from ..drawing.panels import Axis, Dot, Dots, Ends, Front, Panel, front_of, interval_text, side_by_side
from ..drawing.paper import PanelFigure, figure_of, in_bands
from ..drawing.style import Look, axis_title, looks_of, shortened
from .drawing import Control, Drawing, map_columns, method_name, row_name, with_network

_COSTS = (
    Axis("milliseconds per map", higher_is_better=False, log=True),
    Axis("peak memory of the run (MB)", higher_is_better=False, log=True),
)


def localisation_drawing(section: Section) -> Drawing | None:
    """Plot accuracy or F1 against each metric of maps; None if the section lacks one of the two."""
    about = [column for column in section.columns if column.about_checkpoint]
    columns = map_columns(section)
    dots = {
        (first, second): (_axis_of(x), _axis_of(y), side_by_side(_scored(section, x, y)))
        for first, x in enumerate(about)
        for second, y in enumerate(columns)
    }
    words = (
        "Each dot is a checkpoint under an attribution, with 95 % intervals on both axes. The methods of a "
        "checkpoint share its accuracy and stand side by side. The dotted line joins the rows that no other "
        "row beats in both."
    )
    title = f"{about[0].label} against where maps look" if about else ""
    controls = _control("accuracy", about), _control("metric", columns)
    return _drawing(section, dots, "localisation", title, words, controls)


def cost_drawing(section: Section) -> Drawing | None:
    """Plot what maps cost against what they score; None if no run of the section says what they cost.

    Runs on different devices stand side by side; each dot names its device.
    """
    columns = map_columns(section)
    dots = {
        (first, second): (x, _axis_of(y), _priced(section, first, y))
        for first, x in enumerate(_COSTS)
        for second, y in enumerate(columns)
    }
    words = (
        "Each dot is a checkpoint under an attribution: the further to the left, the cheaper. Time is what a "
        "map takes on the device, passes through the network included, without reading pictures and scoring; "
        "compare times of one device only, which each dot names. Memory is the peak of the whole run."
    )
    controls = Control("cost", tuple(axis.title for axis in _COSTS)), _control("quality", columns)
    return _drawing(section, dots, "cost", "Cost against quality", words, controls)


def _control(label: str, columns: Sequence[Column]) -> Control:
    return Control(label, tuple(column.label for column in columns))


def _drawing(
    section: Section,
    dots: Mapping[tuple[int, int], tuple[Axis, Axis, Sequence[Dot]]],
    key: str,
    title: str,
    words: str,
    controls: tuple[Control, ...],
) -> Drawing | None:
    """Make a drawing of what has dots; paper shows the first option of the first control."""
    looks = looks_of(method_name(row) for row in with_network(section))
    kinds = tuple(sorted({training_name(row.training) for row in with_network(section)}))
    there = {at: found for at, found in dots.items() if found[2]}
    panels = {at: _panel(*found, looks, kinds) for at, found in there.items()}
    printed = tuple(panel for at, panel in panels.items() if at[0] == 0)
    fronts = (_front_in_words(*found) for at, found in there.items() if at[0] == 0)
    text = " ".join((words, *filter(None, fronts)))
    heading = f"{title}: {section.title}"
    return Drawing(key, title, text, controls, panels, printed, heading) if printed else None


def _panel(x: Axis, y: Axis, dots: Sequence[Dot], looks: Mapping[str, Look], kinds: Sequence[str]) -> Panel:
    """Return dots with their front; the interval across, which a checkpoint's dots share, at the highest."""
    highest: dict[tuple[str, float], Dot] = {}
    for dot in sorted(dots, key=lambda dot: dot.y[1]):
        highest[dot.checkpoint, dot.x[1]] = dot
    shown = tuple(
        dot if highest[dot.checkpoint, dot.x[1]] is dot else dot._replace(x=(math.nan, dot.x[1], math.nan))
        for dot in dots
    )
    front = tuple((dots[at].place, dots[at].y[1]) for at in front_of(dots, x, y))
    x = x._replace(ticks=_log_ticks(dots)) if x.log else x
    return Panel(x, y, (Dots(shown, looks, tuple(kinds)), *((Front(front),) if front else ())))


def _log_ticks(dots: Sequence[Dot]) -> tuple[tuple[float, str], ...]:
    """Return the ticks of a logarithmic axis, written out: plotly would write 300 as a small 3."""
    values = [dot.x[1] for dot in dots]
    low, high = min(values), max(values)
    digits = range(1, 10) if high < 8 * low else (1, 2, 5)
    decades = range(math.floor(math.log10(low)) - 1, math.ceil(math.log10(high)) + 1)
    ticks = [digit * 10.0**decade for decade in decades for digit in digits]
    return tuple((tick, f"{tick:,.10g}") for tick in ticks if low / 3 <= tick <= 3 * high)


def _front_in_words(x: Axis, y: Axis, dots: Sequence[Dot]) -> str:
    """Say which rows make the front, with their numbers in the plot."""
    parts = [
        f"{place}: {shortened(dots[at].name, 80)} ({interval_text(dots[at].x)}; {interval_text(dots[at].y)})"
        for place, at in enumerate(front_of(dots, x, y), start=1)
    ]
    return f"On the front, in {x.title} and {y.title}: {'; '.join(parts)}." if parts else ""


def _axis_of(column: Column) -> Axis:
    return Axis(axis_title(column), column.higher_is_better if column.ranked else None)


def _scored(section: Section, x: Column, y: Column) -> list[Dot]:
    """Return a dot for each row that has both values."""
    return _valid(
        _dot(row, _ends(row.scores.get(x.metric)), y, f"{row.architecture} {training_name(row.training)}")
        for row in with_network(section)
    )


def _priced(section: Section, kind: int, y: Column) -> list[Dot]:
    """Return a dot for each row with a cost: the time of a map, or the memory of the run."""
    found = []
    for row in with_network(section):
        manifest = row.folder.manifest
        cost = (milliseconds_per_map(row), _positive(manifest.get("peak_memory_mb")))[kind]
        device = mapping(manifest.get("device")).get("name", "an unknown device")
        found.append(_dot(row, (math.nan, cost, math.nan), y, f"on {device}"))
    return _valid(found)


def _dot(row: BoardRow, across: Ends, y: Column, remark: str) -> Dot:
    up, kind = _ends(row.scores.get(y.metric)), training_name(row.training)
    return Dot(row_name(row), method_name(row), kind, row.checkpoint, across, up, remark.strip())


def _ends(score: Score | None) -> Ends:
    return (score.low, score.value, score.high) if score else (math.nan, math.nan, math.nan)


def _valid(dots: Iterable[Dot]) -> list[Dot]:
    return [dot for dot in dots if not (math.isnan(dot.x[1]) or math.isnan(dot.y[1]))]


def milliseconds_per_map(row: BoardRow) -> float:
    """Return what the manifest says a map of the row took; NaN if it does not."""
    costs = mapping(mapping(row.folder.manifest.get("costs")).get(row.checkpoint))
    cost = mapping(costs.get(row.attribution))
    return 1000 * _positive(cost.get("seconds")) / _positive(cost.get("maps"))


def _positive(value: object) -> float:
    """Return a number above zero as it is, NaN for anything else: manifests come from strangers."""
    good = isinstance(value, (int, float)) and not isinstance(value, bool) and 0 < value < math.inf
    return float(value) if good else math.nan  # type: ignore[arg-type]


def scatter_figure(table: Table, *, across: int = 3) -> PanelFigure | None:
    """Draw a panel per metric of maps, against accuracy or F1 of the checkpoints, with 95 % intervals.

    A colour and a filling per attribution, a shape per checkpoint.

    Returns:
        None if there is nothing to draw: no accuracy, no metric of maps, or a single checkpoint, all of whose
        methods share one accuracy.
    """
    about = [place for place, column in enumerate(table.columns) if column.about_checkpoint][:1]
    looks, panels = methods_of(table), []
    for place, column in enumerate(table.columns):
        for x in about if not column.about_checkpoint else ():
            found = list(_dots_of(table, x, place))
            dots, kinds = side_by_side(_valid(found)), dict.fromkeys(dot.kind for dot in found)
            axes = _axis_of(table.columns[x]), _axis_of(column)
            panels += [_panel(*axes, dots, looks, tuple(kinds))] if dots and len(kinds) > 1 else []
    return figure_of(in_bands(panels, across), table.title) if panels else None


def _dots_of(table: Table, x: int, y: int) -> Iterator[Dot]:
    checkpoint, attribution = table.headings.index("checkpoint"), table.headings.index("attribution")
    for place, row in enumerate(table.rows):
        if row.labels[checkpoint] != NO_CHECKPOINT:
            name, kind = checkpoint_name(table, place)
            across, up = ((cell.low, cell.value, cell.high) for cell in (row.cells[x], row.cells[y]))
            yield Dot(name, row.labels[attribution], kind, name, across, up)


def methods_of(table: Table) -> dict[str, Look]:
    """Give each attribution of the table's checkpoints its look."""
    checkpoint, attribution = table.headings.index("checkpoint"), table.headings.index("attribution")
    rows = [row.labels for row in table.rows if row.labels[checkpoint] != NO_CHECKPOINT]
    return looks_of(labels[attribution] for labels in rows)


def checkpoint_name(table: Table, place: int) -> tuple[str, str]:
    """Name the checkpoint of a row, with what tells it from others (dataset, run): as data, and in lines."""
    parts = dict(zip(table.headings, table.rows[place].labels, strict=True))
    parts.pop("attribution")
    names = [parts.pop("checkpoint"), *(f"({value})" for value in parts.values())]
    return " ".join(names), "\n".join(broken(name, 24) for name in names)
