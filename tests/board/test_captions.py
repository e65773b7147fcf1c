"""What stands above and below a table of the leaderboard."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from made_section import made_row, made_section

from raybench.benchmark.board.captions import section_facts, section_notes, section_subtitle, winners
from raybench.benchmark.board.sections import OTHER_QUERIES, _ranked, published_rows
from raybench.benchmark.board.view import section_view
from raybench.benchmark.results.facts import dataset_title
from raybench.benchmark.results.files.folder import ResultFolder
from raybench.benchmark.results.scores import Column
from raybench.benchmark.results.sections import BoardRow, Score
from raybench.benchmark.results.verification.row_checks import SUMMARY_ONLY

TRUTH = {"facts": {"truth": {"box_oracle": True}}}


def test_facts_say_how_much_was_measured_and_how_the_table_is_sorted() -> None:
    rows = [made_row(name, "cam", [60.0, 40.0], manifest={"dataset": {"images": 1}}) for name in ("a", "b")]
    facts = section_facts(made_section(*rows))
    assert facts == (
        "1 image, 2 queries per row",
        "2 checkpoints, 1 method",
        "no degenerate maps",
        "sorted by CH",
    )
    assert section_subtitle(made_section(rows[0])) == "aaai21 · 1 image"


def test_boxes_that_the_protocol_loses_are_pointed_out() -> None:
    network, oracle = (
        made_row("a", "cam", [60.0, 40.0]),
        made_row("none", "box_oracle", [100.0, 0.0], manifest=TRUTH),
    )
    (note,) = section_notes(made_section(network, oracle))
    assert "(box_oracle) score 50.00 PG here, not 100" in note
    whole = made_row("none", "box_oracle", [100.0, 100.0], manifest=TRUTH)
    assert section_notes(made_section(network, whole)) == ()


def test_published_values_are_said_to_be_of_more_images() -> None:
    published = published_rows("imagenet_val", "aaai21", ())
    section = made_section(made_row("a", "cam", [60.0, 40.0]), published=published)
    notes = section_notes(section)
    assert "Published values are of the whole dataset, measured ones of 2 images." in notes
    assert not any("measured ones" in note for note in section_notes(replace(section, rows=())))


def test_published_copy_is_pointed_out_beside_measured_rows_too() -> None:
    coco = published_rows("coco_val2014", "aaai21", ())
    row = made_row("a", "cam", [60.0, 40.0])
    scores = {
        metric: replace(score, mark=coco[0].mark, source=coco[0].source)
        for metric, score in row.scores.items()
    }
    for section in (made_section(row, published=coco), made_section(replace(row, scores=scores))):
        assert any("no reference for COCO" in note for note in section_notes(section))


@pytest.mark.parametrize(
    ("facts", "options", "title"),
    [
        ({"dataset": {"label": "Own Data"}}, {}, "Own Data"),
        ({"dataset": {"label": "Own Data"}}, {"split": "val"}, "Own Data val"),
        ({}, {"split": "val"}, "own_data val"),
        (None, {}, "own_data"),
        ({"dataset": {"label": 3}}, {}, "own_data"),
    ],
)
def test_datasets_are_named_as_people_do_where_the_manifest_says_how(facts, options, title) -> None:
    summary = pd.DataFrame({"dataset": ["own_data"]})
    run = ResultFolder(Path("nowhere"), summary, {"facts": facts, "dataset": {"options": options}})
    assert dataset_title(run) == title


def test_what_happened_to_pictures_stands_below_the_table() -> None:
    manifest = {"skipped": [{"image_id": "a"}], "notes": {"converted to RGB": 2}}
    notes = section_notes(made_section(made_row("a", "cam", [60.0, 40.0], manifest=manifest)))
    assert notes == (
        "Skipped, as they could not be used: 1 picture; run.json says why.",
        "2 pictures: converted to RGB.",
    )


RATIO = Column("drift", "Drift", "query_mean", higher_is_better=False, unit="ratio", needs_network=True)
SHAPE = Column("shape", "Shape", "query_mean", ranked=False, unit="none")


def with_metrics(row: BoardRow, **values: list[float]) -> BoardRow:
    """Add metrics with their values per query."""
    found = {metric: np.array(one, dtype=np.float32) for metric, one in values.items()}
    scores = {metric: Score(float(one.mean()), 0.0, 0.5) for metric, one in found.items()}
    return replace(row, values={**row.values, **found}, scores={**row.scores, **scores})  # noqa: PD011


def test_cells_tell_the_median_and_why_they_are_empty() -> None:
    network = with_metrics(made_row("a", "cam", [60.0, 40.0, 20.0]), drift=[0.1, 0.1, 1.0])
    reference = made_row("none", "center", [60.0, 40.0, 20.0])
    section = made_section(network, reference)
    first, second = section_view(replace(section, columns=(*section.columns, RATIO))).rows
    assert (first.cells[-1].value, first.cells[-1].interval) == ("0.400", "0.000\N{EN DASH}0.500")
    assert first.cells[-1].spread == "median 0.100, middle half 0.100 to 0.550"
    assert first.cells[1].spread == ""  # a hit or a miss has no median worth telling
    assert second.cells[-1].spread == "it asks the network: a map without one has no value"


def test_nothing_wins_where_no_value_is_better() -> None:
    rows = [with_metrics(made_row(name, "cam", [60.0, 40.0]), shape=[0.1, 0.3]) for name in ("a", "b")]
    section = made_section(*rows)
    section = replace(section, columns=(*section.columns, SHAPE))
    assert [winner.metric for winner in winners(section)] == [
        "Pointing game",
        "Content heatmap",
        "Top-1 accuracy",
    ]
    assert section_facts(section)[-1] == "sorted by CH"


def certainties(*rows: BoardRow) -> list[str]:
    """What is said of the winners of PG, CH and Top-1 among ranked rows."""
    return [winner.certainty for winner in winners(_ranked(made_section(*rows)))]


def test_why_a_row_is_not_ranked_is_said_as_it_is() -> None:
    one = made_row("a", "cam", [60.0, 40.0])
    lone = "not ranked: there is no other row to compare it with"
    assert certainties(one) == [lone, lone, "the only checkpoint"]
    assert certainties(replace(one, values={}, note=OTHER_QUERIES))[0] == (
        "not ranked: measured on other queries than most rows"
    )
    assert certainties(replace(one, values={}, note="as its summary says"))[0] == "not ranked: no records"
    assert certainties(with_metrics(replace(one, values={}), drift=[1.0, 2.0]))[0] == (
        "not ranked: it has no value per query"
    )


def test_references_that_score_more_are_said_to_take_no_place() -> None:
    high, low = ([value + place % 3 for place in range(30)] for value in (80.0, 20.0))
    rows = made_row("a", "cam", high, accuracy=90.0), made_row("b", "cam", low)
    ahead = "ahead of every other ranked row"
    assert certainties(*rows) == [ahead, ahead, "no interval overlaps"]
    center = made_row("none", "center", [99.0] * 30)
    assert certainties(*rows, center)[1] == f"{ahead}; references take no place"


def test_sentences_that_begin_with_a_name_leave_it_as_it_is() -> None:
    manifest = {"checkpoints": [{"name": "my-network"}], "remarks": {"my-network": ["read elsewhere"]}}
    row = made_row("my-network", "cam", [60.0, 40.0], manifest=manifest)
    assert section_notes(made_section(row)) == ("my-network: read elsewhere.",)


def test_a_row_on_other_queries_is_no_summary() -> None:
    row = made_row("a", "cam", [60.0, 40.0])
    for note, kind in ((OTHER_QUERIES, "measured"), (SUMMARY_ONLY, "summary")):
        (view,) = section_view(made_section(replace(row, values={}, note=note))).rows
        assert view.kind == kind
