"""What a run costs is said before it starts; how far a costly method has come, while it works."""

from __future__ import annotations

import os
import re
import time
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from PIL import Image
from tiny_suite import TinySuite
from typer.testing import CliRunner

from raybench.attributions import shown_by
from raybench.attributions.asking.copies.chunks import in_chunks
from raybench.attributions.progress import working
from raybench.base import worded_time
from raybench.benchmark.running.forecast import planned
from raybench.benchmark.running.machine import timing
from raybench.benchmark.running.plan import Plan
from raybench.benchmark.running.progress import SilentReporter
from raybench.benchmark.running.run import evaluate
from raybench.benchmark.suite.settings import Settings
from raybench.commands.progress import ProgressReporter

RISE = {"name": "rise", "masks": 30, "cells": 4}
PATHS = {"name": "integrated_gradients", "steps": 3}


def settings(tiny: TinySuite, **changes: object) -> Settings:
    return Settings(data={"shapes": tiny.data}, out=tiny.folder / "out", workers=0, limit=4, **changes)


def test_a_plan_says_what_each_method_asks_of_the_networks(tiny: TinySuite) -> None:
    suite = tiny.with_suite(attributions=["center", "grad_cam", RISE, PATHS])
    lines = planned(suite, settings(tiny))
    methods = {line.split(" ")[1].rstrip(":"): line for line in lines if line.startswith("method ")}
    assert methods["center"] == "method center: no network"
    # 4 images, 2 checkpoints
    assert methods["grad_cam"].endswith(
        ": 1 forward pass per image, 1 backward pass per class of an image; "
        "in all at least 8 forwards and 8 backwards"
    )
    assert methods["rise"] == (
        "method rise (cells = 4, masks = 30): 30 forward passes per image (option masks); "
        "in all at least 240 forwards and 0 backwards"
    )
    assert methods["integrated_gradients"].endswith(
        "3 forward passes per image, 3 backward passes per class of an image (option steps); "
        "in all at least 24 forwards and 24 backwards"
    )
    assert not (tiny.folder / "out").exists()


def test_methods_that_ask_once_per_channel_count_those_of_each_network(tiny: TinySuite) -> None:
    suite = tiny.with_suite(attributions=["score_cam", {"name": "ablation_cam", "layer": "layer1"}])
    words = [
        line.partition("; ")[2]
        for line in planned(suite, settings(tiny, checkpoints=["shapes-baseline"]))
        if "channel of the layer" in line
    ]
    assert words == [  # 4 images
        "in all at least 384 forwards and 0 backwards (channels: shapes-baseline 96)",
        "in all at least 64 forwards and 0 backwards (channels: shapes-baseline 16)",
    ]


def test_a_plan_says_what_each_metric_asks_again(tiny: TinySuite) -> None:
    metrics = ["content_heatmap", {"name": "deletion", "steps": 6}, {"name": "max_sensitivity", "draws": 2}]
    suite = tiny.with_suite(attributions=["center", "grad_cam", "gradient"], metrics=metrics)
    said = [line for line in planned(suite, settings(tiny)) if line.startswith(("metric ", "metrics that"))]
    # 3 methods of 2 checkpoints on 4 images; the network is asked about `center` too
    assert said == [
        "metric deletion (steps = 6): 5 forward passes per map, 2 forward passes per image; "
        "in all at least 136 forwards",
        "metric max_sensitivity (draws = 2): 2 more maps per map; in all at least 48 maps",
        "metrics that ask, per 1,000 maps of one method: at most 7,000 forwards and 2,000 more maps",
    ]


def test_a_run_says_beforehand_which_methods_cost_much(tiny: TinySuite) -> None:
    said = []

    class Listener(SilentReporter):
        def say(self, message: str) -> None:
            said.append(message)

    suite = tiny.with_suite(attributions=["grad_cam", RISE])
    evaluate(suite, settings(tiny, checkpoints=[str(tiny.folder / "first.yaml")]), reporter=Listener())
    assert said == [
        "rise: 30 forward passes per image (option masks); in all at least 120 forwards and 0 backwards"
    ]


def test_a_dry_run_prints_the_plan_and_measures_nothing(tiny: TinySuite) -> None:
    from raybench.commands import app

    words = ["run", str(tiny.suite), "--data", f"shapes={tiny.data}", "--out", str(tiny.folder / "out")]
    result = CliRunner().invoke(app, [*words, "--dry-run"])
    assert result.exit_code == 0, result.output
    assert "method gradient: 1 forward pass per image" in result.stdout
    assert "weights: all 2 files are here" in result.stdout
    assert re.search(r"^disk: about 0\.\d MB, for \d+ rows of records", result.stdout, flags=re.MULTILINE)
    assert not (tiny.folder / "out").exists()


def test_work_is_shown_step_by_step_in_the_process_that_watches(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []

    @contextmanager
    def bar(total, label):
        seen.append((total, label))
        yield seen.append

    def work():
        return list(in_chunks(5, torch.device("cpu"), {"cpu": 2}, list, "masks"))

    with shown_by(bar):
        work()
        monkeypatch.setattr(os, "getpid", lambda: -1)  # as in a process that was forked
        work()
    work()
    assert seen == [(5, "masks"), 2, 2, 1]


def test_the_terminal_shows_passes_below_the_images() -> None:
    reporter = ProgressReporter()
    reporter.start("resnet18", 3, 0)
    assert reporter._progress is not None
    with shown_by(reporter.working), working(40, "rise") as step:
        step(10)
        step(5)
        image, passes = reporter._progress.tasks
        assert (image.total, passes.total, passes.completed, passes.fields["unit"]) == (3, 40, 15, "passes")
    assert len(reporter._progress.tasks) == 1
    reporter.finish()
    with shown_by(reporter.working), working(2, "few") as step:
        step(1)


def test_time_is_that_of_all_passes_in_the_networks_that_are_here(
    tiny: TinySuite, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(timing, "timed", lambda network, pixels: (1.0, 200.0))
    suite = tiny.with_suite(attributions=["center", "grad_cam", RISE], metrics=["content_heatmap"])
    said = planned(suite, settings(tiny, checkpoints=["shapes-baseline", "shapes-gmp"]))[-3:]
    plan = Plan.make(suite, settings(tiny), SilentReporter())
    queries = sum(len(plan.dataset[index].queries) for index in plan.indices)
    # of each of 4 images a pass for its scores, one of Grad-CAM and 30 masks; one back for each query
    minutes = round((4 * 32 + 200 * queries) / 60)
    assert [line.partition(": ")[2].partition(",")[0] for line in said[:2]] == [f"about {minutes} min"] * 2
    assert said[2].startswith(
        f"time in all: about {worded_time(2 * (4 * 32 + 200 * queries))} on this machine"
    )


def test_a_time_that_is_not_known_is_said_with_the_reason(
    tiny: TinySuite, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("RAYBENCH_CACHE", str(tmp_path))
    monkeypatch.setattr(timing, "timed", lambda network, pixels: (1.0, 2.0))
    lost = tmp_path / "lost.yaml"
    lost.write_text(
        f"name: lost\narchitecture: resnet18\nclasses: {tiny.data / 'classes.txt'}\n"
        "weights: {url: 'https://example.org/lost.pth'}\n"
    )
    said = planned(tiny.suite, settings(tiny, checkpoints=[str(lost), "shapes-baseline"]))
    assert "time: not known of lost, whose weights are not here" in said
    assert said[-1].startswith("time in all of the others: about")
    said = planned(tiny.suite, settings(tiny, checkpoints=[str(lost)]))
    assert said[-1] == "time: not known of lost, whose weights are not here"
    sample = SimpleNamespace(queries=[0], image=Image.new("RGB", (32, 32)))
    monkeypatch.setattr(timing, "_first_samples", lambda plan: [sample])
    said = planned(tiny.suite, settings(tiny, checkpoints=["shapes-baseline"]))
    assert "weights: the file is here" in said
    assert said[-1].endswith("at 1 class an image, as in the first")
    monkeypatch.setattr(timing, "_first_samples", lambda plan: [])
    said = planned(tiny.suite, settings(tiny, checkpoints=["shapes-baseline"]))
    assert said[-1] == "time: not known, for none of the first pictures can be read"


def test_a_pass_that_is_slept_through_is_timed(tiny: TinySuite) -> None:
    module = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(12, 2))
    module.register_forward_hook(lambda *call: time.sleep(0.05))
    forward, backward = timing.timed(SimpleNamespace(module=module), torch.zeros(1, 3, 2, 2))
    assert forward >= 0.05
    assert backward < forward
