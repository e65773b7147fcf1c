"""Wording of mistakes."""

import pickle

import pytest

from raybench.base.errors import RaybenchError, UnknownNameError, nearest


def test_unknown_name_offers_the_nearest():
    error = UnknownNameError("attribution", "gradcam", ["gradient", "grad_cam", "center"])
    assert str(error) == "unknown attribution 'gradcam'; did you mean 'grad_cam'?"


def test_unknown_name_without_a_near_one_lists_all_in_order():
    assert str(UnknownNameError("metric", "zzz", ["b", "a"])) == "unknown metric 'zzz'; known: a, b"


def test_unknown_name_among_none_says_so():
    assert str(UnknownNameError("metric", "zzz", [])) == "unknown metric 'zzz'; known: none"


def test_long_lists_are_cut():
    def message(count: int) -> str:
        return str(UnknownNameError("layer", "zzz", [f"{index:04}" for index in range(count)]))

    assert message(70).endswith("0038, 0039 and 30 more")
    assert message(1000).endswith(
        "known: " + ", ".join(f"{index:04}" for index in range(10)) + " and 990 more"
    )


def test_unknown_name_is_a_mistake_and_a_failed_lookup():
    with pytest.raises(RaybenchError):
        raise UnknownNameError("metric", "a", [])
    with pytest.raises(LookupError):
        raise UnknownNameError("metric", "a", [])


def test_unknown_name_passes_between_processes():
    error = pickle.loads(pickle.dumps(UnknownNameError("metric", "ab", ["abc"])))
    assert (type(error), str(error)) == (UnknownNameError, "unknown metric 'ab'; did you mean 'abc'?")
    placed = pickle.loads(pickle.dumps(error.at("suite.yaml")))
    assert str(placed) == "suite.yaml: unknown metric 'ab'; did you mean 'abc'?"


def test_at_most_three_near_names_are_offered():
    assert nearest("resnet18", ["resnet18a", "resnet18b", "resnet18c", "resnet18d"]).count(" or ") == 2
    assert nearest("resnet18", ["vgg"]) == ""


def test_a_name_is_found_however_people_write_it() -> None:
    known = ["layer_cam", "fake_cam", "grad_cam", "scorecam"]
    for written, meant in (("LayerCAM", "layer_cam"), ("layer-cam", "layer_cam"), ("Score CAM", "scorecam")):
        assert nearest(written, known) == repr(meant)
    assert nearest("***", known) == ""
