"""All wrong names of a suite are told at once, each with its line."""

from __future__ import annotations

import pytest
from tiny_suite import TinySuite

from raybench.base import RaybenchError, UnknownNameError
from raybench.benchmark.running import planned
from raybench.benchmark.running.naming import bound_metrics
from raybench.benchmark.suite import Settings, load_suite


def test_every_wrong_name_is_told_with_its_line(tiny: TinySuite) -> None:
    text = (
        "name: wrong\nprotocol: aaai12\ndataset: shapez\ncheckpoints: [first.yaml, resnet_18]\n"
        "attributions:\n  - gradcam\n  - gradient\n  - {name: layercam}\nmetrics: [PG, chi]\n"
    )
    path = tiny.folder / "wrong.yaml"
    path.write_text(text)
    with pytest.raises(RaybenchError) as raised:
        planned(path, Settings(data={"shapes": tiny.data}))
    first, *each = str(raised.value).splitlines()
    assert first == "6 mistakes:"
    places = {line.split("'")[1]: line.partition(": ")[0] for line in each}
    lines = {"aaai12": 2, "shapez": 3, "resnet_18": 4, "gradcam": 6, "layercam": 8, "chi": 9}
    assert places == {name: f"- {path}, line {line}" for name, line in lines.items()}
    assert "did you mean 'grad_cam'" in str(raised.value)


def test_a_single_mistake_is_one_sentence(tiny: TinySuite) -> None:
    with pytest.raises(UnknownNameError, match=r"line 2: unknown attribution 'gradcam'; did you mean"):
        planned(tiny.with_suite(attributions=["gradcam"]), Settings(data={"shapes": tiny.data}))


def test_wrong_keys_and_values_are_told_with_wrong_names_and_options(tiny: TinySuite) -> None:
    path = tiny.folder / "wrong.yaml"
    path.write_text(
        "nam: wrong\nname: wrong\nprotocol: aaai12\ndataset: {name: imagenet, splt: val}\n"
        "checkpoints: [timm:resnet1000]\nattributions:\n  - {name: rise, mask: 3}\n  - 17\n"
        "metrics: [SGP, top1, Gradcam]\nseed: seven\n"
    )
    with pytest.raises(RaybenchError) as raised:
        planned(path, Settings())
    first, *each = str(raised.value).splitlines()
    assert first == "9 mistakes:"
    words = {
        "unknown key 'nam'; did you mean 'name'": 1,
        "unknown protocol 'aaai12'": 3,
        "dataset 'imagenet' has no option 'splt'; did you mean 'split'": 4,
        "unknown timm architecture 'resnet1000'": 5,
        "attribution 'rise' has no option 'mask'; its options: masks": 7,
        "not 17": 8,
        "unknown metric 'SGP'; did you mean 'SRG' or 'SPG'": 9,
        "unknown metric 'Gradcam'": 9,
        "seed: input should be a valid integer, not 'seven'": 10,
    }
    for sentence, line in words.items():
        assert [one for one in each if sentence in one and one.startswith(f"- {path}, line {line}: ")], (
            sentence
        )


@pytest.mark.parametrize("name", ["SPG", "spg", "Stochastic-Pointing-Game", "stochastic_pointing_game"])
def test_metrics_are_found_however_their_names_are_written(tiny: TinySuite, name: str) -> None:
    (metric,) = bound_metrics(load_suite(tiny.with_suite(metrics=[name]))[0])
    assert metric.metric.name == "stochastic_pointing_game"
