"""Batch normalisation folded into the convolution before it: the same values, where nobody watches."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from raybench.attributions import (
    NetworkLike,
    contrastive_excitation_backprop,
    grad_cam,
    gradient,
    prepare_weights,
    quick_calls,
    weights_fixed,
)
from raybench.attributions.capture import captured
from raybench.attributions.quick_calls import QuickCalls


class Normalised(nn.Module):
    """A convolution, a normalisation, and whatever `forward` a test gives."""

    def __init__(self, forward: Callable[[Normalised, Tensor], Tensor], **options: object) -> None:
        super().__init__()
        options = {"kernel_size": 3, "padding": 1} | options
        self.convolution = nn.Conv2d(8, 16, **options)
        self.norm = unlike_any(nn.BatchNorm2d(16))
        self.other = nn.Conv2d(16, 16, 1)
        self.inner = forward
        self.eval().requires_grad_(False)

    def forward(self, pixels: Tensor) -> Tensor:
        return self.inner(self, pixels)


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


def one_after_the_other(network: Normalised, pixels: Tensor) -> Tensor:
    return F.relu(network.norm(network.convolution(pixels)))


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
def test_folded_normalisation_computes_what_it_did(options: dict[str, object], normalisations: list) -> None:
    torch.manual_seed(0)
    network = Normalised(one_after_the_other, **options)
    folded = run(network, some_pixels())
    assert not normalisations
    torch.testing.assert_close(folded, network(some_pixels()), rtol=1e-5, atol=1e-5)
    assert torch.equal(run(network, some_pixels()), folded)


def test_normalisation_without_weights_is_folded(normalisations: list) -> None:
    network = Normalised(one_after_the_other)
    network.norm = unlike_any(nn.BatchNorm2d(16, affine=False, eps=0.1)).eval()
    folded = run(network, some_pixels())
    assert not normalisations
    torch.testing.assert_close(folded, network(some_pixels()), rtol=1e-5, atol=1e-5)


def test_large_weights_are_folded_as_they_are_packed(normalisations: list) -> None:
    torch.manual_seed(0)
    norm = unlike_any(nn.BatchNorm2d(520))
    network = nn.Sequential(nn.Conv2d(256, 520, 3, bias=False), norm).eval().requires_grad_(False)
    network = network.to(memory_format=torch.channels_last)
    pixels = some_pixels(1, 256, 13, 9)
    folded = run(network, pixels)
    assert not normalisations
    torch.testing.assert_close(folded, network(pixels), rtol=1e-5, atol=1e-4)


def used_twice(network: Normalised, pixels: Tensor) -> Tensor:
    convolved = network.convolution(pixels)
    return network.norm(convolved) + convolved


def called_twice(network: Normalised, pixels: Tensor) -> Tensor:
    return network.norm(network.convolution(pixels)) + network.convolution(pixels.flip(2))


def changed_between(network: Normalised, pixels: Tensor) -> Tensor:
    convolved = network.convolution(pixels)
    convolved.add_(1)
    return network.norm(convolved)


def normalised_twice(network: Normalised, pixels: Tensor) -> Tensor:
    return network.norm(network.other(network.norm(network.convolution(pixels))))


def by_its_weight(network: Normalised, pixels: Tensor) -> Tensor:
    convolved = F.conv2d(pixels, network.convolution.weight, network.convolution.bias, padding=1)
    return network.norm(convolved)


def by_its_weight_again(network: Normalised, pixels: Tensor) -> Tensor:
    convolved = F.conv2d(pixels, network.convolution.weight, padding=1)
    return network.norm(network.convolution(pixels)) + convolved


def by_its_statistics_again(network: Normalised, pixels: Tensor) -> Tensor:
    convolved = network.convolution(pixels)
    other = F.batch_norm(pixels.repeat(1, 2, 1, 1), network.norm.running_mean, network.norm.running_var)
    return network.norm(convolved) + other


def by_size(network: Normalised, pixels: Tensor) -> Tensor:
    convolved = network.convolution(pixels)
    return network.norm(convolved) if pixels.mean() > 100 else convolved


@pytest.mark.parametrize(
    "forward",
    [
        used_twice,
        called_twice,
        changed_between,
        normalised_twice,
        by_its_weight,
        by_its_weight_again,
        by_its_statistics_again,
        by_size,
    ],
)
def test_other_graphs_are_left_alone(forward: Callable[[Normalised, Tensor], Tensor]) -> None:
    network = Normalised(forward)
    assert torch.equal(run(network, some_pixels()), run(network, some_pixels(), prepared=False))


def test_layers_with_code_of_their_own_are_left_alone() -> None:
    class Louder(nn.Conv2d):
        def forward(self, input: Tensor) -> Tensor:
            return 2 * super().forward(input)

    network = Normalised(one_after_the_other)
    network.convolution = Louder(8, 16, 3, padding=1).requires_grad_(False)
    assert torch.equal(run(network, some_pixels()), network(some_pixels()))
    network = Normalised(one_after_the_other)
    plain = network.convolution.forward
    network.convolution.forward = lambda pixels: 2 * plain(pixels)
    assert torch.equal(run(network, some_pixels()), network(some_pixels()))
    network = Normalised(one_after_the_other)
    nn.utils.parametrizations.weight_norm(network.convolution)
    network.requires_grad_(False)
    assert torch.equal(run(network, some_pixels()), network(some_pixels()))


def test_layers_that_share_weights_or_statistics_are_left_alone() -> None:
    network = nn.Sequential(
        Normalised(one_after_the_other), nn.Conv2d(16, 8, 1), Normalised(one_after_the_other)
    )
    network.eval().requires_grad_(False)
    first, _, second = network
    first.convolution.weight = second.convolution.weight
    assert torch.equal(run(network, some_pixels()), network(some_pixels()))
    second.convolution = nn.Conv2d(8, 16, 3, padding=1).requires_grad_(False)
    first.norm.running_mean = second.norm.running_mean
    assert torch.equal(run(network, some_pixels()), network(some_pixels()))


def test_normalisation_by_the_batch_is_left_alone() -> None:
    network = Normalised(one_after_the_other)
    network.norm = nn.BatchNorm2d(16, track_running_stats=False).eval().requires_grad_(False)
    assert torch.equal(run(network, some_pixels()), network(some_pixels()))
    network = Normalised(one_after_the_other)
    network.norm.train()
    assert torch.equal(run(network, some_pixels()), network(some_pixels()))


@pytest.mark.parametrize("watched", ["0", "0.convolution", "0.norm", "1.0.0", "1.0", "1.1"])
def test_who_watches_a_layer_sees_its_own_output(watched: str) -> None:
    torch.manual_seed(0)
    inner = nn.Sequential(nn.Sequential(nn.Conv2d(16, 16, 3)), unlike_any(nn.BatchNorm2d(16)))
    network = nn.Sequential(Normalised(one_after_the_other), inner).eval().requires_grad_(False)
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


def test_recorded_passes_are_left_alone() -> None:
    network = Normalised(one_after_the_other)
    leaf = some_pixels().requires_grad_()
    plain = network(leaf)
    with weights_fixed():
        prepare_weights(network)
        with QuickCalls():
            recorded = network(leaf)
    assert torch.equal(recorded, plain)


def test_nothing_is_folded_once_weights_may_change(normalisations: list) -> None:
    network = Normalised(one_after_the_other)
    prepare_weights(network)
    with QuickCalls(), torch.no_grad():
        network(some_pixels())
        assert len(normalisations) == 1
    run(network, some_pixels())
    assert len(normalisations) == 1
    network.convolution.weight.data.mul_(3)
    network.norm.running_var.mul_(2)
    torch.testing.assert_close(run(network, some_pixels()), network(some_pixels()), rtol=1e-5, atol=1e-5)
    assert torch.equal(run(network, some_pixels(), prepared=False), network(some_pixels()))


@pytest.mark.parametrize(
    ("name", "folds"),
    [
        ("resnet18", 20),
        ("densenet121", 59),
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
