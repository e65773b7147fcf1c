"""A tiny checkpoint on disk: the smallest architecture that any card may name, with three classes."""

from pathlib import Path

import pytest
import torch
import yaml
from torch import Tensor

from raybench.checkpoints import build_module

TINY = "raybench.checkpoints.shapes_net:shapes_net"


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch) -> Path:
    """A cache folder of this test alone."""
    folder = tmp_path / "cache"
    monkeypatch.setenv("RAYBENCH_CACHE", str(folder))
    return folder


@pytest.fixture
def tensors() -> dict[str, Tensor]:
    """State dict of the tiny network with weights that are the same in every run."""
    state = build_module(TINY, num_classes=3).state_dict()
    generator = torch.Generator().manual_seed(0)
    for tensor in state.values():
        if tensor.is_floating_point():
            tensor.copy_(torch.rand(tensor.shape, generator=generator) * 0.1 + 0.01)
    return state


@pytest.fixture
def write_card(tmp_path, tensors):
    """Writes `tiny.yaml` beside its classes and returns its path; keywords replace keys of the card."""
    (tmp_path / "three.txt").write_text("circle\nsquare\tthe square\nstar\n")
    torch.save(tensors, tmp_path / "tiny.pth")

    def write(**changes: object) -> Path:
        card = {
            "name": "tiny",
            "architecture": TINY,
            "classes": "three.txt",
            "weights": {"path": "tiny.pth"},
            "target_layer": "layer4",
            "excitation_layer": "layer3",
            "contrast_layer": "avgpool",
        }
        path = tmp_path / "tiny.yaml"
        path.write_text(yaml.safe_dump({**card, **changes}))
        return path

    return write
