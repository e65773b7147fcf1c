"""The consistency loss against a literal reading of its definition, one image at a time."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from raybench.base.errors import RaybenchError, UnknownNameError
from raybench.checkpoints import build_module
from raybench.training import (
    consistency_loss,
    linear_head,
    make_grids,
    normalised_grad_cam,
    place_in_quadrants,
)
from raybench.training.step.consistency import Tapped, tapped
from raybench.training.step.step import TrainingStep

CLASSES = torch.tensor([2, 0, 1, 2])
QUADRANTS = torch.tensor([0, 1, 2, 3])


def small_net(pooling: nn.Module) -> nn.Sequential:
    torch.manual_seed(0)
    net = nn.Sequential()
    net.add_module("conv1", nn.Conv2d(3, 5, 3, padding=1))
    net.add_module("tanh", nn.Tanh())
    net.add_module("layer4", nn.Conv2d(5, 6, 3, stride=2, padding=1))
    net.add_module("avgpool", pooling)
    net.add_module("flatten", nn.Flatten())
    net.add_module("fc", nn.Linear(6, 3))
    return net.double()


def batch() -> tuple[Tensor, Tensor]:
    images = torch.randn(4, 3, 6, 8, generator=torch.Generator().manual_seed(1), dtype=torch.double)
    negatives = torch.tensor([[1, 2, 1], [0, 2, 3], [0, 1, 3], [2, 1, 2]])
    return images, make_grids(images, negatives, QUADRANTS)


def literal_map(net: nn.Sequential, image: Tensor, class_index: int, *, resized: bool) -> Tensor:
    """A(x), as protocols.md words it, for one image and with autograd."""
    features = net.layer4(net.tanh(net.conv1(image[None])))
    score = net.fc(net.flatten(net.avgpool(features)))[0, class_index]
    (gradient,) = torch.autograd.grad(score, features, create_graph=True)
    relevance = torch.relu(sum(gradient[0, k] * features[0, k] for k in range(features.shape[1])))
    heat = relevance / (relevance.sum() + 1e-8) + 1e-8
    return nn.Upsample(image.shape[1:], mode="bilinear")(heat[None, None])[0, 0] if resized else heat


def literal_loss(net: nn.Sequential, images: Tensor, grids: Tensor, *, resized: bool = False) -> Tensor:
    losses = []
    for image, grid, class_index, quadrant in zip(images, grids, CLASSES, QUADRANTS, strict=True):
        own, whole = (literal_map(net, each, int(class_index), resized=resized) for each in (image, grid))
        height, width = own.shape
        target = torch.zeros_like(whole)
        top, left = (int(quadrant) // 2) * height, (int(quadrant) % 2) * width
        target[top : top + height, left : left + width] = own
        losses.append((whole - target).abs().mean())
    return torch.stack(losses).mean()


def value_and_gradient(loss: Tensor, net: nn.Module) -> tuple[Tensor, Tensor]:
    gradients = torch.autograd.grad(loss, list(net.parameters()), allow_unused=True, materialize_grads=True)
    return loss.detach(), torch.cat([gradient.flatten() for gradient in gradients])


@pytest.mark.parametrize("resized", [False, True], ids=["native", "resized"])
@pytest.mark.parametrize("pooling", [nn.AdaptiveAvgPool2d(1), nn.AdaptiveMaxPool2d(1)], ids=["avg", "max"])
def test_loss_and_gradient_equal_the_literal_reading(pooling: nn.Module, resized: bool) -> None:
    net = small_net(pooling)
    images, grids = batch()
    ours = consistency_loss(
        net, "layer4", images, grids, CLASSES, QUADRANTS, gradient="autograd", resize_maps=resized
    ).consistency
    expected = value_and_gradient(literal_loss(net, images, grids, resized=resized), net)
    torch.testing.assert_close(value_and_gradient(ours, net), expected, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("pooling", [nn.AdaptiveAvgPool2d(1), nn.AdaptiveMaxPool2d(1)], ids=["avg", "max"])
def test_closed_form_equals_second_order_autograd(pooling: nn.Module) -> None:
    net = small_net(pooling)
    images, grids = batch()
    results = [
        value_and_gradient(
            consistency_loss(net, "layer4", images, grids, CLASSES, QUADRANTS, gradient=how).consistency, net
        )
        for how in ("closed", "autograd")
    ]
    torch.testing.assert_close(results[0], results[1], rtol=1e-9, atol=1e-12)


def test_linear_head_is_found_behind_the_target_layer_only() -> None:
    net = small_net(nn.AdaptiveAvgPool2d(1))
    assert linear_head(net, "layer4") == (net.avgpool, net.fc)
    assert linear_head(net, "conv1") is None
    assert linear_head(small_net(nn.AdaptiveAvgPool2d((1, 1))), "layer4") is not None
    assert linear_head(nn.Sequential(net, nn.ReLU()), "0") is None


class TanhBetween(nn.Module):
    """A network whose children alone look like a head of pooling and a linear layer."""

    def __init__(self, net: nn.Sequential) -> None:
        super().__init__()
        self.stem, self.layer4 = net[:2], net.layer4
        self.avgpool, self.fc = net.avgpool, net.fc

    def forward(self, images: Tensor) -> Tensor:
        return self.fc(self.avgpool(self.layer4(self.stem(images))).flatten(1).tanh())


def test_closed_form_is_not_taken_where_the_forward_does_more_than_the_head() -> None:
    net = TanhBetween(small_net(nn.AdaptiveAvgPool2d(1)))
    images, grids = batch()
    values = {
        how: consistency_loss(
            net, "layer4", images, grids, CLASSES, QUADRANTS, gradient=how
        ).consistency.item()  # type: ignore[arg-type]
        for how in ("auto", "autograd", "closed")
    }
    assert values["auto"] == values["autograd"]
    assert abs(values["closed"] - values["autograd"]) > 1e-4 * values["autograd"]


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_head_of_a_resnet_gives_its_logits_in_any_precision(dtype: torch.dtype) -> None:
    torch.manual_seed(0)
    net = build_module("resnet18", num_classes=10, pooling="max").train()
    head = linear_head(net, "layer4")
    assert head is not None
    with tapped(net, "layer4") as tap, torch.autocast("cpu", dtype, enabled=dtype is not torch.float32):
        features, logits = tap(torch.randn(4, 3, 64, 64))
    assert logits.dtype is dtype
    assert head.gives(logits, features)
    assert not head.gives(1.1 * logits, features)


def test_closed_form_is_refused_for_another_head() -> None:
    net = small_net(nn.AdaptiveAvgPool2d(1))
    net.append(nn.Tanh())
    images, grids = batch()
    with pytest.raises(ValueError, match="not global pooling and one linear layer"):
        consistency_loss(net, "layer4", images, grids, CLASSES, QUADRANTS, gradient="closed")


def test_logits_are_those_of_the_plain_images() -> None:
    net = small_net(nn.AdaptiveAvgPool2d(1))
    images, grids = batch()
    terms = consistency_loss(net, "layer4", images, grids, CLASSES, QUADRANTS)
    torch.testing.assert_close(terms.logits, net(images))


def test_unknown_layer_is_named_and_no_hook_stays() -> None:
    net = small_net(nn.AdaptiveAvgPool2d(1))
    images, grids = batch()
    with pytest.raises(UnknownNameError, match=r"'layer5'.*did you mean 'layer4'"):
        consistency_loss(net, "layer5", images, grids, CLASSES, QUADRANTS)
    with pytest.raises(RuntimeError):
        consistency_loss(net, "layer4", images[:, :2], grids, CLASSES, QUADRANTS)
    assert not any(module._forward_hooks for module in net.modules())


def test_map_of_integer_features_is_as_computed_by_hand() -> None:
    features = torch.tensor([[[[1.0, 2.0]], [[3.0, 0.0]]]])
    gradients = torch.tensor([[[[1.0]], [[-1.0]]]])
    maps = normalised_grad_cam(features, gradients)  # relu(1 - 3), relu(2 - 0)
    torch.testing.assert_close(maps, torch.tensor([[[0.0, 1.0]]]), atol=1e-7, rtol=0)


def test_quadrants_are_in_reading_order() -> None:
    maps = torch.arange(1.0, 5.0).view(4, 1, 1)
    expected = torch.tensor([[[1.0, 0], [0, 0]], [[0, 2.0], [0, 0]], [[0, 0], [3.0, 0]], [[0, 0], [0, 4.0]]])
    assert torch.equal(place_in_quadrants(maps, torch.arange(4)), expected)


def test_resized_map_is_the_normalised_one_enlarged_as_computed_by_hand() -> None:
    features = torch.tensor([[[[1.0, 3.0]]]])  # normalised to 1/4 and 3/4
    maps = normalised_grad_cam(features, torch.ones(1, 1, 1, 1), (1, 4))
    torch.testing.assert_close(maps, torch.tensor([[[0.25, 0.375, 0.625, 0.75]]]), atol=1e-7, rtol=0)


def test_rows_leave_the_others_out() -> None:
    net = small_net(nn.AdaptiveMaxPool2d(1))
    images, grids = batch()
    rows = torch.tensor([0, 2])
    for how in ("closed", "autograd"):
        some = consistency_loss(
            net,
            "layer4",
            images,
            grids[rows],
            CLASSES[rows],
            QUADRANTS[rows],
            rows=rows,
            gradient=how,  # type: ignore[arg-type]
        )
        alone = consistency_loss(net, "layer4", images[rows], grids[rows], CLASSES[rows], QUADRANTS[rows])
        torch.testing.assert_close(some.consistency, alone.consistency)
        assert some.logits.shape == (4, 3)


def test_crop_that_does_not_fit_the_stride_is_named() -> None:
    net = small_net(nn.AdaptiveAvgPool2d(1))
    images = torch.zeros(1, 3, 5, 5, dtype=torch.double)
    with pytest.raises(RaybenchError, match="images of 5 pixels have maps of 3, but grids of 10 .* of 5"):
        consistency_loss(
            net, "layer4", images, images.new_zeros(1, 3, 10, 10), torch.tensor([0]), torch.tensor([0])
        )


@pytest.mark.parametrize("how", ["closed", "autograd"])
def test_maps_under_mixed_precision_are_those_of_float32_arithmetic(how: str) -> None:
    net = small_net(nn.AdaptiveAvgPool2d(1)).float()
    images, grids = (tensor.float() for tensor in batch())
    with torch.autocast("cpu", torch.bfloat16):
        terms = consistency_loss(
            net,
            "layer4",
            images,
            grids,
            CLASSES,
            QUADRANTS,
            gradient=how,  # type: ignore[arg-type]
        )
        features = [net.layer4(net.tanh(net.conv1(each))) for each in (images, grids)]
    assert features[0].dtype is torch.bfloat16
    assert terms.consistency.dtype is torch.float32
    weight = net.fc.weight[CLASSES][:, :, None, None]
    if how == "autograd":  # the head's own derivative is that of its 16-bit pass
        weight = weight.bfloat16().float()
    own, whole = (normalised_grad_cam(each, weight / each[0, 0].numel()) for each in features)
    expected = (whole - place_in_quadrants(own, QUADRANTS)).abs().mean()
    torch.testing.assert_close(terms.consistency, expected, rtol=1e-2 if how == "autograd" else 1e-6, atol=0)


def test_compiled_network_gives_the_same_losses() -> None:
    net = small_net(nn.AdaptiveMaxPool2d(1)).float()
    images, grids = (tensor.float() for tensor in batch())
    tap = Tapped(net, "layer4")
    compiled = torch.compile(tap, backend="aot_eager")
    arguments = (net, "layer4", images, grids, CLASSES, QUADRANTS)
    expected = value_and_gradient(consistency_loss(*arguments).consistency, net)
    ours = value_and_gradient(consistency_loss(*arguments, run=compiled).consistency, net)
    torch.testing.assert_close(ours, expected)
    tap.close()
    assert not any(module._forward_hooks for module in net.modules())


def test_compiling_a_head_that_needs_second_order_is_refused() -> None:
    net = small_net(nn.AdaptiveAvgPool2d(1)).append(nn.Tanh())
    with pytest.raises(RaybenchError, match="torch.compile cannot differentiate twice"):
        TrainingStep(net, "layer4").compile()


def test_frozen_batch_norm_stays_in_evaluation_mode() -> None:
    net = nn.Sequential(nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4))
    frozen, usual = (TrainingStep(net, "0", frozen_batch_norm=flag).train() for flag in (True, False))
    assert usual.network[1].training
    assert not frozen.train().network[1].training
