"""Cards of networks with random weights, for measurements that no trained network is needed for."""

from __future__ import annotations

import json
from pathlib import Path

import torch
from safetensors.torch import save_file

from raybench.checkpoints import build_module

SMALL = "raybench.checkpoints.shapes_net:shapes_net"
"""A network of ten layers that costs next to nothing."""

_CLASSES = {"imagenet1k": 1000, "coco80": 80}


def random_card(folder: Path, architecture: str, classes: str = "imagenet1k") -> Path:
    """Write a network with the weights that training begins with, and return its card.

    Args:
        folder: where card and weights go.
        architecture: a residual network with torchvision's names of layers.
        classes: a class list.
    """
    name = "random-" + architecture.rpartition(":")[2].replace("_", "-")
    torch.manual_seed(0)
    folder.mkdir(parents=True, exist_ok=True)
    save_file(
        build_module(architecture, num_classes=_CLASSES[classes]).state_dict(), folder / f"{name}.safetensors"
    )
    card = {
        "name": name,
        "architecture": architecture,
        "classes": classes,
        "weights": {"path": f"{name}.safetensors"},
        "target_layer": "layer4",
        "excitation_layer": "layer3",
        "contrast_layer": "avgpool",
    }
    (folder / f"{name}.yaml").write_text(json.dumps(card), encoding="utf-8")  # JSON is YAML
    return folder / f"{name}.yaml"
