"""Published numbers: read whole, matched to measured rows, copies marked."""

from __future__ import annotations

import pytest

from raybench.base.errors import UnknownNameError
from raybench.benchmark.tables.published import (
    SOURCES,
    find_published,
    load_published,
    normal_training,
    published_dataset,
)

RESNET50_GMP_GC = {"dataset": "imagenet_val", "architecture": "resnet50", "training": "gmp_gc"}


def test_every_value_is_a_percentage_and_appears_once():
    for source in SOURCES:
        values = load_published(source)
        assert all(0 < value.value < 100 for value in values)
        keys = [(v.dataset, v.architecture, v.training, v.attribution, v.metric) for v in values]
        assert len(set(keys)) == len(keys)
    assert (len(load_published("aaai21-readme")), len(load_published("torchray-docs"))) == (60, 72)


@pytest.mark.parametrize(
    ("metric", "value"),
    [
        ("top1_accuracy", 74.14),
        ("pointing_game", 79.6),
        ("stochastic_pointing_game", 69.51),
        ("content_heatmap", 59.7),
    ],
)
def test_a_row_of_the_paper_is_found(metric, value):
    attribution = "" if metric == "top1_accuracy" else "grad_cam_elementwise"
    found = find_published(**RESNET50_GMP_GC, attribution=attribution, metric=metric, protocol="aaai21")
    assert found.value == value
    assert found.mark == ""


def test_training_may_be_written_with_plus_or_hyphen():
    assert {normal_training(text) for text in ("GMP+GC", "gmp-gc", "gmp_gc")} == {"gmp_gc"}
    assert normal_training(None) == ""


def test_rows_that_are_not_published_have_no_value():
    row = {**RESNET50_GMP_GC, "attribution": "grad_cam_elementwise", "metric": "pointing_game"}
    assert find_published(**row) is not None
    for change in (
        {"dataset": "shapes"},
        {"dataset": None},
        {"architecture": "resnet34"},
        {"training": "quantised"},
        {"attribution": "gradient"},
        {"metric": "top5_accuracy"},
        {"protocol": "iccv19"},
    ):
        assert find_published(**{**row, **change}) is None


@pytest.mark.parametrize(("dataset", "value"), [("voc2007_test", 69.6), ("coco_val2014", 27.8)])
def test_center_needs_no_network(dataset, value):
    found = find_published(
        dataset=dataset, architecture=None, training=None, attribution="center", metric="pointing_game"
    )
    assert found.value == value


def test_a_torchray_method_is_compared_with_torchrays_number():
    row = {
        "dataset": "voc2007_test",
        "architecture": "resnet50",
        "training": "baseline",
        "metric": "pointing_game",
    }
    ours = find_published(**row, attribution="grad_cam", protocol="iccv19")
    theirs = find_published(**row, attribution="torchray.grad_cam", protocol="iccv19")
    assert ours == theirs
    assert ours.value == 90.4


def test_coco_rows_of_the_paper_repeat_its_imagenet_rows_and_say_so():
    values = load_published("aaai21-readme")
    imagenet = {
        (v.training, v.metric): v.value
        for v in values
        if v.dataset == "imagenet_val" and v.architecture == "resnet18"
    }
    coco = [v for v in values if v.dataset == "coco_val2014"]
    assert len(coco) == 20
    for value in coco:
        assert value.mark == "repeats the ImageNet rows"
        if not value.metric.startswith("f1"):
            assert value.value == imagenet[value.training, value.metric]
    assert not any(value.repeated for value in values if value.dataset == "imagenet_val")


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
def test_measured_datasets_map_to_published_ones(dataset, name):
    assert published_dataset(dataset) == name
    assert name is None or name in {v.dataset for source in SOURCES for v in load_published(source)}


def test_unknown_source_names_the_nearest():
    with pytest.raises(
        UnknownNameError, match="unknown published source 'aaai21'; did you mean 'aaai21-readme'"
    ):
        load_published("aaai21")
