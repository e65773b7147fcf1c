"""Networks from a function in a plain file: named as methods and metrics are, measured as cards are."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from tiny_suite import TinySuite, manifest_of, result_bytes

from raybench.base import RaybenchError
from raybench.benchmark.running import evaluate
from raybench.benchmark.suite import Settings
from raybench.checkpoints import load_network, state_sha256

HEAD = """
from pathlib import Path
from safetensors.torch import load_file
from raybench.checkpoints.shapes_net import shapes_net

HERE = Path(__file__).parent

def built(num_classes):
    net = shapes_net(num_classes)
    net.load_state_dict(load_file(HERE / "first.safetensors"))
    return net
"""
NETWORK = (
    HEAD
    + """
def my_network(*, classes={classes!r}, target_layer="layer4", excitation_layer="layer3"):
    return built(12).half().train()
"""
)


@pytest.fixture
def own(tiny: TinySuite) -> Path:
    path = tiny.folder / "mine.py"
    path.write_text(NETWORK.format(classes=str(tiny.data / "classes.txt")))
    return path


def settings(tiny: TinySuite, out: str, **changes: object) -> Settings:
    given = {"data": {"shapes": tiny.data}, "out": tiny.folder / out, "workers": 0, "limit": 3}
    return Settings(**{**given, "processes": 1, "trust_code": True, **changes})


def suite(tiny: TinySuite, *checkpoints: str) -> Path:
    return tiny.with_suite(
        checkpoints=list(checkpoints), attributions=["grad_cam"], metrics=["top1_accuracy", "content_heatmap"]
    )


def test_a_network_of_a_file_is_measured_with_the_hash_of_file_and_weights(
    tiny: TinySuite, own: Path
) -> None:
    results = evaluate(suite(tiny, "mine.py:my_network"), settings(tiny, "out"))
    manifest = manifest_of(results.out)
    assert manifest["status"] == "complete"
    assert manifest["code"] == {"mine.py:my_network": hashlib.sha256(own.read_bytes()).hexdigest()}
    (entry,) = manifest["checkpoints"]
    assert (entry["name"], entry["architecture"]) == ("my_network", "mine.py:my_network")
    assert entry["target_layer"] == "layer4"
    network = load_network(f"{own}:my_network", trust_code=True)
    assert manifest["weights_sha256"] == {"my_network": state_sha256(network.module)}


def test_the_command_line_names_it_relative_to_the_working_folder(
    tiny: TinySuite, own: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tiny.folder)
    asked = settings(tiny, "out", checkpoints=["mine.py:my_network"])
    results = evaluate(suite(tiny, "second.yaml"), asked)
    assert "my_network/grad_cam/records.csv" in result_bytes(results.out)
    assert "second/grad_cam/records.csv" not in result_bytes(results.out)


def test_a_card_names_a_function_beside_it_with_or_without_weights(tiny: TinySuite, own: Path) -> None:
    own.write_text(f"{HEAD}\ndef empty(num_classes):\n    return shapes_net(num_classes)\n")
    rest = (
        (tiny.folder / "first.yaml").read_text().replace("raybench.checkpoints.shapes_net:shapes_net", "{}")
    )
    (tiny.folder / "filled.yaml").write_text(
        rest.format("mine.py:empty").replace("name: first", "name: filled")
    )
    lines = rest.format("mine.py:built").replace("name: first", "name: whole").splitlines()
    whole = [line for line in lines if "weights" not in line and "path" not in line]
    (tiny.folder / "whole.yaml").write_text("\n".join(whole))
    results = evaluate(suite(tiny, "first.yaml", "filled.yaml", "whole.yaml"), settings(tiny, "out"))
    written = result_bytes(results.out)
    expected = written["first/grad_cam/records.csv"]
    assert written["filled/grad_cam/records.csv"] == written["whole/grad_cam/records.csv"] == expected


def test_other_weights_or_another_file_are_noticed_after_a_complete_run(tiny: TinySuite, own: Path) -> None:
    asked = suite(tiny, "mine.py:my_network")
    evaluate(asked, settings(tiny, "out"))
    weights, other = tiny.folder / "first.safetensors", tiny.folder / "second.safetensors"
    before = weights.read_bytes()
    weights.write_bytes(other.read_bytes())
    with pytest.raises(RaybenchError, match="the weights of 'my_network' have changed since"):
        evaluate(asked, settings(tiny, "out"))
    weights.write_bytes(before)
    own.write_text(own.read_text() + "# changed\n")
    with pytest.raises(RaybenchError, match="SHA-256 of the file of mine.py:my_network"):
        evaluate(asked, settings(tiny, "out"))


@pytest.mark.parametrize(
    ("function", "message"),
    [
        ("def net():\n    return 1", "does not say what its outputs stand for; give .* classes='imagenet1k'"),
        ("def net(*, classes='voc20'):\n    return 1", "returned int, not a torch.nn.Module"),
        (
            "def net(*, classes='voc20', target='x'):\n    pass",
            "'target' .* is no field of a card; did you mean",
        ),
        ("def net(*, classes):\n    pass", "keyword 'classes' of the function has no value"),
        ("def net(*, classes='voc'):\n    return 1", "unknown class list 'voc'"),
        ("def net(*, classes='voc20'):\n    return {}['x']", "has failed: KeyError: 'x', at mine.py, line 2"),
        ("def net(path, *, classes='voc20'):\n    pass", "has failed: TypeError: net.. missing 1 required"),
        ("def other():\n    pass", "unknown function of .*mine.py 'net'"),
    ],
)
def test_functions_that_build_no_network_are_refused_in_one_sentence(
    tmp_path: Path, function: str, message: str
) -> None:
    (tmp_path / "mine.py").write_text(f"{function}\n")
    with pytest.raises(RaybenchError, match=message):
        load_network(f"{tmp_path}/mine.py:net", trust_code=True)


def test_code_of_a_file_runs_only_where_it_is_trusted(tiny: TinySuite, own: Path) -> None:
    with pytest.raises(RaybenchError, match="'mine.py:my_network' would run the code of .*--trust-code"):
        evaluate(suite(tiny, "mine.py:my_network"), settings(tiny, "out", trust_code=False))
    with pytest.raises(RaybenchError, match="would run the code of"):
        load_network(f"{own}:my_network")
