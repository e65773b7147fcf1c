"""The difficult subset: by hand, and in the lists that TorchRay ships."""

from __future__ import annotations

import csv
import importlib.util
import os
from pathlib import Path

import pandas as pd
import pytest
from tiny_suite import TinySuite

from raybench.base import Box, Size
from raybench.benchmark.datasets import BoxRegion, Query, open_dataset, subsets
from raybench.benchmark.datasets.subsets import with_difficult
from raybench.benchmark.running import evaluate
from raybench.benchmark.suite import PROTOCOLS, Settings
from raybench.benchmark.tables import comparison_table


def query(class_index: int, *boxes: Box) -> Query:
    return Query(class_index, BoxRegion(Size(10, 10), boxes))


SMALL, QUARTER = Box(0, 0, 4, 3), Box(5, 5, 9, 9)


@pytest.mark.parametrize(
    ("queries", "clear", "expected"),
    [
        ([query(0, SMALL)], [0], [False]),
        ([query(0, SMALL), query(1, QUARTER)], [0, 1], [True, False]),
        ([query(0, SMALL), query(1, QUARTER)], [0], [False, False]),
        ([query(0, SMALL, Box(2, 2, 5, 5)), query(1, SMALL)], [0, 1], [False, True]),
    ],
    ids=["alone", "a quarter is not small", "beside one called difficult", "boxes count together"],
)
def test_small_objects_beside_another_class(
    queries: list[Query], clear: list[int], expected: list[bool]
) -> None:
    found = with_difficult(queries, clear)
    assert ["difficult" in one.subsets for one in found] == expected


def test_queries_of_coco_are_those_of_torchrays_list() -> None:
    root, package = os.environ.get("RAYBENCH_DATA"), importlib.util.find_spec("torchray")
    if not root or package is None or package.origin is None:
        pytest.skip("needs RAYBENCH_DATA and the extra torchray")
    path = Path(package.origin).parent / "benchmark/pointing_game_ebp_coco_difficult.txt"
    rows = csv.reader(path.read_text().splitlines(), delimiter="\t")
    flags = {Path(name).stem: values for name, *values in rows}
    dataset, seen = open_dataset("coco", {"coco": Path(root) / "coco"}, PROTOCOLS["iccv19"], {}), 0
    for sample in dataset:
        for one in sample.queries if sample.image_id in flags else ():
            assert ("difficult" in one.subsets) == (flags[sample.image_id][one.class_index] == "1")
            seen += 1
    assert seen == 409


def test_a_run_reports_the_subset_beside_the_whole(tiny: TinySuite, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subsets, "_SMALL", 0.02)  # all shapes are smaller than a quarter of their picture
    suite = tiny.with_suite(
        dataset="shapes_coco",
        checkpoints=None,
        attributions=["center", "box_oracle"],
        metrics=["content_heatmap", "pxap"],
    )
    out = tiny.folder / "out"
    evaluate(suite, Settings(data={"shapes": tiny.data}, out=out, workers=0, processes=1, limit=5))
    evaluate(suite, Settings(data={"shapes": tiny.data}, out=out, workers=0, processes=1))
    sorted_ = pd.read_csv(out / "subsets.csv", dtype={"image_id": str}, keep_default_na=False)
    records = pd.read_csv(out / "none/center/records.csv", dtype={"image_id": str})
    assert len(sorted_) == len(records)
    merged = records.merge(sorted_, on=["image_id", "class_index"])
    difficult = merged[merged["subsets"] == "difficult"]
    assert 0 < len(difficult) < len(records)
    table = comparison_table([out], subset="difficult")
    assert table.title.startswith("shapes")
    assert "difficult queries" in table.title
    assert [row.queries for row in table.rows] == [len(difficult)] * 2
    assert table.rows[0].cells[0].value == pytest.approx(difficult["content_heatmap"].mean())
    assert [cell.value for cell in table.rows[1].cells] == [100, pytest.approx(100)]
