"""A network in memory is measured as one that is read from its card."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from tiny_suite import TinySuite, manifest_of, result_bytes

import raybench
from raybench.base import RaybenchError
from raybench.benchmark.running.run import evaluate
from raybench.benchmark.suite import Settings
from raybench.checkpoints import Network, load_network, network_from_module, state_sha256


@pytest.fixture
def network(tiny: TinySuite) -> Network:
    return load_network(tiny.folder / "first.yaml")


def settings(tiny: TinySuite, out: str, **changes: object) -> Settings:
    return Settings(
        **{"data": {"shapes": tiny.data}, "out": tiny.folder / out, "processes": 1, "limit": 4, **changes}
    )


def test_network_in_memory_gets_the_bytes_that_its_file_gets(tiny: TinySuite, network: Network) -> None:
    evaluate(tiny.suite, settings(tiny, "file", checkpoints=[str(tiny.folder / "first.yaml")]))
    raybench.evaluate(tiny.suite, settings(tiny, "memory"), networks=[network])
    assert result_bytes(tiny.folder / "memory") == result_bytes(tiny.folder / "file")


def test_plain_module_is_measured_after_a_named_checkpoint(tiny: TinySuite, network: Network) -> None:
    module = network_from_module(
        network.module, name="mine", classes=network.classes, target_layer=network.target_layer
    )
    named = [str(tiny.folder / "first.yaml")]
    suite = tiny.with_suite(attributions=["grad_cam", "gradient"])
    evaluate(suite, settings(tiny, "out", checkpoints=named), networks=[module])
    written = result_bytes(tiny.folder / "out")
    for name in ("grad_cam/records.csv", "gradient/records.csv", "predictions.csv"):
        assert written[f"mine/{name}"] == written[f"first/{name}"]
    assert [entry["name"] for entry in manifest_of(tiny.folder / "out")["checkpoints"]] == ["first", "mine"]


def test_manifest_keeps_a_hash_of_the_tensors_that_were_measured(tiny: TinySuite, network: Network) -> None:
    evaluate(tiny.suite, settings(tiny, "out", limit=1), networks=[network])
    known = manifest_of(tiny.folder / "out")["weights_sha256"]
    assert known == {"first": state_sha256(network.module)}
    changed = load_network(tiny.folder / "first.yaml")
    next(changed.module.parameters()).data[0] += 1
    with pytest.raises(RaybenchError, match="the weights of 'first' have changed since"):
        evaluate(tiny.suite, settings(tiny, "out", limit=2), networks=[changed])


def test_state_hash_depends_on_names_values_and_shapes_but_not_on_memory_layout() -> None:
    plain = torch.nn.Conv2d(2, 4, 3)
    expected = state_sha256(plain)
    assert state_sha256(plain.to(memory_format=torch.channels_last)) == expected
    assert state_sha256(torch.nn.Sequential(plain)) != expected
    plain.weight.data = plain.weight.data.reshape(2, 4, 3, 3)
    assert state_sha256(plain) != expected


def test_two_networks_of_one_name_are_refused(tiny: TinySuite, network: Network) -> None:
    with pytest.raises(RaybenchError, match="checkpoint 'first' twice"):
        evaluate(tiny.suite, settings(tiny, "out"), networks=[network, network])


def test_network_of_other_classes_is_refused(tiny: TinySuite, network: Network) -> None:
    classes = replace(network.classes, name="others", ids=network.classes.ids[::-1])
    with pytest.raises(RaybenchError, match="checkpoint 'first' answers the 12 classes of others"):
        evaluate(tiny.suite, settings(tiny, "out"), networks=[replace(network, classes=classes)])


def test_network_on_another_device_is_refused(tiny: TinySuite, network: Network) -> None:
    elsewhere = replace(network, module=torch.nn.Linear(1, 1, device="meta"))
    with pytest.raises(RaybenchError, match="network 'first' is on meta"):
        evaluate(tiny.suite, settings(tiny, "out", device="cpu"), networks=[network, elsewhere])
