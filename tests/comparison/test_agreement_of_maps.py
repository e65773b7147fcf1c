"""Agreement of maps: SciPy's rank correlation, scikit-image's SSIM, and what a run keeps."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy import stats
from skimage.metrics import structural_similarity
from tiny_suite import TinySuite
from typer.testing import CliRunner

from raybench.base import RaybenchError
from raybench.benchmark.comparison.agreement import MapAgreement, _Look, compare_maps
from raybench.benchmark.running import evaluate
from raybench.benchmark.suite import Settings
from raybench.commands import app


def test_measures_are_those_of_scipy_and_scikit_image() -> None:
    generator = np.random.default_rng(0)
    maps = [np.round(generator.random((56, 56)).cumsum(axis=at), 1) for at in (0, 1)]
    one, other = map(_Look.of, maps)
    correlation, similarity, overlap = one.alike(other)
    assert correlation == pytest.approx(stats.spearmanr(*map(np.ravel, maps)).statistic, abs=1e-12)
    scaled = [heat / heat.max() for heat in maps]
    assert similarity == pytest.approx(structural_similarity(*scaled, data_range=1, win_size=7), abs=1e-9)
    assert 0 <= overlap < 1
    assert one.alike(one) == pytest.approx((1, 1, 1))
    # 56 pixels, and 101 of the 3,080 others in equal parts, of which the other map has 157 in equal parts
    assert _Look.of(np.eye(56)).alike(_Look.of(1 - np.eye(56)))[2] == pytest.approx(101 / 157)


def test_intervals_have_images_as_units() -> None:
    values = np.array([0.1, 0.3, 0.5, 0.6])
    alike = np.ones((2, 2, 4))
    alike[0, 1] = alike[1, 0] = values
    found = MapAgreement(("a", "b"), (("x", 0), ("x", 1), ("y", 0), ("z", 0)), {"spearman": alike})
    low, high = found.interval("spearman")
    expected = stats.t.interval(
        0.95, 2, *(lambda one: (one.mean(), stats.sem(one)))(np.array([0.2, 0.5, 0.6]))
    )
    assert (low[0, 1], high[0, 1]) == pytest.approx(expected)
    assert found.mean("spearman")[0, 1] == pytest.approx(values.mean())


def test_a_run_that_kept_maps_has_a_matrix_and_one_that_did_not_says_how(tiny: TinySuite) -> None:
    def run(name: str, **changes: object) -> Path:
        suite = tiny.with_suite(f"{name}.yaml", checkpoints=["first.yaml"], **changes)
        given = {"data": {"shapes": tiny.data}, "workers": 0, "processes": 1}
        evaluate(suite, Settings(out=tiny.folder / name, **given))
        return tiny.folder / name

    out = run("kept", attributions=["gradient", "input_x_gradient", "sobel"], gallery=4)
    found = compare_maps(out)
    assert found.rows == ("gradient", "input_x_gradient", "sobel")
    assert len(found.queries) == 4
    assert found.mean("spearman")[0, 1] > found.mean("spearman")[0, 2]  # both read the same gradient
    words = ["compare", str(out), "--maps", "-o", str(tiny.folder / "a.png"), "--format", "csv"]
    printed = CliRunner().invoke(app, words)
    assert printed.stdout.count("\n") == 1 + 3 * 3
    assert (tiny.folder / "a.png").is_file()
    with pytest.raises(RaybenchError, match="`gallery: 200` in its suite"):
        compare_maps(run("bare", attributions=["gradient", "sobel"], gallery=0))
