"""Intervals of honest summaries pass, whatever the data; made-up ones do not."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from raybench.base.errors import RaybenchError
from raybench.benchmark.metrics import METRICS
from raybench.benchmark.results.summary import summarise_records
from raybench.benchmark.results.verification.interval_checks import check_interval, standard_error

METRIC = "content_heatmap"


def made_up_records(kind: str, seed: int) -> pd.DataFrame:
    generator = np.random.default_rng(seed)
    images = np.repeat(np.arange(60), generator.integers(1, 4, size=60))
    values = {
        "spread": generator.uniform(0, 100, len(images)),
        "hits": 100.0 * (generator.random(len(images)) < 0.5),
        "few misses": 100.0 * (np.arange(len(images)) > 1),
        "one image alike": generator.uniform(0, 100, 60)[images],
        "equal": np.full(len(images), 40.0),
    }[kind]
    classes = np.arange(len(images)) % 5
    return pd.DataFrame(
        {
            "image_id": [f"{number:03d}" for number in images],
            "class_index": classes,
            "status": "ok",
            METRIC: values,
            "pointing_game": values,
        }
    )


@pytest.mark.parametrize("kind", ["spread", "hits", "few misses", "one image alike", "equal"])
@pytest.mark.parametrize("seed", range(5))
def test_intervals_of_the_bootstrap_pass_and_others_do_not(kind: str, seed: int) -> None:
    frame = made_up_records(kind, seed)
    images = frame["image_id"].to_numpy(dtype=np.str_)
    for row in summarise_records(frame, [METRICS.get(METRIC), METRICS.get("pointing_game")], seed=seed):
        mean_of_classes = row.aggregate == "class_mean"
        classes = frame["class_index"].to_numpy() * int(mean_of_classes)
        facts = (frame[row.metric].to_numpy(np.float64), classes, images)
        check_interval(row.metric, row.ci_low, row.ci_high, *facts)
        check_interval(row.metric, np.nan, np.nan, *facts)
        width = row.ci_high - row.ci_low
        forged = {
            "wide": (row.ci_low - width - 1, row.ci_high + width + 1),
            "beside": (row.value + 0.01, row.value + 0.01 + width),
        }
        if width:
            forged["narrow"] = (row.value - width / 10, row.value + width / 10)
        for low, high in forged.values():
            with pytest.raises(RaybenchError, match="but the records spread to about"):
                check_interval(row.metric, low, high, *facts)


def test_few_images_are_not_judged() -> None:
    check_interval("x", 0, 1, np.arange(29.0), np.zeros(29, dtype=np.int64), np.arange(29).astype(str))


def test_standard_error_is_that_of_a_mean() -> None:
    values = np.random.default_rng(0).normal(50, 10, 400)
    found = standard_error(values, np.zeros(400, dtype=np.int64), np.arange(400))
    assert found == pytest.approx(stats.sem(values, ddof=0))
