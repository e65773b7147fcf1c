"""Batch normalisation folded into the convolution before it: the same values, where nobody watches."""

from __future__ import annotations

import contextlib
import gc
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torchvision.models import resnet

from raybench.attributions import (
    NetworkLike,
    contrastive_excitation_backprop,
    grad_cam,
    gradient,
    prepare_weights,
    weights_fixed,
)
from raybench.attributions.arithmetic import quick_calls
from raybench.attributions.arithmetic.fixed_weights import _KEPT
from raybench.attributions.arithmetic.quick_calls import QuickCalls
from raybench.attributions.reading.capture import captured


def unlike_any(norm: nn.BatchNorm2d) -> nn.BatchNorm2d:
    """Give a normalisation statistics and weights of its own."""
    for values, low, high in (
        (norm.running_mean, -2, 2),
        (norm.running_var, 0.1, 3),
        (norm.weight, -2, 2),
        (norm.bias, -1, 1),
    ):
        if values is not None:
            nn.init.uniform_(values, low, high)
    return norm


def normalised(channels: int = 8, outputs: int = 16, **options: Any) -> nn.Sequential:
    """A convolution and its normalisation, in eval mode and frozen."""
    options = {"kernel_size": 3, "padding": 1} | options
    parts = nn.Conv2d(channels, outputs, **options), unlike_any(nn.BatchNorm2d(outputs))
    return nn.Sequential(*parts, nn.ReLU()).eval().requires_grad_(False)


@pytest.fixture
def normalisations(monkeypatch: pytest.MonkeyPatch) -> list[Tensor]:
    """Inputs of the normalisations that are computed inside `QuickCalls`."""
    inputs: list[Tensor] = []
    own = quick_calls._batch_norm

    def note(pixels: Tensor, *others: object, **options: object) -> Tensor:
        inputs.append(pixels)
        return own(pixels, *others, **options)

    monkeypatch.setattr(quick_calls, "_batch_norm", note)
    return inputs


def run(network: nn.Module, pixels: Tensor, *, prepared: bool = True) -> Tensor:
    """Run a network inside `QuickCalls`, with or without what `prepare_weights` found."""
    with weights_fixed(), torch.no_grad():
        if prepared:
            prepare_weights(network)
        with QuickCalls():
            return network(pixels)


def some_pixels(*shape: int) -> Tensor:
    torch.manual_seed(1)
    return torch.randn(*(shape or (2, 8, 13, 9))).to(memory_format=torch.channels_last)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"bias": False},
        {"stride": 2, "kernel_size": (3, 5)},
        {"groups": 4},
        {"dilation": 2},
        {"padding": "same", "padding_mode": "reflect"},
        {"kernel_size": 1, "padding": 0},
    ],
    ids=str,
)
def test_folded_normalisation_computes_what_it_did(options: dict[str, Any], normalisations: list) -> None:
    torch.manual_seed(0)
    network = normalised(**options)
    folded = run(network, some_pixels())
    assert not normalisations
    torch.testing.assert_close(folded, network(some_pixels()), rtol=1e-5, atol=1e-5)
    assert torch.equal(run(network, some_pixels()), folded)


def test_normalisation_without_weights_is_folded(normalisations: list) -> None:
    network = normalised()
    network[1] = unlike_any(nn.BatchNorm2d(16, affine=False, eps=0.1)).eval()
    folded = run(network, some_pixels())
    assert not normalisations
    torch.testing.assert_close(folded, network(some_pixels()), rtol=1e-5, atol=1e-5)


def test_large_weights_are_folded_as_they_are_packed(normalisations: list) -> None:
    torch.manual_seed(0)
    network = normalised(256, 520, bias=False).to(memory_format=torch.channels_last)
    folded = run(network, some_pixels(1, 256, 13, 9))
    assert not normalisations
    torch.testing.assert_close(folded, network(some_pixels(1, 256, 13, 9)), rtol=1e-5, atol=1e-4)


class Own(nn.Module):
    """A network with code of its own around a pair."""

    def __init__(self, call: Callable[[nn.Sequential, Tensor], Tensor]) -> None:
        super().__init__()
        self.pair = normalised()
        self.call = call

    def forward(self, pixels: Tensor) -> Tensor:
        return self.call(self.pair, pixels)


def alone(pair: nn.Sequential, pixels: Tensor) -> Tensor:
    return pair[0](pixels)


def apart(pair: nn.Sequential, pixels: Tensor) -> Tensor:
    convolved = pair[0](pixels)
    return pair[1](convolved) + convolved


def by_its_weight(pair: nn.Sequential, pixels: Tensor) -> Tensor:
    return F.conv2d(pixels, pair[0].weight, padding=1) + pair(pixels)


def by_its_statistics(pair: nn.Sequential, pixels: Tensor) -> Tensor:
    other = F.batch_norm(pixels.repeat(1, 2, 1, 1), pair[1].running_mean, pair[1].running_var)
    return pair(pixels) + other


def after_an_error(pair: nn.Sequential, pixels: Tensor) -> Tensor:
    with contextlib.suppress(RuntimeError):
        pair(pixels[:, :3])
    return pair[1](pair[0](pixels))


@pytest.mark.parametrize("call", [alone, apart, by_its_weight, by_its_statistics, after_an_error])
def test_calls_from_elsewhere_are_left_alone(call: Callable[[nn.Sequential, Tensor], Tensor]) -> None:
    network = Own(call)
    folded = run(network, some_pixels())
    torch.testing.assert_close(folded, network(some_pixels()), rtol=1e-5, atol=1e-5)
    assert torch.equal(folded, network(some_pixels())) or call not in (alone, apart, after_an_error)


def borrowing(weight: Tensor) -> nn.Module:
    """A part that uses the weight of a convolution which it does not hold."""
    return Own(lambda _, pixels: pixels + F.conv2d(pixels[:, :8], weight, padding=1).sum())


def test_weight_that_a_neighbour_borrows() -> None:
    network = normalised()
    behind = nn.Sequential(*network, borrowing(network[0].weight)).eval()
    torch.testing.assert_close(
        run(behind, some_pixels()), behind(some_pixels()), rtol=1e-5, atol=1e-5 * 2 * 16 * 13 * 9
    )
    before = nn.Sequential(borrowing(network[0].weight), *network).eval()
    with pytest.raises(RuntimeError, match="did not follow"):  # loud, and never wrong
        run(before, some_pixels())


def test_layers_with_code_of_their_own_are_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    class Louder(nn.Conv2d):
        def forward(self, input: Tensor) -> Tensor:
            return 2 * super().forward(input)

    class Backwards(nn.Sequential):
        def forward(self, input: Tensor) -> Tensor:
            return self[0](input) + self[1](self[0](input))

    class Skipping(nn.Sequential):
        def __iter__(self) -> Iterator[nn.Module]:
            return iter(list(super().__iter__())[:1])

    def assert_alone(network: nn.Module) -> None:
        assert torch.equal(run(network, some_pixels()), network(some_pixels()))

    network = normalised()
    network[0] = Louder(8, 16, 3, padding=1).requires_grad_(False)
    assert_alone(network)
    network = normalised()
    plain = network[0].forward
    network[0].forward = lambda pixels: 2 * plain(pixels)
    assert_alone(network)
    network = normalised()
    network.forward = lambda pixels: network[0](pixels)
    assert_alone(network)
    network = normalised()
    nn.utils.parametrizations.weight_norm(network[0])
    assert_alone(network.requires_grad_(False))
    assert_alone(Backwards(*normalised()))
    assert_alone(Skipping(*normalised()))
    network = normalised()
    monkeypatch.setattr(nn.Sequential, "forward", lambda self, pixels: self[0](pixels))
    assert_alone(network)


def test_patched_blocks_of_torchvision_are_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    block = resnet.BasicBlock(8, 8).eval().requires_grad_(False)
    unlike_any(block.bn1)
    assert not torch.equal(run(block, some_pixels()), block(some_pixels()))
    monkeypatch.setattr(
        resnet.BasicBlock, "forward", lambda self, pixels: self.bn1(pixels) + self.conv1(pixels)
    )
    assert torch.equal(run(block, some_pixels()), block(some_pixels()))


def test_layers_that_share_weights_or_statistics_are_left_alone() -> None:
    network = nn.Sequential(normalised(), nn.Conv2d(16, 8, 1), normalised()).eval().requires_grad_(False)
    first, _, second = network
    first[0].weight = second[0].weight
    assert torch.equal(run(network, some_pixels()), network(some_pixels()))
    second[0] = nn.Conv2d(8, 16, 3, padding=1).requires_grad_(False)
    first[1].running_mean = second[1].running_mean
    assert torch.equal(run(network, some_pixels()), network(some_pixels()))
    convolution, norm, _ = normalised(8, 8)
    twice = nn.Sequential(convolution, norm, convolution, normalised(8, 8)[1])
    assert torch.equal(run(twice, some_pixels()), twice(some_pixels()))


def test_what_is_exchanged_meanwhile_counts() -> None:
    network, other = normalised(), normalised()
    third = nn.Sequential(network[0], unlike_any(nn.BatchNorm2d(16)).eval().requires_grad_(False))
    with weights_fixed(), torch.no_grad(), QuickCalls():
        prepare_weights(network)
        network(some_pixels())
        for changed in (third, network):
            prepare_weights(changed)
            torch.testing.assert_close(changed(some_pixels()), plainly(changed), rtol=1e-5, atol=1e-5)
        weights = {"1.weight": torch.full((16,), 3.0)}
        given = torch.func.functional_call(network, weights, some_pixels())
        torch.testing.assert_close(network(some_pixels()), plainly(network), rtol=1e-5, atol=1e-5)
        network[1] = other[1]
        torch.testing.assert_close(network(some_pixels()), plainly(network), rtol=1e-5, atol=1e-5)
        prepare_weights(network)
        torch.testing.assert_close(network(some_pixels()), plainly(network), rtol=1e-5, atol=1e-5)
        network[1] = unlike_any(nn.BatchNorm2d(16)).train()
        network(some_pixels())
    assert not torch.equal(given, plainly(network))


def plainly(network: nn.Sequential) -> Tensor:
    """What a network says as torch runs it."""
    output = some_pixels()
    with torch._C.DisableTorchFunction():
        for part in network:
            output = part.forward(output)
    return output


def test_normalisation_by_the_batch_is_left_alone() -> None:
    network = normalised()
    network[1] = nn.BatchNorm2d(16, track_running_stats=False).eval().requires_grad_(False)
    assert torch.equal(run(network, some_pixels()), network(some_pixels()))
    network = normalised()
    network[1].train()
    assert torch.equal(run(network, some_pixels()), network(some_pixels()))


@pytest.mark.parametrize("watched", ["0", "0.0", "0.1", "1", "1.0", "1.0.0", "1.1"])
def test_who_watches_a_layer_sees_its_own_output(watched: str) -> None:
    torch.manual_seed(0)
    inner = nn.Sequential(nn.Sequential(nn.Conv2d(16, 16, 3)), unlike_any(nn.BatchNorm2d(16)))
    network = nn.Sequential(normalised(), inner).eval().requires_grad_(False)
    with captured(network, watched) as plain:
        network(some_pixels())
    with captured(network, watched) as folded:
        run(network, some_pixels())
    torch.testing.assert_close(folded.tensor, plain.tensor, rtol=1e-5, atol=1e-5)
    inputs: list[Tensor] = []
    handle = network.get_submodule(watched).register_forward_pre_hook(
        lambda _, given: inputs.append(given[0])
    )
    run(network, some_pixels())
    network(some_pixels())
    handle.remove()
    first, second = inputs
    torch.testing.assert_close(first, second, rtol=1e-5, atol=1e-5)


def test_who_watches_everything_sees_it(normalisations: list) -> None:
    network, seen = normalised(), []
    handle = nn.modules.module.register_module_forward_hook(lambda _, __, output: seen.append(output.clone()))
    run(network, some_pixels())
    handle.remove()
    assert len(normalisations) == 1
    assert torch.equal(seen[0], network[0](some_pixels()))


def test_recorded_passes_are_left_alone() -> None:
    network = normalised()
    leaf = some_pixels().requires_grad_()
    plain = network(leaf)
    with weights_fixed(), QuickCalls():
        prepare_weights(network)
        assert torch.equal(network(leaf), plain)
        network.requires_grad_(True)
        network(some_pixels()).sum().backward()
    assert all(parameter.grad is not None for parameter in network.parameters())


def test_double_precision_is_left_alone() -> None:
    network, pixels = normalised(128, 128).double(), some_pixels(1, 128, 9, 9).double()
    assert torch.equal(run(network, pixels), network(pixels))


def test_nothing_is_packed_without_onednn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(quick_calls, "_has_onednn", lambda: False)
    monkeypatch.setattr(quick_calls, "_PACK", None)
    network, pixels = normalised(128, 128), some_pixels(1, 128, 9, 9)
    torch.testing.assert_close(run(network, pixels), network(pixels), rtol=1e-5, atol=1e-4)


def test_nothing_is_folded_once_weights_may_change(normalisations: list) -> None:
    network = normalised()
    prepare_weights(network)
    with QuickCalls(), torch.no_grad():
        network(some_pixels())
        assert len(normalisations) == 1
    run(network, some_pixels())
    assert len(normalisations) == 1
    assert not any(part._forward_hooks or part._forward_pre_hooks for part in network.modules())
    network[0].weight.data.mul_(3)
    network[1].running_var.mul_(2)
    torch.testing.assert_close(run(network, some_pixels()), network(some_pixels()), rtol=1e-5, atol=1e-5)
    assert torch.equal(run(network, some_pixels(), prepared=False), network(some_pixels()))


def test_folds_go_with_the_network() -> None:
    with weights_fixed():
        network = normalised(256, 520)
        prepare_weights(network)
        assert len(_KEPT) == 1
        del network
        gc.collect()
        assert len(_KEPT) == 0


@pytest.mark.parametrize(
    ("name", "folds"),
    [
        ("resnet18", 20),
        ("densenet121", 1),
        ("googlenet", 57),
        ("mobilenet_v3_small", 34),
        ("efficientnet_b0", 49),
        ("shufflenet_v2_x0_5", 56),
        ("alexnet", 0),
    ],
)
def test_networks_of_torchvision_say_the_same(
    random_network: Callable[[str], NetworkLike], name: str, folds: int, normalisations: list
) -> None:
    network = random_network(name).module
    pixels = torch.randn(2, 3, 96, 80, generator=torch.Generator().manual_seed(0))
    plain = run(network, pixels, prepared=False)
    all_of_them = len(normalisations)
    folded = run(network, pixels)
    assert len(normalisations) - all_of_them == all_of_them - folds
    scale = plain.abs().max()
    torch.testing.assert_close(folded / scale, plain / scale, rtol=0, atol=1e-5)


@pytest.mark.parametrize("method", [grad_cam, gradient, contrastive_excitation_backprop])
def test_maps_of_a_folded_network(
    random_network: Callable[[str], NetworkLike], method: Callable[..., Tensor], normalisations: list
) -> None:
    network, pixels = random_network("resnet18"), some_pixels(2, 3, 96, 80)
    queries = torch.tensor([0, 1, 1]), torch.tensor([0, 1, 2])
    plain = method(network, pixels, *queries)
    with weights_fixed():
        normalisations.clear()
        prepare_weights(network.module)
        folded = method(network, pixels, *queries)
    assert bool(normalisations) == (method is not grad_cam)
    torch.testing.assert_close(folded, plain, rtol=1e-4, atol=1e-5 * float(plain.max()))
