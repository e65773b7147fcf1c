"""The loss that docs/training.md shows as one's own runs as it stands there."""

from __future__ import annotations

import math
import re
from pathlib import Path

import pytest
import torch

from raybench.checkpoints.shapes_net import shapes_net
from raybench.training import normalised_grad_cam
from raybench.training.consistency import tapped

DOCS = Path(__file__).resolve().parents[2] / "docs" / "training.md"


@pytest.mark.skipif(not DOCS.is_file(), reason="the docs lie in the checkout only")
def test_documented_loss_lies_between_a_point_and_an_even_map() -> None:
    (code,) = re.findall(r"```python\n(.*?)```", DOCS.read_text(encoding="utf-8"), re.DOTALL)
    names = {"torch": torch, "tapped": tapped, "normalised_grad_cam": normalised_grad_cam}
    exec(code, names)
    torch.manual_seed(0)
    network = shapes_net(12)
    logits, loss = names["focus_loss"](network, "layer4", torch.randn(2, 3, 32, 32), torch.tensor([1, 4]))  # type: ignore[operator]
    assert logits.shape == (2, 12)
    assert 0 < loss.item() <= math.log(4 * 4) + 1e-5
    loss.backward()
    assert network.layer4.conv1.weight.grad.abs().sum() > 0
