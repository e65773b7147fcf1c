"""`raybench init` and `raybench.explain`: from a folder of pictures to a suite, from a picture to maps."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import PIL.Image
import pytest
from tiny_suite import TinySuite
from typer.testing import CliRunner

import raybench
from raybench.base import RaybenchError, read_document
from raybench.benchmark.datasets import open_dataset
from raybench.benchmark.suite import load_suite
from raybench.checkpoints import Card, load_network
from raybench.commands import app


def init(folder: Path) -> str:
    result = CliRunner().invoke(app, ["init", str(folder)], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


def test_init_writes_a_suite_that_opens_and_a_card_that_reads(tmp_path: Path) -> None:
    folder = tmp_path / "My birds"
    (folder / "photos").mkdir(parents=True)
    for name in "ab":
        PIL.Image.new("RGB", (40, 30)).save(folder / "photos" / f"{name}.png")
    (folder / "truth.csv").write_text("image,class,x0,y0,x1,y1\nb,wren,1,2,9,8\na,finch,0,0,39,29\n")
    init(folder)
    suite, path = load_suite(folder / "suite.yaml")
    assert suite.name == "My-birds"
    choice = suite.dataset_choice
    opened = open_dataset(choice.name, {}, suite.bound_protocol(), choice.options, folder=path.parent)
    assert opened.classes.labels == ("finch", "wren")
    assert [query.class_index for sample in opened for query in sample.queries] == [0, 1]
    assert read_document(folder / "network.yaml", Card).classes.endswith("classes.txt")
    for name in ("suite", "network"):
        first = (folder / f"{name}.yaml").read_text().splitlines()[0]
        assert (folder / first.rpartition("=")[2]).is_file()
    with pytest.raises(RaybenchError, match="suite.yaml exists"):
        init(folder)


def test_init_says_how_boxes_are_written_where_there_are_none(tmp_path: Path) -> None:
    (tmp_path / "images").mkdir()
    PIL.Image.new("RGB", (8, 8)).save(tmp_path / "images" / "a.png")
    with pytest.raises(RaybenchError, match="put boxes.csv there, with the header image,class,x0,y0,x1,y1"):
        init(tmp_path)


def test_maps_side_by_side_are_those_of_attribute(tiny: TinySuite) -> None:
    networks = [load_network(tiny.folder / f"{name}.yaml") for name in ("first", "second")]
    picture = sorted((tiny.data / "val").glob("*.jpg"))[0]
    methods = ["grad_cam", "gradient"]
    found = raybench.explain(networks, picture, [3, 5], methods, protocol="iccv19")
    assert [(row.network, row.class_index) for row in found.rows] == [
        *(("first", 3), ("first", 5), ("second", 3), ("second", 5))
    ]
    expected = raybench.attribute(networks[1], picture, [5], attribution="gradient", protocol="iccv19")
    assert np.array_equal(found.maps[3, 1], expected[0].numpy())
    found.save(tiny.folder / "maps.npz")
    with np.load(tiny.folder / "maps.npz") as kept:
        assert np.array_equal(kept["maps"], found.maps)
        assert kept["methods"].tolist() == methods
    found.save(tiny.folder / "maps.pdf")
    assert (tiny.folder / "maps.pdf").read_bytes().startswith(b"%PDF")
    assert found._repr_png_().startswith(b"\x89PNG")
