"""Grids of pictures: which pictures, where they lie, and what maps score on them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import PIL.Image
import pytest

from raybench.base import Box, RaybenchError, Size
from raybench.benchmark.datasets import DATASETS, BoxRegion, Dataset, UnreadableImageError, write_shapes
from raybench.benchmark.running import evaluate
from raybench.benchmark.suite import PROTOCOLS, Settings, Suite

AAAI21 = PROTOCOLS["aaai21-clamped"]


@pytest.fixture(scope="module")
def scenes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Forty generated scenes of twelve classes."""
    folder = tmp_path_factory.mktemp("scenes")
    write_shapes(folder, images=40, seed=3)
    return folder


def grids(folder: Path, **options: object) -> Dataset:
    return DATASETS.get("grid").open(folder, AAAI21, options={"of": "shapes", "cell": 32, **options})


def test_each_cell_holds_the_squashed_picture_of_its_class(scenes: Path) -> None:
    dataset = grids(scenes, n=2, count=5)
    source = {sample.image_id: sample for sample in DATASETS.get("shapes").open(scenes, AAAI21)}
    for index, sample in enumerate(dataset):
        assert sample.image_id == f"grid2-{index:05d}"
        assert sample.size == Size(64, 64)
        assert len(set(sample.targets)) == 4
        assert sample.targets == tuple(sorted(sample.targets))
        for query in sample.queries:
            assert isinstance(query.region, BoxRegion)
            (box,) = query.region.boxes
            assert (box.x1 - box.x0, box.y1 - box.y0) == (31, 31)
            cell = np.asarray(sample.image.crop((box.x0, box.y0, box.x1 + 1, box.y1 + 1)))
            candidates = [
                np.asarray(one.image.resize((32, 32), PIL.Image.Resampling.BILINEAR))
                for one in source.values()
                if one.targets == (query.class_index,)
            ]
            assert any(np.array_equal(cell, candidate) for candidate in candidates)


def test_cells_of_a_grid_cover_it_once(scenes: Path) -> None:
    sample = grids(scenes, n=3, count=1)[0]
    total = sum(query.region.mask().astype(int) for query in sample.queries)
    assert (total == 1).all()
    assert {query.region.boxes[0] for query in sample.queries} >= {Box(0, 0, 31, 31), Box(64, 32, 95, 63)}


def test_a_grid_is_the_same_whatever_the_count_and_another_by_another_seed(scenes: Path) -> None:
    few, many = grids(scenes, count=3), grids(scenes, count=20)
    assert [few.cells(index) for index in range(3)] == [many.cells(index) for index in range(3)]
    assert len({many.cells(index) for index in range(20)}) == 20
    other = grids(scenes, count=3, seed=1)
    assert other.cells(0) != few.cells(0)
    assert len({few.fingerprint(), many.fingerprint(), other.fingerprint()}) == 3
    assert few.fingerprint() == grids(scenes, count=3).fingerprint()


def test_uniform_and_perfect_maps_score_what_the_definition_says(scenes: Path, tmp_path: Path) -> None:
    suite = Suite(
        name="grids",
        protocol={"name": "aaai21-clamped", "short_side": 96},
        dataset={"name": "grid", "of": "shapes", "n": 3, "count": 4, "cell": 32},
        attributions=["uniform", "box_oracle"],
        metrics=["content_heatmap"],
    )
    results = evaluate(suite, Settings(out=tmp_path / "out", data={"shapes": scenes}))
    summary: pd.DataFrame = results.summary
    values = summary[summary["aggregate"] == "query_mean"].set_index("attribution")["value"]
    assert values["uniform"] == pytest.approx(100 / 9, rel=1e-6)
    assert values["box_oracle"] == pytest.approx(100, rel=1e-6)
    assert set(summary["n"]) == {36}


def test_a_picture_that_does_not_decode_spoils_its_grids_alone(scenes: Path, tmp_path: Path) -> None:
    write_shapes(tmp_path / "set", images=40, seed=3)
    before = grids(tmp_path / "set", n=2, count=30)
    broken = before.cells(0)[0][0]
    path = Path(before.source.path_of(broken))
    path.write_bytes(path.read_bytes()[:200])
    after = grids(tmp_path / "set", n=2, count=30)
    for index in range(30):
        assert after.cells(index) == before.cells(index)
        if broken in [position for position, _ in before.cells(index)]:
            with pytest.raises(UnreadableImageError, match=path.name):
                after[index]
        else:
            after[index]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"n": 1}, "option 'n' of dataset 'grid' is 1; expected 2 to 10"),
        ({"n": 4}, "needs pictures of 16 classes, but dataset 'shapes' holds 12; choose a smaller n"),
        ({"count": 0}, "option 'count' .* is 0; expected 1 to"),
        ({"n": "3"}, "option 'n' of dataset 'grid' is '3'; expected a int"),
        ({"of": None}, "is made of another one: name it by `of`"),
        ({"of": "grid"}, "cannot be made of 'grid', which is composed itself"),
        ({"of": "imagnet"}, "unknown dataset 'imagnet'; did you mean 'imagenet'"),
        ({"of": "shapes_coco"}, "cannot be made of 'shapes_coco', which has several classes per picture"),
        ({"split": "test"}, "test"),
    ],
)
def test_what_cannot_be_composed_is_refused(scenes: Path, options: dict[str, object], message: str) -> None:
    with pytest.raises(RaybenchError, match=message):
        grids(scenes, **options)
