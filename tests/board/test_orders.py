"""Groups of metrics side by side: places joined from metric to metric, headings with where better lies."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from made_section import COLUMNS, made_row, made_section

from raybench.benchmark.board.view import section_view
from raybench.benchmark.pictures.drawing.style import save_figure
from raybench.benchmark.pictures.figures.orders import agreements, orders_drawing
from raybench.benchmark.results import Section

TRUTH = replace(
    COLUMNS[2],
    label="Deletion",
    group="faithfulness",
    higher_is_better=False,
    bounds=(0.0, 1.0),
    unit="probability",
)


@pytest.fixture
def section() -> Section:
    """Four methods: the share of points that hit falls from the first to the last, and so does deletion."""
    rng = np.random.default_rng(0)
    rows = [
        made_row("net", f"method {number}", (60 - 12 * number + rng.normal(0, 15, 60)).clip(0, 100))
        for number in range(4)
    ]
    return made_section(*rows, made_row("none", "center", [0.0, 100.0] * 30), columns=(*COLUMNS[:2], TRUTH))


def test_a_metric_that_is_better_when_lower_puts_the_same_values_in_the_reverse_order(
    section: Section,
) -> None:
    (found,) = agreements(section, section.columns[1:], section.rows[:4])
    assert found.tau == -1.0
    assert -1.0 <= found.low <= found.high < 0.0
    drawing = orders_drawing(section)
    assert drawing is not None
    (lines,) = drawing.panels[()].layers
    assert [list(line.y) for line in lines.lines] == [[1, 4], [2, 3], [3, 2], [4, 1]]  # type: ignore[union-attr]
    assert "PG and Deletion: tau -1.00" in drawing.description


def test_one_group_of_metrics_or_two_rows_have_no_orders_to_compare(section: Section) -> None:
    assert orders_drawing(replace(section, columns=COLUMNS)) is None
    assert orders_drawing(replace(section, rows=section.rows[:2])) is None


def test_orders_are_drawn_for_paper_and_for_the_page(section: Section, tmp_path: Path) -> None:
    drawing = orders_drawing(section)
    assert drawing is not None
    save_figure(drawing.static, tmp_path / "orders.svg")
    assert (tmp_path / "orders.svg").read_text().count("<use") > 0
    (view,) = drawing.views
    assert [trace["name"] for trace in view.data] == [f"net · method {number}" for number in range(4)]


def test_groups_and_directions_stand_in_the_headings_and_rows_are_sorted_by_where_maps_point(
    section: Section,
) -> None:
    columns = section_view(section).columns
    assert [column.label for column in columns] == ["Top-1 ↑", "PG ↑", "Deletion ↓"]
    assert [column.group for column in columns] == ["accuracy", "localisation", "faithfulness"]
    assert [column.metric for column in section.sorting] == [
        "pointing_game",
        "content_heatmap",
        "top1_accuracy",
    ]
