"""What seeded methods draw depends on the seed and the image alone: for every one in the registry."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from calling import METHODS, OPTIONS, SEEDED

from raybench.attributions import bind, sharing
from raybench.attributions.asking.copies import gradient_points, masking
from raybench.attributions.methods.activation import cam_scores

CLASSES = torch.tensor([0, 4, 2, 0])
INDEX = torch.arange(4)


@pytest.fixture
def images():
    return torch.randn(4, 3, 9, 13, generator=torch.Generator().manual_seed(7), dtype=torch.float64)


def maps_of(name, small, images, index=INDEX, classes=CLASSES, seeds=(1, 2, 3, 4)):
    return bind(name, OPTIONS.get(name))(small, images, index, classes, seeds=list(seeds))


@pytest.mark.parametrize("name", SEEDED)
def test_one_image_at_a_time_gives_the_same_bytes(name, small, images):
    maps = maps_of(name, small, images)
    alone = [
        maps_of(name, small, images[i : i + 1], INDEX[:1], CLASSES[i : i + 1], seeds=[i + 1])
        for i in range(4)
    ]
    assert torch.equal(torch.cat(alone), maps)


@pytest.mark.parametrize("name", SEEDED)
def test_order_and_number_of_queries_change_no_byte(name, small, images):
    maps, order = maps_of(name, small, images), torch.tensor([2, 0, 3, 3, 1])
    assert torch.equal(maps_of(name, small, images, INDEX[order], CLASSES[order]), maps[order])
    turned = maps_of(name, small, images.flip(0), INDEX.flip(0), CLASSES, seeds=(4, 3, 2, 1))
    assert torch.equal(turned, maps)


IN_CHUNKS = [
    *SEEDED,
    *("integrated_gradients", "blur_integrated_gradients", "occlusion", "score_cam", "ablation_cam"),
]


@pytest.mark.parametrize("name", IN_CHUNKS)
@pytest.mark.parametrize("at_once", [1, 3, 64])
def test_how_many_samples_go_at_once_moves_only_the_last_digits(name, at_once, small, images, monkeypatch):
    maps = maps_of(name, small, images)
    for module in (masking, gradient_points, cam_scores):
        monkeypatch.setattr(module, "_AT_ONCE", {"cpu": at_once})
    torch.testing.assert_close(maps_of(name, small, images), maps, rtol=1e-6, atol=1e-6 * float(maps.max()))


@pytest.mark.parametrize("name", SEEDED)
def test_another_seed_gives_another_map(name, small, images):
    with sharing():
        maps = maps_of(name, small, images)
        others = maps_of(name, small, images, seeds=(1, 2, 3, 5))
    assert torch.equal(others[:3], maps[:3])
    assert not torch.equal(others[3], maps[3])


def test_another_process_makes_the_same_maps_by_every_method():
    script = (
        "import conftest, hashlib, sys, torch\n"
        "from calling import METHODS, calling, is_defined\n"
        "torch.manual_seed(int(sys.argv[1]))\n"
        "images = torch.arange(2 * 3 * 9 * 13.).view(2, 3, 9, 13).cos().double()\n"
        "makers = conftest._small_network, conftest.small_transformer, conftest._small_averaging\n"
        "for name in METHODS:\n"
        "    network = next(made for make in makers if is_defined(name, made := make()))\n"
        "    maps = calling(name)(network, images, torch.tensor([1, 0]), torch.tensor([2, 4]))\n"
        "    print(name, hashlib.sha256(maps.numpy().tobytes()).hexdigest())\n"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(Path(__file__).parents[1]), *sys.path])}
    found = [
        subprocess.run(
            [sys.executable, "-c", script, number],
            check=True,
            capture_output=True,
            env=environment,
            text=True,
        ).stdout
        for number in ("1", "2")
    ]
    assert found[0] == found[1]
    assert found[0].count("\n") == len(METHODS)
