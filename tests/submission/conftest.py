"""One real run on generated pictures, its bundle, and a run whose checkpoints do not ship."""

from __future__ import annotations

from pathlib import Path

import pytest

from raybench.benchmark.running.run import evaluate
from raybench.benchmark.submission import submit
from raybench.benchmark.suite.settings import Settings
from raybench.benchmark.suite.suite import Suite


@pytest.fixture(scope="session")
def run_folder(tmp_path_factory: pytest.TempPathFactory, tiny_data: Path) -> Path:
    """The result folder of two shipped checkpoints, two methods that need a network and four that do not."""
    out = tmp_path_factory.mktemp("alices-home") / "out"
    suite = Suite(
        name="tiny",
        description="two checkpoints on twelve pictures",
        protocol={
            "name": "aaai21-clamped",
            "short_side": 64,
            "crop_resize": 64,
            "crop": 64,
            "tolerance_px": 5,
        },
        dataset="shapes",
        checkpoints=["shapes-baseline", "shapes-gmp"],
        attributions=["grad_cam", "gradient", "center", "random", "uniform", "box_oracle"],
        metrics=["top1_accuracy", "pointing_game", "stochastic_pointing_game", "content_heatmap"],
        gallery=1,
    )
    evaluate(suite, Settings(data={"shapes": tiny_data}, out=out, workers=0))
    return out


@pytest.fixture(scope="session")
def bundle(run_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The bundle of `run_folder`."""
    path = tmp_path_factory.mktemp("bundle") / "tiny.zip"
    report = submit(run_folder, path)
    assert not report.problems
    return path
