"""Cards of networks with random weights, for measurements that no trained network is needed for."""

from __future__ import annotations

import json
from pathlib import Path

import torch
from safetensors.torch import save_file

from raybench.checkpoints import build_module

SMALL = "raybench.checkpoints.shapes_net:shapes_net"
"""A network of ten layers that costs next to nothing."""


def random_card(folder: Path, architecture: str) -> Path:
    """Write a residual network with torchvision's names of layers and random weights; return its card."""
    name = "random-" + architecture.rpartition(":")[2].replace("_", "-")
    torch.manual_seed(0)
    folder.mkdir(parents=True, exist_ok=True)
    save_file(build_module(architecture, num_classes=1000).state_dict(), folder / f"{name}.safetensors")
    card = {
        "name": name,
        "architecture": architecture,
        "classes": "imagenet1k",
        "weights": {"path": f"{name}.safetensors"},
        "target_layer": "layer4",
        "excitation_layer": "layer3",
        "contrast_layer": "avgpool",
    }
    (folder / f"{name}.yaml").write_text(json.dumps(card), encoding="utf-8")  # JSON is YAML
    return folder / f"{name}.yaml"
