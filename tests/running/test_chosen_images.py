"""Only chosen images are measured, to the same rows that a whole run gives them."""

from __future__ import annotations

import pandas as pd
import pytest
from tiny_suite import TinySuite, manifest_of

from raybench.base import RaybenchError
from raybench.benchmark.datasets import open_dataset
from raybench.benchmark.running.run import evaluate
from raybench.benchmark.suite import PROTOCOLS, Settings


@pytest.fixture
def ids(tiny: TinySuite) -> tuple[str, ...]:
    return tuple(open_dataset("shapes", {"shapes": tiny.data}, PROTOCOLS["aaai21"], {}).image_ids)


def test_chosen_images_get_the_rows_of_a_whole_run(tiny: TinySuite, ids: tuple[str, ...]) -> None:
    data, chosen = {"shapes": tiny.data}, (ids[7], ids[2])
    whole = evaluate(tiny.suite, Settings(data=data, out=tiny.folder / "whole", processes=1))
    part = evaluate(
        tiny.suite,
        Settings(data=data, out=tiny.folder / "part", processes=1),
        only=dict.fromkeys(chosen, ()),
    )
    for row in (("first", "grad_cam"), ("second", "gradient"), ("none", "random")):
        found, expected = part.records(*row), whole.records(*row)
        expected = expected[expected["image_id"].isin(chosen)].reset_index(drop=True)
        pd.testing.assert_frame_equal(found, expected)
    assert part.manifest["dataset"] == whole.manifest["dataset"]
    assert not list((tiny.folder / "part").rglob("gallery"))


def test_maps_of_chosen_classes_alone_are_kept(tiny: TinySuite, ids: tuple[str, ...]) -> None:
    settings = Settings(data={"shapes": tiny.data}, out=tiny.folder / "out", processes=1)
    suite = tiny.with_suite(checkpoints=["first.yaml"], attributions=["grad_cam"])
    held = evaluate(suite, settings, only=dict.fromkeys(ids[:2], ())).records("first", "grad_cam")
    class_index = int(held["class_index"][0])
    fresh = Settings(data={"shapes": tiny.data}, out=tiny.folder / "kept", processes=1)
    evaluate(suite, fresh, only={ids[0]: (class_index,), ids[1]: ()})
    kept = [path.name for path in (tiny.folder / "kept" / "first" / "grad_cam" / "gallery").iterdir()]
    assert kept == [f"{ids[0]}-{class_index}.png"]
    pictures = {path.name for path in (tiny.folder / "kept" / "gallery" / ids[0]).iterdir()}
    assert pictures == {"picture.jpg", f"region-{class_index}.png"}
    assert not (tiny.folder / "kept" / "gallery" / ids[1]).exists()


def test_image_that_is_not_there_is_named(tiny: TinySuite) -> None:
    settings = Settings(data={"shapes": tiny.data}, out=tiny.folder / "out")
    with pytest.raises(RaybenchError, match="dataset 'shapes' has no image 'nowhere'"):
        evaluate(tiny.suite, settings, only={"nowhere": ()})


def test_a_limit_draws_by_the_suites_seed_and_a_higher_one_adds_to_it(tiny: TinySuite) -> None:
    def measured(out: str, limit: int, seed: int) -> list[str]:
        suite = tiny.with_suite(
            checkpoints=None, attributions=["center"], metrics=["content_heatmap"], seed=seed
        )
        given = {"data": {"shapes": tiny.data}, "out": tiny.folder / out, "workers": 0, "processes": 1}
        evaluate(suite, Settings(**given, limit=limit, fresh=True))
        assert manifest_of(tiny.folder / out)["sample"] == f"drawn by seed {seed}"
        rows = (tiny.folder / out / "none/center/records.csv").read_text().splitlines()[1:]
        return list(dict.fromkeys(row.split(",")[0] for row in rows))

    few, more, other = measured("few", 3, 0), measured("more", 6, 0), measured("other", 6, 1)
    assert (len(few), len(more), len(other)) == (3, 6, 6)
    assert set(few) < set(more)
    assert more != other
    assert more != sorted(path.stem for path in tiny.data.rglob("*.xml"))[:6]
