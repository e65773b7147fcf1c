"""`--fast`: which options are kept, and that the run says what was tried."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import pytest
from tiny_suite import TinySuite

from raybench.base.errors import RaybenchError
from raybench.benchmark.running.fast import choose_fast
from raybench.benchmark.running.progress import SilentReporter
from raybench.benchmark.running.run import evaluate
from raybench.benchmark.suite.settings import Settings
from raybench.benchmark.suite.suite import Suite, load_suite

SUITE = Suite(name="made", protocol="aaai21", dataset="shapes", checkpoints=["a"], metrics=["pointing_game"])


@dataclass
class Made:
    """Results as `evaluate` returns them."""

    manifest: dict[str, object]
    summary: pd.DataFrame


class MadeRuns:
    """Answers each trial with a speed and a value that depend on the options alone."""

    def __init__(self, speed: dict[str, float], moved: dict[str, float]) -> None:
        self.speed, self.moved = speed, moved
        self.tried: list[dict[str, object]] = []

    def __call__(self, suite: object, settings: Settings) -> Made:
        self.tried.append(dict(settings.protocol))
        speed, value = 10.0, 50.0
        for key in settings.protocol:
            speed *= self.speed[key]
            value += self.moved[key]
        row = {"checkpoint": "a", "attribution": "grad_cam", "metric": "pointing_game"}
        summary = pd.DataFrame([{**row, "aggregate": "query_mean", "value": value}])
        return Made({"images_per_second": speed, "checkpoints": ["a"]}, summary)


@pytest.mark.parametrize(
    ("speed", "moved", "kept"),
    [
        ({"resize": 1.5, "precision": 2.0}, {"resize": 0.05, "precision": -0.04}, {"resize", "precision"}),
        ({"resize": 1.5, "precision": 2.0}, {"resize": 0.05, "precision": 0.06}, {"resize"}),
        ({"resize": 1.5, "precision": 2.0}, {"resize": 0.11, "precision": 0.0}, {"precision"}),
        ({"resize": 1.02, "precision": 0.5}, {"resize": 0.0, "precision": 0.0}, set()),
    ],
)
def test_options_that_pay_and_move_nothing_by_a_tenth_of_a_point_are_kept(
    tmp_path: Path, speed: dict[str, float], moved: dict[str, float], kept: set[str]
) -> None:
    runs = MadeRuns(speed, moved)
    settings = Settings(out=tmp_path / "out", device="cpu", fast=True)
    chosen = choose_fast(SUITE, settings, runs, SilentReporter())
    assert chosen.protocol.keys() == kept
    assert not chosen.fast
    assert [entry["used"] for entry in chosen.fast_report] == ["resize" in kept, "precision" in kept]
    assert list((tmp_path / "out").iterdir()) == []


def test_a_value_that_only_one_of_the_runs_has_is_a_difference(tmp_path: Path) -> None:
    def evaluate_with_gap(suite: object, settings: Settings) -> Made:
        value = float("nan") if settings.protocol else 50.0
        row = {"checkpoint": "a", "attribution": "b", "metric": "c", "aggregate": "d", "value": value}
        return Made(
            {"images_per_second": 20.0 if settings.protocol else 10.0, "checkpoints": ["a"]},
            pd.DataFrame([row]),
        )

    settings = Settings(out=tmp_path / "out", device="cpu", fast=True)
    assert choose_fast(SUITE, settings, evaluate_with_gap, SilentReporter()).protocol == {}


def test_an_option_that_fails_is_reported_and_left_out(tmp_path: Path) -> None:
    def fail_in_bfloat16(suite: object, settings: Settings) -> Made:
        if settings.protocol.get("precision") == "bfloat16":
            raise RuntimeError("not implemented for 'BFloat16'\nsome trace")
        row = {"checkpoint": "a", "attribution": "b", "metric": "c", "aggregate": "d", "value": 1.0}
        return Made(
            {"images_per_second": 20.0 if settings.protocol else 10.0, "checkpoints": ["a"]},
            pd.DataFrame([row]),
        )

    settings = Settings(out=tmp_path / "out", device="cpu", fast=True)
    chosen = choose_fast(SUITE, settings, fail_in_bfloat16, SilentReporter())
    assert chosen.protocol == {"resize": "device"}
    assert chosen.fast_report[1]["used"] is False
    assert chosen.fast_report[1]["speed"] is None


def test_a_suite_without_checkpoints_is_refused(tiny: TinySuite) -> None:
    suite = tiny.with_suite(checkpoints=None, attributions=["center"], metrics=["pointing_game"])
    settings = Settings(data={"shapes": tiny.data}, out=tiny.folder / "out", device="cpu", fast=True)
    with pytest.raises(RaybenchError, match="there is no checkpoint, so there is nothing for --fast"):
        evaluate(suite, settings)


def test_fast_is_refused_under_torchrun(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    runs, settings = MadeRuns({}, {}), Settings(out=tmp_path, device="cpu", fast=True)
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(RaybenchError, match="without torchrun"):
        choose_fast(SUITE, settings, runs, SilentReporter())
    assert runs.tried == []


def test_run_says_what_was_tried_and_a_second_one_goes_on_with_it(tiny: TinySuite) -> None:
    settings = Settings(data={"shapes": tiny.data}, out=tiny.folder / "out", device="cpu", fast=True)
    manifest = evaluate(tiny.suite, settings).manifest
    report = manifest["compute"]["fast"]
    assert [entry["option"] for entry in report] == ["resize by torch", "bfloat16"]
    used = {"resize": "device"} if report[0]["used"] else {}
    used |= {"precision": "bfloat16"} if report[1]["used"] else {}
    plain = load_suite(tiny.suite)[0].bound_protocol()
    assert manifest["protocol"]["fields"] == {**plain.fields, **used}
    again = evaluate(tiny.suite, settings).manifest
    assert again["protocol"] == manifest["protocol"]
    assert again["compute"] == manifest["compute"]
    assert again["measured_images"] == 0
