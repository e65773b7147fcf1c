"""Quicker calls: the values and gradients of torch, in float64, over the shapes that could go wrong."""

from __future__ import annotations

import gc

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from raybench.attributions.arithmetic.fixed_weights import _KEPT, weights_fixed
from raybench.attributions.arithmetic.quick_calls import QuickCalls, prepare_weights


def gradients(module: nn.Module, pixels: torch.Tensor, *, quick: bool) -> tuple[torch.Tensor, torch.Tensor]:
    """Output of a module, and the gradient of a random sum of it."""
    leaf = pixels.clone().requires_grad_()
    if quick:
        with QuickCalls():
            output = module(leaf)
    else:
        output = module(leaf)
    wanted = torch.randn(output.shape, generator=torch.Generator().manual_seed(1), dtype=output.dtype)
    return output.detach(), torch.autograd.grad(output, leaf, wanted)[0]


@pytest.mark.parametrize(
    ("kernel", "stride", "padding"),
    [(7, 2, 3), (11, 4, 2), (3, 2, 1), (3, 2, 0), (4, 4, 0), (2, 3, 0), (1, 2, 0), ((5, 3), (2, 3), (1, 0))],
)
@pytest.mark.parametrize("size", [(32, 45), (33, 44), (35, 47)])
@pytest.mark.parametrize("channels", [1, 3])
def test_gradient_of_a_strided_convolution_is_torchs(
    kernel: int, stride: int, padding: int, size: tuple[int, int], channels: int
) -> None:
    torch.manual_seed(0)
    module = nn.Conv2d(channels, 5, kernel, stride, padding).double().requires_grad_(False)
    pixels = torch.randn(2, channels, *size, dtype=torch.float64)
    expected, ours = (gradients(module, pixels, quick=quick) for quick in (False, True))
    assert torch.equal(ours[0], expected[0])
    torch.testing.assert_close(ours[1], expected[1], rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("affine", [True, False])
def test_gradient_of_a_frozen_normalisation_is_torchs(affine: bool) -> None:
    torch.manual_seed(0)
    norm = nn.BatchNorm2d(6, affine=affine).double()
    norm.running_mean.uniform_(-2, 2)
    norm.running_var.uniform_(0.1, 3)
    if affine:
        nn.init.uniform_(norm.weight, -2, 2)
    module = nn.Sequential(norm, nn.ReLU(inplace=True)).eval().requires_grad_(False)
    pixels = torch.randn(2, 6, 7, 9, dtype=torch.float64)
    expected, ours = (gradients(module, pixels, quick=quick) for quick in (False, True))
    assert torch.equal(ours[0], expected[0])
    torch.testing.assert_close(ours[1], expected[1], rtol=1e-12, atol=1e-12)


def test_weights_that_learn_still_get_their_gradients() -> None:
    torch.manual_seed(0)
    module = nn.Sequential(nn.Conv2d(3, 4, 3, 2), nn.BatchNorm2d(4).eval()).double()
    pixels = torch.randn(1, 3, 9, 9, dtype=torch.float64, requires_grad=True)
    with QuickCalls():
        output = module(pixels)
    output.square().sum().backward()
    ours = [parameter.grad.clone() for parameter in module.parameters()]
    module.zero_grad()
    module(pixels).square().sum().backward()
    for mine, parameter in zip(ours, module.parameters(), strict=True):
        torch.testing.assert_close(mine, parameter.grad, rtol=1e-12, atol=1e-12)


def test_other_convolutions_are_left_alone() -> None:
    pixels = torch.randn(1, 4, 9, 9, requires_grad=True)
    with QuickCalls():
        for options in ({"groups": 2}, {"dilation": 2, "stride": 2}, {"padding": "same"}):
            weight = torch.randn(4, 4 // options.get("groups", 1), 3, 3)
            name = type(F.conv2d(pixels, weight, **options).grad_fn).__name__
            assert name == "ConvolutionBackward0"


@pytest.fixture
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("size", [(40, 33), (3, 2)])
@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("rows", [1, 3])
def test_convolution_with_one_pixel_is_a_matrix_product(
    one_thread: None, rows: int, stride: int, size: tuple[int, int], bias: bool
) -> None:
    torch.manual_seed(0)
    module = nn.Conv2d(32, 12, 1, stride, bias=bias).requires_grad_(False)
    exact = nn.Conv2d(32, 12, 1, stride, bias=bias).double().requires_grad_(False)
    exact.load_state_dict(module.state_dict())
    pixels = torch.randn(rows, 32, *size).to(memory_format=torch.channels_last)
    expected, ours = gradients(exact, pixels.double(), quick=False), gradients(module, pixels, quick=True)
    with QuickCalls():
        assert torch.equal(module(pixels), ours[0])
    # the random sum is drawn in the output's own precision
    wanted = torch.randn(ours[0].shape, generator=torch.Generator().manual_seed(1))
    leaf = pixels.double().requires_grad_()
    (gradient,) = torch.autograd.grad(exact(leaf), leaf, wanted.double())
    torch.testing.assert_close(ours[0].double(), expected[0], rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(ours[1].double(), gradient, rtol=1e-5, atol=1e-5)


def test_large_one_pixel_convolution_of_one_thread_goes_to_onednn(one_thread: None) -> None:
    module = nn.Conv2d(32, 12, 1).requires_grad_(False)
    pixels = torch.randn(1, 32, 40, 33).to(memory_format=torch.channels_last).requires_grad_()
    with QuickCalls():
        assert type(module(pixels).grad_fn).__name__ == "_ConvolvedBackward"
        assert type(module(pixels[..., :3, :3]).grad_fn).__name__ == "ConvolutionBackward0"
        torch.set_num_threads(2)
        assert type(module(pixels).grad_fn).__name__ == "ConvolutionBackward0"


@pytest.mark.parametrize(
    ("kernel", "stride", "padding"),
    [(3, 1, 1), (3, 2, 1), (1, 1, 0), (1, 2, 0), (5, 1, 0), (3, 1, 3), ((3, 5), 1, (2, 1))],
)
@pytest.mark.parametrize("rows", [1, 2])
def test_convolution_with_packed_weights_is_torchs(rows: int, kernel: int, stride: int, padding: int) -> None:
    torch.manual_seed(0)
    module = nn.Conv2d(256, 520, kernel, stride, padding).requires_grad_(False)
    module = module.to(memory_format=torch.channels_last)
    pixels = torch.randn(rows, 256, 13, 9).to(memory_format=torch.channels_last)
    with weights_fixed():
        expected, ours = (gradients(module, pixels, quick=quick) for quick in (False, True))
    torch.testing.assert_close(ours[0], expected[0], rtol=1e-6, atol=1e-6)
    torch.testing.assert_close(ours[1], expected[1], rtol=1e-4, atol=1e-5)
    with QuickCalls(), weights_fixed(), torch.no_grad():
        assert torch.equal(module(pixels), ours[0])


def test_other_layouts_are_left_to_torch() -> None:
    module = nn.Conv2d(256, 520, 3).requires_grad_(False)
    pixels = torch.randn(1, 256, 13, 9, requires_grad=True)
    with QuickCalls():
        assert type(module(pixels).grad_fn).__name__ == "ConvolutionBackward0"


def test_packed_weights_are_kept_only_while_weights_are_fixed() -> None:
    module = nn.Conv2d(256, 520, 3).requires_grad_(False)
    pixels = torch.randn(1, 256, 13, 9).to(memory_format=torch.channels_last)
    with QuickCalls():
        before = module(pixels)
        with weights_fixed():
            assert torch.allclose(module(pixels), before, rtol=1e-5, atol=1e-5)
            assert len(_KEPT) == 1
        assert len(_KEPT) == 0
        module.weight.data.mul_(2)  # leaves no trace in the version of the tensor
        module.bias.data.mul_(2)
        torch.testing.assert_close(module(pixels), 2 * before)
        with weights_fixed():
            torch.testing.assert_close(module(pixels), 2 * before)


@pytest.mark.parametrize(("outputs", "channels", "kernel"), [(384, 288, 3), (256, 384, 3), (512, 2048, 1)])
def test_weights_whose_order_depends_on_the_size_of_the_maps_are_not_packed(
    outputs: int, channels: int, kernel: int
) -> None:
    with weights_fixed(), QuickCalls():
        module = nn.Conv2d(channels, outputs, kernel).requires_grad_(False)
        prepare_weights(module)
        module(torch.randn(1, channels, 14, 19).to(memory_format=torch.channels_last))
        assert len(_KEPT) == 0


def test_kept_weights_go_with_the_network() -> None:
    pixels = torch.randn(1, 256, 13, 9).to(memory_format=torch.channels_last)
    with QuickCalls(), weights_fixed():
        nn.Conv2d(256, 520, 3).requires_grad_(False)(pixels)
        gc.collect()
        assert len(_KEPT) == 0
