"""Methods that draw random numbers, and a user's own functions from files, in a run."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
import torch
from tiny_suite import TinySuite, manifest_of, result_bytes

import raybench
from raybench.base.errors import RaybenchError
from raybench.benchmark.measuring import attribute
from raybench.benchmark.running.run import evaluate
from raybench.benchmark.suite.settings import Settings

METHOD = """
from raybench.attributions import gradient

def brightest(module, image, class_index):
    return image[0].amax(dim=0)

def as_gradient(network, images, image_index, class_index):
    return gradient(network, images, image_index, class_index)
"""


def settings(tiny: TinySuite, out: str, **changes: object) -> Settings:
    return Settings(
        **{"data": {"shapes": tiny.data}, "out": tiny.folder / out, "workers": 0, "limit": 4, **changes}
    )


@pytest.fixture
def own(tiny: TinySuite) -> Path:
    (tiny.folder / "mine.py").write_text(METHOD)
    return tiny.with_suite(attributions=["gradient", "mine.py:brightest", {"name": "mine.py:as_gradient"}])


def test_random_methods_write_the_same_bytes_for_any_division_of_the_work(tiny: TinySuite) -> None:
    method = {"name": "rise", "masks": 3, "cells": 4, "centred": True}
    suite = tiny.with_suite(attributions=[method])
    evaluate(suite, settings(tiny, "one", processes=1))
    evaluate(suite, settings(tiny, "two", processes=2))
    evaluate(suite, settings(tiny, "parts", limit=2))
    evaluate(suite, settings(tiny, "parts"))
    expected = result_bytes(tiny.folder / "one")
    assert expected == result_bytes(tiny.folder / "two") == result_bytes(tiny.folder / "parts")
    assert manifest_of(tiny.folder / "one")["attributions"] == [
        {
            "name": "rise",
            "method": "rise",
            "options": {"masks": 3, "cells": 4, "centred": True, "sign": "positive"},
        }
    ]
    evaluate(tiny.with_suite(attributions=[method], seed=1), settings(tiny, "seed"))
    assert result_bytes(tiny.folder / "seed")["first/rise/records.csv"] != expected["first/rise/records.csv"]


def test_methods_of_a_file_beside_the_suite_are_measured(tiny: TinySuite, own: Path) -> None:
    results = evaluate(own, settings(tiny, "out", trust_code=True))
    rows = result_bytes(results.out)
    assert rows["first/as_gradient/records.csv"] == rows["first/gradient/records.csv"]
    manifest = manifest_of(results.out)
    digest = hashlib.sha256(METHOD.encode()).hexdigest()
    assert manifest["code"] == {"mine.py:brightest": digest, "mine.py:as_gradient": digest}
    assert manifest["attributions"][1] == {
        "name": "brightest",
        "method": "mine.py:brightest",
        "options": {"sign": "positive"},
    }
    (tiny.folder / "mine.py").write_text(METHOD + "# changed\n")
    with pytest.raises(RaybenchError, match=r"SHA-256 of the file of mine.py:\w+ = .*, and this run has"):
        evaluate(own, settings(tiny, "out", trust_code=True, limit=5))


def test_code_of_files_runs_only_where_it_is_trusted(tiny: TinySuite, own: Path) -> None:
    with pytest.raises(RaybenchError, match="attribution 'mine.py:brightest' would run the code of"):
        evaluate(own, settings(tiny, "out"))


def test_the_command_line_names_methods_in_place_of_the_suites(
    tiny: TinySuite, own: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = tiny.folder / "here"
    here.mkdir()
    (here / "other.py").write_text(METHOD)
    monkeypatch.chdir(here)
    for name in ("other", "other.py"):
        with pytest.raises(RaybenchError, match="is a file; name a function in it too, as other.py:FUNCTION"):
            evaluate(tiny.suite, settings(tiny, "out", attributions=[name]))
    asked = settings(tiny, "out", trust_code=True, attributions=["other.py:brightest", "center"])
    results = evaluate(tiny.suite, asked)
    assert {path for path in result_bytes(results.out) if path.endswith("records.csv")} == {
        *("first/brightest/records.csv", "second/brightest/records.csv", "none/center/records.csv")
    }
    assert list(manifest_of(results.out)["code"]) == ["other.py:brightest"]


def test_metrics_of_a_file_are_measured(tiny: TinySuite) -> None:
    source = "def peak(batch):\n    return 100 * batch.saliency.flatten(1).amax(dim=1).double()\n"
    (tiny.folder / "mine.py").write_text(source)
    suite = tiny.with_suite(attributions=["center"], metrics=["pointing_game", "mine.py:peak"])
    results = evaluate(suite, settings(tiny, "out", trust_code=True))
    assert manifest_of(results.out)["code"] == {"mine.py:peak": hashlib.sha256(source.encode()).hexdigest()}
    records = results.records("none", "center")
    assert records["peak"].tolist() == [100] * 4  # all saliency lies on one pixel
    assert set(results.summary["metric"]) == {"pointing_game", "peak"}


def test_a_function_explains_one_picture() -> None:
    network = raybench.load_checkpoint("shapes-baseline")
    picture = _picture()
    mine = attribute(network, picture, [0, 1], method=lambda module, image, index: image[0].amax(dim=0))
    assert mine.shape == (2, 60, 80)
    assert torch.equal(mine[0], mine[1])
    same = attribute(network, picture, [0], method=raybench.attributions.gradient)
    assert torch.equal(same, attribute(network, picture, [0], attribution="gradient"))


def test_what_is_drawn_for_a_picture_depends_on_its_pixels_and_the_seed() -> None:
    network, picture = raybench.load_checkpoint("shapes-baseline"), _picture()
    options = {"attribution": "rise", "masks": 4, "cells": 3, "protocol": "iccv19"}
    maps = attribute(network, picture, [0, 1], **options)
    assert torch.equal(attribute(network, picture.copy(), [1], **options)[0], maps[1])
    assert not torch.equal(attribute(network, picture, [0, 1], seed=1, **options), maps)


def _picture():
    import PIL.Image

    values = torch.randint(256, (60, 80, 3), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    return PIL.Image.fromarray(values.numpy())
