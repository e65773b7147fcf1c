"""A suite small enough to run many times: generated pictures, a small network with random weights."""

from __future__ import annotations

import os
from pathlib import Path

import hypothesis
import pytest
import torch
import yaml
from safetensors.torch import save_file
from tiny_suite import IMAGES, TinySuite

from raybench.benchmark.datasets.shapes import CLASS_NAMES, write_shapes
from raybench.checkpoints.shapes_net import shapes_net

# How long one example takes says more about the machine than about the code.
hypothesis.settings.register_profile("patient", hypothesis.settings(deadline=None))
hypothesis.settings.load_profile("patient")


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder with real pictures and weights."""
    if not os.environ.get("RAYBENCH_DATA"):
        pytest.skip("RAYBENCH_DATA is not set: no real pictures and weights")
    return Path(os.environ["RAYBENCH_DATA"])


@pytest.fixture(scope="session")
def tiny_data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twelve pictures with boxes and masks."""
    folder = tmp_path_factory.mktemp("shapes")
    write_shapes(folder, images=IMAGES, seed=5)
    return folder


@pytest.fixture
def tiny(tmp_path: Path, tiny_data: Path) -> TinySuite:
    """A suite over two checkpoints and several methods."""
    torch.manual_seed(0)
    for name in ("first", "second"):
        save_file(shapes_net(len(CLASS_NAMES)).state_dict(), tmp_path / f"{name}.safetensors")
        card = {
            "name": name,
            "architecture": "raybench.checkpoints.shapes_net:shapes_net",
            "classes": str(tiny_data / "classes.txt"),
            "weights": {"path": f"{name}.safetensors"},
            "target_layer": "layer4",
            "excitation_layer": "layer3",
            "contrast_layer": "avgpool",
        }
        (tmp_path / f"{name}.yaml").write_text(yaml.safe_dump(card))
    suite = {
        "name": "tiny",
        "protocol": {"name": "aaai21", "short_side": 64},
        "dataset": "shapes",
        "checkpoints": ["first.yaml", "second.yaml"],
        "attributions": ["grad_cam", "gradient", "random", "center"],
        "metrics": [
            "top1_accuracy",
            "pointing_game",
            {"name": "stochastic_pointing_game", "samples": 100},
            "content_heatmap",
        ],
        "gallery": 2,
    }
    (tmp_path / "tiny.yaml").write_text(yaml.safe_dump(suite))
    return TinySuite(tmp_path, tiny_data, tmp_path / "tiny.yaml")
