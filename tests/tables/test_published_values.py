"""Published numbers: read whole, matched to measured rows by checkpoint, copies marked."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from raybench.attributions import ATTRIBUTIONS
from raybench.base.errors import RaybenchError, UnknownNameError
from raybench.benchmark.metrics import METRICS
from raybench.benchmark.suite import PROTOCOLS
from raybench.benchmark.tables import (
    SOURCES,
    find_published,
    known_datasets,
    load_published,
    published_dataset,
)
from raybench.benchmark.tables.matching import normal_training
from raybench.checkpoints import shipped_cards

CARDS = {card.name: card for card in shipped_cards()}
NETWORK = {
    "dataset": "imagenet_val",
    "checkpoint": "resnet50-gmp-gc",
    "architecture": "resnet50",
    "weights_sha256": None,
}
RESNET50 = "raybench.checkpoints.building.caffe:resnet50_convolutional"
POINTS = {"attribution": "grad_cam_elementwise", "metric": "pointing_game"}

# TorchRay's docs/pointing.csv: VOC2007, then COCO; VGG16, then ResNet50; all pictures, then difficult ones
TORCHRAY = {
    "center": "69.6 42.4 69.6 42.4 27.8 19.5 27.8 19.5",
    "gradient": "76.3 56.9 72.3 56.8 37.7 31.4 35.0 29.4",
    "deconvnet": "67.5 44.2 68.6 44.7 30.7 23.0 30.0 21.9",
    "guided_backprop": "75.9 53.0 77.2 59.4 39.1 31.4 42.1 35.3",
    "excitation_backprop": "77.1 56.6 84.5 70.8 39.8 32.8 49.6 43.9",
    "contrastive_excitation_backprop": "79.9 66.5 90.7 82.1 49.7 44.3 58.5 53.6",
    "rise": "86.9 75.1 86.4 78.8 50.8 45.3 54.7 50.0",
    "grad_cam": "86.6 74.0 90.4 82.3 54.2 49.0 57.3 52.3",
    "extremal_perturbation": "88.0 76.1 88.9 78.7 51.5 45.9 56.5 51.5",
}
# as printed in the README of AAAI-21's code: top-1, pointing game, stochastic pointing game, content heatmap
AAAI21 = {
    "alexnet-baseline": "56.51 72.80 53.45 45.78",
    "alexnet-gc": "56.16 73.70 61.15 48.10",
    "resnet18-baseline": "69.43 79.80 60.50 54.36",
    "resnet18-gc": "67.74 80.00 65.85 57.73",
    "resnet18-gmp": "69.08 79.30 66.66 62.89",
    "resnet18-gmp-gc": "69.02 79.60 68.74 65.35",
    "resnet50-baseline": "76.13 80.00 60.95 54.78",
    "resnet50-gc": "74.40 80.30 65.26 59.42",
    "resnet50-gmp": "74.63 79.80 66.29 54.23",
    "resnet50-gmp-gc": "74.14 79.60 69.51 59.70",
}


def test_torchrays_table_is_that_of_its_documentation() -> None:
    columns = [(column, metric) for column in ("voc-vgg16", "voc-resnet50", "coco-vgg16", "coco-resnet50")
               for metric in ("pointing_game", "pointing_game_difficult")]  # fmt: skip
    cells = {(one.row, one.column, one.metric): one.value for one in load_published("torchray")}
    assert cells == {
        (method, *column): float(value)
        for method, values in TORCHRAY.items()
        for column, value in zip(columns, values.split(), strict=True)
    }


def test_the_table_of_aaai21_is_that_of_its_readme() -> None:
    metrics = ("top1_accuracy", "pointing_game", "stochastic_pointing_game", "content_heatmap")
    cells = {
        (one.checkpoint, one.metric): one.value
        for one in load_published("aaai21")
        if one.column == "imagenet"
    }
    assert cells == {
        (checkpoint, metric): float(value)
        for checkpoint, values in AAAI21.items()
        for metric, value in zip(metrics, values.split(), strict=True)
    }


@pytest.mark.parametrize("name", SOURCES)
def test_every_cell_names_what_there_is_or_what_the_table_needs(name: str) -> None:
    source, values = SOURCES[name], load_published(name)
    needs = {kind: set(names) for kind, names in source.needs.items()}
    assert source.protocol in PROTOCOLS
    assert {value.dataset for value in values} <= known_datasets.keys() | source.datasets.keys()
    methods = {one.name for one in ATTRIBUTIONS} | needs.get("attributions", set())
    assert {value.attribution for value in values} <= methods
    measured = {value.measured_metric for value in values}
    assert measured <= {one.name for one in METRICS} | needs.get("metrics", set())
    used = {value.checkpoint for value in values} - {""}
    assert used == source.checkpoints.keys()
    assert used <= CARDS.keys() | needs.get("checkpoints", set())
    for checkpoint in used & CARDS.keys():
        described, card = source.checkpoints[checkpoint], CARDS[checkpoint]
        assert (described.built_by or described.architecture) == card.architecture
        assert described.training == normal_training(card.training)


@pytest.mark.parametrize("name", SOURCES)
def test_every_value_is_a_percentage_and_stands_once_with_its_tolerance(name: str) -> None:
    source, values = SOURCES[name], load_published(name)
    assert all(0 < value.value < 100 and value.printed in (0.1, 0.01) for value in values)
    assert max(Counter((one.row, one.column, one.metric) for one in values).values()) == 1
    assert {v.metric for v in values if not v.repeated} <= {
        metric for known in source.tolerances for metric in (known, f"{known}_difficult")
    }
    assert source.gate in {"", *(value.metric for value in values)}
    assert {one.partition(":")[0] for one in (v.expected for v in values)} <= {"", "differs", "no reference"}


@pytest.mark.parametrize(
    ("metric", "value"),
    [("top1_accuracy", 74.14), ("pointing_game", 79.6), ("content_heatmap", 59.7)],
)
def test_a_row_of_the_paper_is_found(metric: str, value: float) -> None:
    attribution = "" if metric == "top1_accuracy" else "grad_cam_elementwise"
    found = find_published(**NETWORK, attribution=attribution, metric=metric, protocol="aaai21")
    assert (found.value, found.mark) == (value, "")


def test_training_may_be_written_with_plus_or_hyphen() -> None:
    assert {normal_training(text) for text in ("GMP+GC", "gmp-gc", "gmp_gc")} == {"gmp_gc"}
    assert normal_training(None) == ""


@pytest.mark.parametrize(
    "change",
    [
        {"dataset": "shapes"},
        {"dataset": None},
        {"checkpoint": "resnet50"},
        {"architecture": "resnet34"},
        {"attribution": "gradient"},
        {"metric": "top5_accuracy"},
        {"protocol": "iccv19"},
    ],
)
def test_rows_that_are_not_published_have_no_value(change: dict[str, str | None]) -> None:
    row = {**NETWORK, **POINTS, "protocol": "aaai21"}
    assert find_published(**row) is not None
    assert find_published(**{**row, **change}) is None


def test_a_strangers_resnet50_has_no_number_of_torchray() -> None:
    row = {"dataset": "voc2007_test", "architecture": RESNET50, "weights_sha256": None}
    row |= {"attribution": "grad_cam", "metric": "pointing_game", "protocol": "iccv19"}
    assert find_published(**row, checkpoint="my-resnet50") is None
    assert find_published(**row, checkpoint="torchray-resnet50-voc").value == 90.4
    other = {**row, "weights_sha256": "0123abcd", "checkpoint": "torchray-resnet50-voc"}
    assert find_published(**other) is None


@pytest.mark.parametrize(("dataset", "value"), [("voc2007_test", 69.6), ("coco_val2014", 27.8)])
def test_center_needs_no_network(dataset: str, value: float) -> None:
    found = find_published(
        dataset=dataset, checkpoint="", architecture=None, weights_sha256=None,
        attribution="center", metric="pointing_game",
    )  # fmt: skip
    assert found.value == value


def test_a_torchray_method_is_compared_with_torchrays_number() -> None:
    row = {"dataset": "voc2007_test", "checkpoint": "torchray-resnet50-voc", "architecture": RESNET50}
    row |= {"weights_sha256": None, "metric": "pointing_game", "protocol": "iccv19"}
    ours = find_published(**row, attribution="grad_cam")
    assert ours == find_published(**row, attribution="torchray.grad_cam")


def test_coco_rows_of_the_paper_repeat_its_imagenet_rows_and_say_so() -> None:
    values = load_published("aaai21")
    imagenet = {(v.checkpoint, v.metric): v.value for v in values if v.column == "imagenet"}
    coco = [v for v in values if v.column == "coco"]
    assert len(coco) == 20
    for value in coco:
        assert value.mark == "repeats the ImageNet rows"
        if not value.metric.startswith("f1"):
            assert value.value == imagenet[value.checkpoint.removeprefix("coco-"), value.metric]
    assert not any(value.repeated for value in values if value.column == "imagenet")


@pytest.mark.parametrize(
    ("dataset", "name"),
    [
        ("imagenet", "imagenet_val"),
        ("imagenet_boxes", "imagenet_val"),
        ("coco val2014", "coco_val2014"),
        ("coco", "coco_val2014"),
        ("coco val2017", None),
        ("voc test", "voc2007_test"),
        ("voc", None),
        ("shapes", None),
        ("", None),
    ],
)
def test_measured_datasets_map_to_published_ones(dataset: str, name: str | None) -> None:
    assert published_dataset(dataset) == name
    assert name is None or name in {v.dataset for source in SOURCES for v in load_published(source)}


def test_unknown_table_names_the_nearest() -> None:
    with pytest.raises(UnknownNameError, match="unknown published table 'aaai2'; did you mean 'aaai21'"):
        load_published("aaai2")


def test_a_damaged_table_of_ones_own_is_refused_with_its_line(tmp_path: Path) -> None:
    header = (
        "row,column,checkpoint,attribution,options,dataset,subset,metric,aggregate,value,printed,spread,"
        "tolerance,expected,page,note"
    )
    (tmp_path / "mine.yaml").write_text(
        "title: a\ncitation: b\nsource: c\nprotocol: iccv19\ncheckpoints: {}\ntolerances: {}\n"
    )
    (tmp_path / "mine.csv").write_text(f"{header}\na,b,other,center,,d,,m,query_mean,1,0.1,,,,,\n")
    with pytest.raises(RaybenchError, match=r"mine\.csv, line 2: not a published value: checkpoint 'other'"):
        load_published(str(tmp_path / "mine.yaml"))
    (tmp_path / "mine.csv").write_text(f"{header}\na,b,,center,,d,,m,query_mean,x,0.1,,,,,\n")
    with pytest.raises(RaybenchError, match="could not convert string to float: 'x'"):
        load_published(str(tmp_path / "mine.yaml"))
