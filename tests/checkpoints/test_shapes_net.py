"""The small network that the shipped checkpoints use."""

from __future__ import annotations

import pytest
import torch

from raybench.checkpoints import build_module
from raybench.checkpoints.shapes_net import shapes_net


def test_weights_stay_below_one_megabyte() -> None:
    tensors = shapes_net(12).state_dict().values()
    assert sum(tensor.numel() * tensor.element_size() for tensor in tensors) < 1_000_000


@pytest.mark.parametrize(("height", "width"), [(64, 64), (80, 107), (128, 80)])
def test_any_size_passes_and_the_last_stage_has_an_eighth_of_it(height: int, width: int) -> None:
    net = shapes_net(12).eval()
    shapes = []
    net.layer4.register_forward_hook(lambda _module, _input, output: shapes.append(output.shape))
    assert net(torch.zeros(2, 3, height, width)).shape == (2, 12)
    assert shapes == [(2, 96, -(-height // 8), -(-width // 8))]


def test_pooling_is_replaced_by_name() -> None:
    module = build_module("raybench.checkpoints.shapes_net:shapes_net", num_classes=12, pooling="max")
    assert isinstance(module.avgpool, torch.nn.AdaptiveMaxPool2d)
