"""Compiling stage by stage: the same numbers, and hooks that still see the layers."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import pytest
import torch
import torchvision

import raybench
from raybench.attributions import ATTRIBUTIONS
from raybench.checkpoints import Network, compile_stages

METHODS = ("grad_cam", "gradient", "excitation_backprop", "contrastive_excitation_backprop")


@pytest.fixture
def networks() -> tuple[Network, Network]:
    """A network as loaded, and one whose stages are captured by the compiler, but run by plain torch."""
    plain, compiled = (raybench.load_checkpoint("shapes-gmp") for _ in range(2))
    torch.compiler.reset()
    parts = compile_stages(compiled.module, ["layer4", "layer3", "avgpool"], "stages", backend="aot_eager")
    assert parts
    return plain, compiled


def test_parts_with_a_watched_layer_inside_are_left_to_run_as_they_are() -> None:
    network = raybench.load_checkpoint("shapes-gmp")
    names = [name for name, part in network.module.layer4.named_children() if list(part.parameters())]
    parts = compile_stages(network.module, [f"layer4.{names[0]}"], "stages", backend="eager")
    assert "layer4" not in parts
    assert f"layer4.{names[0]}" in parts
    assert "layer3" in parts


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("queries", [1, 3])
def test_maps_of_a_compiled_network_are_the_same(
    networks: tuple[Network, Network], method: str, queries: int
) -> None:
    images = torch.randn(1, 3, 80, 96, generator=torch.Generator().manual_seed(0))
    asked = (images, torch.zeros(queries, dtype=torch.int64), torch.arange(queries))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the compiler, about what it leaves to Python
        plain, compiled = (ATTRIBUTIONS.get(method).function(network, *asked) for network in networks)
    torch.testing.assert_close(compiled, plain, rtol=1e-5, atol=1e-6 * float(plain.max()))


def test_a_third_shape_of_picture_is_compiled_for_no_more() -> None:
    torch.compiler.reset()
    made: list[int] = []

    def backend(graph: torch.fx.GraphModule, inputs: list[torch.Tensor]) -> Callable[..., Any]:
        made.append(len(inputs))
        return graph.forward

    module = torchvision.models.resnet18(num_classes=4).eval().requires_grad_(False)
    compile_stages(module, ["layer4", "avgpool"], "stages", backend=backend)
    counts = []
    for width in (64, 96, 128):
        with torch.no_grad(), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            module(torch.randn(1, 3, 64, width))
        counts.append(len(made))
    assert 0 < counts[0] < counts[1] == counts[2]


def test_without_compiling_nothing_changes() -> None:
    module = raybench.load_checkpoint("shapes-gmp").module
    assert compile_stages(module, [], "no") == []
    assert not any("forward" in vars(part) for part in module.modules())
