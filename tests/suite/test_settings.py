"""How a suite is run: what Python callers may give."""

from pathlib import Path

import pytest

from raybench import Settings
from raybench.base.errors import RaybenchError


def test_texts_become_paths() -> None:
    settings = Settings(out="runs/mine", data={"imagenet": "/data/imagenet"})  # type: ignore[arg-type,dict-item]
    assert settings.out == Path("runs/mine")
    assert settings.data == {"imagenet": Path("/data/imagenet")}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"limit": 0}, "limit is 0; expected an integer of at least 1"),
        ({"batch_size": 0}, "batch_size is 0; expected an integer of at least 1"),
        ({"batch_size": None}, "batch_size is None; expected an integer of at least 1"),
        ({"workers": -1}, "workers is -1; expected an integer of at least 0"),
        ({"processes": 0}, "processes is 0; expected"),
        ({"threads": 2.0}, "threads is 2.0; expected"),
        ({"limit": True}, "limit is True; expected"),
        ({"out": 3}, "out is 3; expected the path of a folder"),
        ({"out": ""}, "out is ''; expected the path of a folder"),
        ({"data": "/data"}, "data is '/data'; expected folders by name"),
        ({"data": {"coco": None}}, "data folder 'coco' is None; expected the path"),
        ({"checkpoints": "resnet18"}, "checkpoints is 'resnet18'; expected a list"),
    ],
)
def test_value_that_makes_no_sense_is_one_sentence(changes: dict[str, object], message: str) -> None:
    with pytest.raises(RaybenchError, match=message):
        Settings(**changes)  # type: ignore[arg-type]


def test_smallest_values_and_none_are_accepted() -> None:
    settings = Settings(limit=1, batch_size=1, workers=0, processes=1, threads=1)
    assert (settings.workers, Settings().workers, Settings().limit) == (0, None, None)
