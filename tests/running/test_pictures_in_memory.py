"""`raybench.evaluate` on pictures, networks and functions that are in memory."""

from __future__ import annotations

import csv
import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import PIL.Image
import pytest
import torch
from torch import Tensor, nn

import raybench
from raybench.base import RaybenchError
from raybench.checkpoints import ClassList, network_from_module
from raybench.checkpoints.shapes_net import shapes_net

CLASSES = ["circle", "square"]
BOXES = ((3, 4, 40, 30), (20, 10, 63, 47), (0, 0, 15, 15))


@pytest.fixture
def pictures() -> list[PIL.Image.Image]:
    drawn = np.random.default_rng(0)
    return [PIL.Image.fromarray(drawn.integers(0, 256, (48, 64, 3), dtype=np.uint8)) for _ in BOXES]


@pytest.fixture
def module() -> nn.Module:
    torch.manual_seed(0)
    return shapes_net(num_classes=2).eval()


def brightness(module: nn.Module, image: Tensor, class_index: int) -> Tensor:
    return image[0].sum(dim=0) - image.min()


def measured(pictures: list[Any], module: nn.Module, **given: Any) -> raybench.Results:
    given = {"attributions": ["gradient", brightness], "classes": CLASSES, "networks": module} | given
    return raybench.evaluate(pictures, raybench.Settings(workers=0, processes=1), **given)


def test_numbers_are_those_of_the_same_pictures_in_a_folder(pictures, module, tmp_path: Path) -> None:
    (tmp_path / "images").mkdir()
    with (tmp_path / "boxes.csv").open("w", newline="") as file:
        lines = csv.writer(file)
        lines.writerow(("image", "class", "x0", "y0", "x1", "y1"))
        for number, (picture, box) in enumerate(zip(pictures, BOXES, strict=True)):
            picture.save(tmp_path / "images" / f"{number:06d}.png")
            lines.writerow((f"{number:06d}.png", CLASSES[number % 2], *box))
    (tmp_path / "classes.txt").write_text("\n".join(CLASSES))
    suite = tmp_path / "suite.yaml"
    suite.write_text(
        "{name: own, protocol: aaai21, dataset: boxes, attributions: [gradient], "
        "metrics: [pointing_game, content_heatmap, sparseness]}"
    )
    listed = [(one, box, at % 2) for at, (one, box) in enumerate(zip(pictures, BOXES, strict=True))]
    metrics = ["pointing_game", "content_heatmap", "sparseness"]
    memory = measured(listed, module, metrics=metrics, protocol="aaai21")
    settings = raybench.Settings(out=tmp_path / "out", workers=0, processes=1)
    network = raybench.checkpoints.network_from_module(
        module, name="ShapesNet", classes=str(tmp_path / "classes.txt")
    )
    folder = raybench.evaluate(suite, settings, networks=[network])
    (name,) = {*memory.frame["checkpoint"]} - {""}
    pd.testing.assert_frame_equal(memory.records(name, "gradient"), folder.records("ShapesNet", "gradient"))
    mask = np.zeros((48, 64), dtype=bool)
    mask[4:31, 3:41] = True
    (first,) = measured([(pictures[0], mask, 0)], module, metrics=metrics, protocol="aaai21").records(
        name, "gradient"
    )["content_heatmap"]
    assert first == pytest.approx(folder.records("ShapesNet", "gradient")["content_heatmap"].iloc[0])


def test_frame_quotes_numbers_with_intervals_and_units_and_goes_with_its_folder(
    pictures, module, tmp_path
) -> None:
    listed = [
        (np.asarray(pictures[0]), {"circle": BOXES[0], "square": BOXES[1:]}),
        (pictures[1], BOXES[0], 1),
    ]
    listed.append((pictures[2], None, 1))
    results = measured(listed, {"mine": module}, metrics=["content_heatmap", "sparseness", "f1_per_class"])
    frame = results.frame.set_index(["attribution", "metric"])
    assert set(frame["checkpoint"]) == {"mine"}
    assert set(frame.index) == {
        ("", "f1_per_class"),
        *(
            (method, metric)
            for method in ("gradient", "brightness")
            for metric in ("content_heatmap", "sparseness")
        ),
    }
    line = frame.loc["brightness", "content_heatmap"]
    assert (line["unit"], line["better"], line["n"]) == ("percent", "higher", 3)
    assert line["ci_low"] <= line["value"] <= line["ci_high"]
    assert "brightness" in results._repr_html_()
    assert f"{line['value']:.2f}" in results.table("latex", columns=["CH"])
    assert results.plot(tmp_path, only=["bars"], formats=["pdf"])[0].name == "bars.pdf"
    folder = results.out
    assert folder.is_dir()
    del results
    assert not folder.exists()


def test_what_a_prompt_shows_is_short_and_says_where_things_are(pictures, module) -> None:
    results = measured([(pictures[0], BOXES[0], 0)], module)
    shown = repr(results).splitlines()
    assert shown[0] == f"Results of suite 'in-memory' in {results.out}: checkpoints 1, methods 2"
    assert (len(shown), max(map(len, shown)) < 130) == (2, True)
    network = network_from_module(
        module, name="mine", classes=ClassList("given", ("cat", "dog"), ("cat", "dog"))
    )
    assert repr(network) == "Network 'mine': Sequential, 2 classes"
    found = raybench.explain(network, pictures[0], ["dog", "cat"], ["gradient", "grad_cam"])
    assert repr(found).splitlines() == [
        "Explained, a picture of 64 x 48 pixels",
        "rows (2): mine: dog, mine: cat",
        "methods (2): gradient, grad_cam",
        ".maps is (2, 2, 48, 64); .figure() draws them, .save(path) keeps a figure or .npz",
    ]


@pytest.mark.parametrize(
    ("one", "sentence"),
    [
        (("pixels", (0, 0, 5, 5)), "picture 0 of the list has no class; expected"),
        (
            ("a.png", (0, 0, 5, 5), "cricle"),
            "picture 0 of the list: unknown class of given 'cricle'",
        ),
        ((3, (0, 0, 5, 5), 0), "picture 0 of the list: the picture is int; expected a PIL image"),
        ((np.zeros((8, 8, 3)), (0, 0, 5, 5), 0), "is an array .* of float64; expected"),
        ((np.zeros((8, 8, 3), np.uint8), (0, 0, 0.5, 0.5), 0), "in shares of the picture"),
        (
            (np.zeros((8, 8, 3), np.uint8), ("0", "0", "5", "5"), 0),
            "class 0: what says where the object is has another form; expected boxes",
        ),
        (
            (np.zeros((8, 8, 3), np.uint8), np.ones((8, 9), dtype=bool), 0),
            "region is of a picture of 9 x 8",
        ),
        (
            (np.zeros((8, 8, 3), np.uint8), (5, 300, 2, 10.5), 0),
            "class 0: a box ends before it starts: x 5 to 2, y 300 to 10.5; mend the list of pictures$",
        ),
    ],
)
def test_mistake_in_a_list_names_the_picture(one: Any, sentence: str, module: nn.Module) -> None:
    with pytest.raises(RaybenchError, match=sentence):
        measured([one], module)


def test_what_is_missing_is_said(pictures, module) -> None:
    listed = [(pictures[0], BOXES[0], 0)]
    with pytest.raises(RaybenchError, match="what the outputs of .* stand for: give classes"):
        raybench.evaluate(listed, networks=module)
    with pytest.raises(RaybenchError, match="two functions are called '<lambda>'|called 'function'"):
        measured(listed, module, attributions=[lambda m, x, c: x[0, 0], lambda m, x, c: x[0, 1]])

    def rise(module: nn.Module, image: Tensor, class_index: int) -> Tensor:
        return image[0, 0]

    with pytest.raises(RaybenchError, match="takes the name of a registered attribution"):
        measured(listed, module, attributions=[rise])


def test_a_method_that_fails_is_named_once(pictures, module) -> None:
    def flat(module: nn.Module, image: Tensor, class_index: int) -> Tensor:
        return image[0]

    with pytest.raises(
        RaybenchError, match=r"^attribution 'flat' returned a Tensor \(3, 448, 597\); expected"
    ):
        measured([(pictures[0], BOXES[0], 0)], module, attributions=[flat])


def test_reader_of_the_documents_measures_a_folder(pictures, module, tmp_path: Path) -> None:
    text = (Path(__file__).resolve().parents[2] / "docs" / "extending.md").read_text(encoding="utf-8")
    (code,) = re.findall(r"```python\n(# mine.py\nimport json\n.*?)```", text, flags=re.DOTALL)
    (tmp_path / "mine.py").write_text(code)
    (tmp_path / "classes.txt").write_text("\n".join(CLASSES))
    (tmp_path / "pictures").mkdir()
    known = {}
    for at, (picture, box) in enumerate(zip(pictures, BOXES, strict=True)):
        picture.save(tmp_path / "pictures" / f"flower{at}.png")
        known[f"flower{at}.png"] = {"class": CLASSES[at % 2], "box": box}
    (tmp_path / "boxes.json").write_text(json.dumps(known))
    suite = tmp_path / "suite.yaml"
    suite.write_text(
        '{name: own, protocol: aaai21, dataset: {name: "mine.py:flowers"}, attributions: [gradient], '
        "metrics: [content_heatmap]}"
    )
    settings = raybench.Settings(
        out=tmp_path / "out", data={"flowers": tmp_path}, trust_code=True, workers=0, processes=1
    )
    network = raybench.checkpoints.network_from_module(
        module, name="ShapesNet", classes=str(tmp_path / "classes.txt")
    )
    found = raybench.evaluate(suite, settings, networks=[network]).records("ShapesNet", "gradient")
    listed = [(one, box, at % 2) for at, (one, box) in enumerate(zip(pictures, BOXES, strict=True))]
    memory = measured(listed, module, metrics=["content_heatmap"], protocol="aaai21", classes=CLASSES)
    name = memory.frame["checkpoint"].iloc[0]
    assert found["image_id"].tolist() == ["flower0", "flower1", "flower2"]
    expected = memory.records(name, "gradient")["content_heatmap"]
    np.testing.assert_array_equal(found["content_heatmap"], expected)
