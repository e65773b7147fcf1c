"""`raybench init` and `raybench.explain`: from a folder of pictures to a suite, from a picture to maps."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import PIL.Image
import pytest
import torch
import torchvision
from calls import call
from tiny_suite import TinySuite

import raybench
from raybench.base import RaybenchError, read_document
from raybench.benchmark.datasets import asks_anything, open_dataset
from raybench.benchmark.suite import load_suite
from raybench.checkpoints import Card, load_network


def test_init_writes_a_suite_that_opens_and_a_card_that_reads(tmp_path: Path) -> None:
    folder = tmp_path / "My birds: Vögel"
    (folder / "photos").mkdir(parents=True)
    for name in "ab":
        PIL.Image.new("RGB", (40, 30)).save(folder / "photos" / f"{name}.png")
    (folder / "truth.csv").write_text("image,class,x0,y0,x1,y1\nb,wren,1,2,9,8\na,finch,0,0,39,29\n")
    call("init", folder)
    suite, path = load_suite(folder / "suite.yaml")
    assert suite.name == "My-birds--V-gel"
    assert "label: 'My birds: Vögel'" in path.read_text(encoding="utf-8")
    choice = suite.dataset_choice
    opened = open_dataset(choice.name, {}, suite.bound_protocol(), choice.options, folder=path.parent)
    assert opened.classes.labels == ("finch", "wren")
    assert [query.class_index for sample in opened for query in sample.queries] == [0, 1]
    assert read_document(folder / "network.yaml", Card).classes.endswith("classes.txt")
    for name in ("suite", "network"):
        first = (folder / f"{name}.yaml").read_text().splitlines()[0]
        assert (folder / first.rpartition("=")[2]).is_file()
    with pytest.raises(RaybenchError, match="suite.yaml exists"):
        call("init", folder)


def test_init_says_how_boxes_are_written_where_there_are_none(tmp_path: Path) -> None:
    (tmp_path / "images").mkdir()
    PIL.Image.new("RGB", (8, 8)).save(tmp_path / "images" / "a.png")
    with pytest.raises(RaybenchError, match="put boxes.csv there, with the header image,class,x0,y0,x1,y1"):
        call("init", tmp_path)


def test_init_reads_what_labelimg_wrote_beside_the_pictures(tmp_path: Path) -> None:
    folder = tmp_path / "my birds"
    (folder / "photos").mkdir(parents=True)
    for name, bird in (("a", "finch"), ("b", "wren")):
        PIL.Image.new("RGB", (40, 30)).save(folder / "photos" / f"{name}.jpg")
        box = "<bndbox><xmin>2</xmin><ymin>3</ymin><xmax>10</xmax><ymax>9</ymax></bndbox>"
        size = "<size><width>40</width><height>30</height><depth>3</depth></size>"
        text = f"<annotation>{size}<object><name>{bird}</name>{box}</object></annotation>"
        (folder / "photos" / f"{name}.xml").write_text(text)
    (folder / "names.txt").write_text("wren\nfinch\n")
    told = call("init", folder)
    assert f"next: raybench run '{folder}/suite.yaml' --out 'runs/my birds'" in told
    assert "classes.txt: 2 classes; in the order of names.txt" in told
    suite, path = load_suite(folder / "suite.yaml")
    choice = suite.dataset_choice
    opened = open_dataset(choice.name, {}, suite.bound_protocol(), choice.options, folder=path.parent)
    assert opened.classes.labels == ("wren", "finch")
    asked = [query for sample in opened for query in sample.queries]
    assert [query.class_index for query in asked] == [1, 0]
    assert np.argwhere(asked[0].region.mask()).min(axis=0).tolist() == [2, 1]  # counted from 1 in the file


def test_init_reads_the_folder_as_a_run_will(birds: Path) -> None:
    told = call("init", birds)
    assert f"{birds / 'images'}: 1 pictures, 2 queries" in told
    for name in ("suite.yaml", "network.yaml", "classes.txt"):
        (birds / name).unlink()
    table = birds / "boxes.csv"
    table.write_text(f"{table.read_text()}a,house finch,30,20,40,30\n")
    assert "a box reaches outside the picture; clamped: a" in call("init", birds)


@pytest.mark.parametrize(
    ("file", "text", "message"),
    [
        ("classes.txt", "goldfinch\nhousefinch\n", r"boxes\.csv, line 2: .*'house finch'.*'housefinch'"),
        (
            "boxes.csv",
            "image,class,x0,y0,x1,y1\na,wren,5,5,4,9\n",
            r"boxes\.csv, line 2: the box ends before",
        ),
        ("images/a.jpg", "", "share the id 'a'"),
    ],
)
def test_init_refuses_what_a_run_would_and_writes_nothing(
    birds: Path, file: str, text: str, message: str
) -> None:
    (birds / file).write_text(text)
    before = sorted(birds.rglob("*"))
    with pytest.raises(RaybenchError, match=message):
        call("init", birds)
    assert sorted(birds.rglob("*")) == before


@pytest.mark.parametrize("mark", [";", "\t"])
def test_init_sees_whatever_table_a_run_reads(birds: Path, mark: str) -> None:
    table = birds / "boxes.csv"
    table.write_text(table.read_text().replace(",", mark))
    assert "1 pictures, 2 queries" in call("init", birds)


def test_init_passes_over_tables_of_something_else_but_names_what_it_cannot_read(birds: Path) -> None:
    other = birds / "a.csv"
    other.write_bytes("größe\n".encode("latin-1"))
    assert "1 pictures, 2 queries" in call("init", birds)
    (birds / "suite.yaml").unlink()
    (birds / "network.yaml").unlink()
    (birds / "boxes.csv").write_bytes("image,class,x0,y0,x1,y1\na,Grünfink,1,2,9,8\n".encode("latin-1"))
    with pytest.raises(RaybenchError, match=r"boxes\.csv is not UTF-8"):
        call("init", birds)


def test_hidden_folders_hold_no_pictures(birds: Path) -> None:
    hidden = birds / "images" / ".ipynb_checkpoints"
    hidden.mkdir()
    shutil.copy(birds / "images" / "a.png", hidden)
    assert "1 pictures, 2 queries" in call("init", birds)


def test_a_picture_without_boxes_leaves_the_others_to_be_measured(birds: Path) -> None:
    PIL.Image.new("RGB", (40, 30)).save(birds / "images" / "0.png")
    call("init", birds)
    suite, path = load_suite(birds / "suite.yaml")
    choice = suite.dataset_choice
    opened = open_dataset(choice.name, {}, suite.bound_protocol(), choice.options, folder=path.parent)
    assert asks_anything(opened, range(len(opened)))
    assert not asks_anything(opened, [0])


@pytest.fixture
def birds(tmp_path: Path) -> Path:
    folder = tmp_path / "birds"
    (folder / "images").mkdir(parents=True)
    PIL.Image.new("RGB", (40, 30)).save(folder / "images" / "a.png")
    (folder / "boxes.csv").write_text(
        "image,class,x0,y0,x1,y1\na,house finch,1,2,9,8\na,goldfinch,0,0,39,29\n"
    )
    return folder


def test_init_tells_the_architecture_of_weights(birds: Path) -> None:
    module = torchvision.models.squeezenet1_1(weights=None, num_classes=2)
    torch.save(
        {"epoch": 3, "model": {f"module.{k}": v for k, v in module.state_dict().items()}}, birds / "w.pt"
    )
    assert "squeezenet1_1, recognised by its tensors" in call("init", birds)
    network = load_network(birds / "network.yaml")
    assert network.card.architecture == "squeezenet1_1"
    assert network.classes.ids == ("goldfinch", "house finch")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "w.pt answers 3 classes, but .* names 2; write classes.txt there, a line for each output"),
        (
            ["--checkpoint", "torchvision:resnet18", "--architecture", "resnet18"],
            "--architecture is for weights",
        ),
        (["--checkpoint", "none.pth"], "--checkpoint none.pth: there is no such file"),
        (["--checkpoint", "shapes-gc"], "answers the 12 classes of shapes12, but 'goldfinch' in .* is none"),
    ],
)
def test_init_refuses_a_network_of_other_classes(birds: Path, words: list[str], message: str) -> None:
    torch.save(torchvision.models.resnet18(num_classes=3).state_dict(), birds / "w.pt")
    with pytest.raises(RaybenchError, match=message):
        call("init", birds, *words)
    assert not (birds / "suite.yaml").exists()


def test_init_takes_a_network_by_its_name_where_it_knows_the_classes(birds: Path) -> None:
    call("init", birds, "--checkpoint", "torchvision:resnet18")
    suite, path = load_suite(birds / "suite.yaml")
    assert suite.checkpoints == ["torchvision:resnet18"]
    choice = suite.dataset_choice
    opened = open_dataset(choice.name, {}, suite.bound_protocol(), choice.options, folder=path.parent)
    assert [opened.classes.ids[query.class_index] for query in opened[0].queries] == [
        "n01531178",
        "n01532829",
    ]
    assert not (birds / "network.yaml").exists()


def test_maps_side_by_side_are_those_of_attribute(tiny: TinySuite) -> None:
    networks = [load_network(tiny.folder / f"{name}.yaml") for name in ("first", "second")]
    picture = sorted((tiny.data / "val").glob("*.jpg"))[0]
    early = "{name: grad_cam, layer: layer3}"
    (alone,) = raybench.explain(networks[0], picture, 3, early, protocol="iccv19").maps[0]
    expected = raybench.attribute(networks[0], picture, [3], layer="layer3", protocol="iccv19")
    assert np.array_equal(alone, expected[0].numpy())
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


def test_numbers_in_annotations_count_the_list_beside_them_and_not_the_networks(birds: Path) -> None:
    (birds / "boxes.csv").unlink()
    (birds / "labels").mkdir()
    (birds / "labels" / "a.txt").write_text("1 0.5 0.5 0.2 0.2\n0 0.25 0.25 0.1 0.1\n")
    (birds / "classes.txt").write_text("house finch\ngoldfinch\n")
    module = torchvision.models.resnet18(weights=None)
    torch.save(module.state_dict(), birds / "w.pth")
    assert "1,000 outputs are taken for those of imagenet1k" in call("init", birds)
    answers = load_network(birds / "network.yaml").classes
    suite, path = load_suite(birds / "suite.yaml")
    choice = suite.dataset_choice
    opened = open_dataset(choice.name, {}, suite.bound_protocol(), choice.options, folder=path.parent)
    assert opened.classes == answers
    asked = {answers.labels[query.class_index].split(",")[0]: query for query in opened[0].queries}
    assert set(asked) == {"house finch", "goldfinch"}
    assert (opened.multilabel, suite.metrics[0]) == (True, "F1-Overall")
    assert np.argwhere(asked["goldfinch"].region.mask()).min(axis=0).tolist() == [12, 16]


@pytest.mark.parametrize("form", ["xml", "json", "csv", "masks"])
def test_annotations_name_classes_of_a_shipped_list_by_their_labels(birds: Path, form: str) -> None:
    if form != "csv":
        (birds / "boxes.csv").unlink()
    else:
        (birds / "boxes.csv").write_text("image,class,x0,y0,x1,y1\na,0,1,2,9,8\n")
        (birds / "names.txt").write_text("goldfinch\n")
    if form == "xml":
        box = "<bndbox><xmin>2</xmin><ymin>3</ymin><xmax>10</xmax><ymax>9</ymax></bndbox>"
        text = f"<annotation><object><name>goldfinch</name>{box}</object></annotation>"
        (birds / "images" / "a.xml").write_text(text)
    if form == "json":
        images = [{"id": 1, "file_name": "a.png", "width": 40, "height": 30}]
        records = [{"id": 1, "image_id": 1, "category_id": 5, "bbox": [1, 2, 9, 7]}]
        written = {
            "images": images,
            "annotations": records,
            "categories": [{"id": 5, "name": "goldfinch"}],
        }
        (birds / "all.json").write_text(json.dumps(written))
    if form == "masks":
        (birds / "masks" / "goldfinch").mkdir(parents=True)
        mask = np.zeros((30, 40), np.uint8)
        mask[2:9, 1:10] = 1
        PIL.Image.fromarray(mask).save(birds / "masks" / "goldfinch" / "a.png")
    call("init", birds, "--checkpoint", "torchvision:resnet18")
    suite, path = load_suite(birds / "suite.yaml")
    choice = suite.dataset_choice
    opened = open_dataset(choice.name, {}, suite.bound_protocol(), choice.options, folder=path.parent)
    assert suite.metrics[0] == ("F1-Overall" if opened.multilabel else "Top-1")
    assert not opened.multilabel
    (query,) = opened[0].queries
    assert opened.classes.ids[query.class_index] == "n01531178"
    assert np.argwhere(query.region.mask()).min(axis=0).tolist() == [2, 1]
    assert int(query.region.mask().sum()) == 9 * 7
