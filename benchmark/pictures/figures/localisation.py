"""Accuracy against localisation: does looking at the object cost accuracy?"""

from __future__ import annotations

import math

from ...results import BoardRow, Column, Score, Section
from ...tables import training_name
from .scatter import Axis, Dot, describe_front, scatter_traces, side_by_side
from .scatter_paper import scatter_static
from .style import Control, Drawing, View, looks_by_method, row_name, with_network

__all__ = ["axis_of", "dots_for", "localisation_drawing"]


def localisation_drawing(section: Section) -> Drawing | None:
    """Plot accuracy or F1 against each localisation metric; None if the section lacks one of the two."""
    about = [column for column in section.columns if column.about_checkpoint]
    others = [column for column in section.columns if not column.about_checkpoint]
    views, panels, words = [], [], []
    looks = looks_by_method(section)
    for first, x in enumerate(about):
        for second, y in enumerate(others):
            dots = side_by_side(dots_for(section, x, y))
            if not dots:
                continue
            x_axis, y_axis = axis_of(x), axis_of(y)
            axes = {"xaxis": {"title": {"text": x_axis.title}}, "yaxis": {"title": {"text": y_axis.title}}}
            traces = scatter_traces(dots, x_axis, y_axis, looks)
            views.append(View((first, second), traces, axes))
            if first == 0:
                panels.append((x_axis, y_axis, dots))
                words.append(describe_front(dots, x_axis, y_axis))
    if not views or not panels:
        return None
    title = f"{about[0].label} against localisation"
    return Drawing(
        key="localisation",
        title=title,
        description=(
            "Each dot is a checkpoint under an attribution, with 95 % intervals on both axes: the further up "
            "and to the right, the better. The methods of a checkpoint share its accuracy and stand side "
            "by side. The dotted line joins the rows that no other row beats in both. " + " ".join(words)
        ),
        controls=(
            Control("accuracy", tuple(column.label for column in about)),
            Control("localisation", tuple(column.label for column in others)),
        ),
        views=tuple(views),
        static=scatter_static(panels, looks, f"{title}: {section.title}"),
    )


def axis_of(column: Column) -> Axis:
    """Return the axis of a metric."""
    return Axis(f"{column.label} (%)", column.higher_is_better)


def dots_for(section: Section, x: Column, y: Column) -> list[Dot]:
    """Return a dot for each row that has both values."""
    found = []
    for row in with_network(section):
        across, up = row.scores.get(x.metric, Score()), row.scores.get(y.metric, Score())
        if not (math.isnan(across.value) or math.isnan(up.value)):
            found.append(_dot(row, across, up))
    return found


def _dot(row: BoardRow, x: Score, y: Score) -> Dot:
    return Dot(
        name=row_name(row),
        group=row.attribution,
        kind=training_name(row.training),
        checkpoint=row.checkpoint,
        x=(x.low, x.value, x.high),
        y=(y.low, y.value, y.high),
        remark=" ".join(part for part in (row.architecture, training_name(row.training)) if part),
    )
