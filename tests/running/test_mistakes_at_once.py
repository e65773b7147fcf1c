"""All wrong names of a suite are told at once, each with its line."""

from __future__ import annotations

import pytest
from tiny_suite import TinySuite

from raybench.base import RaybenchError, UnknownNameError
from raybench.benchmark.running import planned
from raybench.benchmark.suite import Settings


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
