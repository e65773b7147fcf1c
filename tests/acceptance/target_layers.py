"""Finds the target layer of torchvision's classifiers and of timm networks drawn by a seed.

    python tests/acceptance/target_layers.py [--timm 100] [--seed 12] [--out layers.csv] [NAME …]

Weights are random. Each network ends as one of

- `measured`: the layer was found, and Grad-CAM made a map there. Of all ways to match four bright corners of
  a picture with four quarters of the maps the right one is best, as it is for the pixels behind those places,
  by a gradient taken by hand;
- `spread`: likewise, but a corner changes all of the maps, or that gradient goes to all of the picture;
- `refused`, with a sentence;
- `misread`, where another match is clearly better, or `traceback`: of these there should be none, and the
  exit code is 1.

Half an hour on one core.
"""

from __future__ import annotations

import argparse
import csv
import random
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import PIL.Image
import timm
import torch
import torchvision
from bright_corner import corners_told_apart
from torch import nn

import raybench
from raybench.attributions import target_layer_of
from raybench.attributions.layers.features import features_of
from raybench.base import RaybenchError
from raybench.checkpoints import network_from_module

FAMILIES = (
    *("alexnet", "convnext_tiny", "densenet121", "efficientnet_b0", "efficientnet_v2_s", "googlenet"),
    *("inception_v3", "maxvit_t", "mnasnet0_5", "mobilenet_v2", "mobilenet_v3_small", "regnet_y_400mf"),
    *("regnet_x_400mf", "resnet18", "resnet50", "resnext50_32x4d", "wide_resnet50_2", "shufflenet_v2_x0_5"),
    *("squeezenet1_0", "squeezenet1_1", "swin_t", "swin_v2_t", "vgg11", "vgg16_bn", "vit_b_32"),
)
"""One or two of every family of torchvision."""

MOST_PARAMETERS = 30_000_000
_CLEARLY = 1.5
"""Times by which a match of corners and quarters has to be better than another."""


def drawn(count: int, seed: int) -> Iterator[str]:
    """Names of timm networks with up to thirty million parameters, in the order in which they are drawn."""
    names = timm.list_models()
    random.Random(seed).shuffle(names)
    for name in names:
        if count == 0:
            return
        with torch.device("meta"):
            try:
                parameters = sum(one.numel() for one in timm.create_model(name).parameters())
            except Exception:  # some cannot be built there
                parameters = sum(
                    one.numel() for one in timm.create_model(name, pretrained=False).parameters()
                )
        if parameters <= MOST_PARAMETERS:
            count -= 1
            yield f"timm:{name}"


def built(name: str) -> tuple[nn.Module, tuple[int, int]]:
    """Build a network with seeded random weights, and name the size of picture that timm gives it."""
    torch.manual_seed(0)
    if name.startswith("timm:"):
        module = timm.create_model(name.removeprefix("timm:"), pretrained=False)
        size = tuple(module.pretrained_cfg["input_size"][1:])
    else:
        unchanged: dict[str, Any] = {"init_weights": False} if name in ("googlenet", "inception_v3") else {}
        module, size = torchvision.models.get_model(name, weights=None, **unchanged), (224, 224)
    for parameter in module.parameters():
        if parameter.ndim == 2 and not parameter.any():
            nn.init.normal_(parameter, std=0.02)  # heads that a library fills with zeros
    return module.eval(), size


def noise_picture(height: int, width: int) -> PIL.Image.Image:
    """Draw every pixel by a seed."""
    pixels = torch.randint(256, (height, width, 3), generator=torch.Generator().manual_seed(1))
    return PIL.Image.fromarray(pixels.byte().numpy())


def outcome(name: str) -> tuple[str, str]:
    """Return what becomes of a network, and the layer or the reason."""
    module, size = built(name)
    plain = name.replace(":", "-")
    network = network_from_module(module, name=plain, classes="imagenet1k", input_size=size)
    try:
        found = target_layer_of(network)
        height, width = found.size
        raybench.attribute(network, noise_picture(height, width), [0], protocol="native")
        asked = torch.tensor([0])
        sure = corners_told_apart(
            lambda image: features_of(network, image, asked), module, found.name, found.layout, found.size
        )
        told = (
            f"{found.words}; corners {sure[0]:.3g}, pixels behind them {sure[1]:.3g} times surer than amiss"
        )
    except RaybenchError as error:
        return "refused", str(error)
    except Exception as error:
        return "traceback", f"{type(error).__name__}: {error}"
    return ("misread" if sure[0] < 1 / _CLEARLY else "spread" if min(sure) <= 1 else "measured"), told


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*")
    parser.add_argument("--timm", type=int, default=100)
    parser.add_argument("--seed", type=int, default=12)
    parser.add_argument("--out", type=Path, default=Path("layers.csv"))
    given = parser.parse_args()
    names = given.names or [*FAMILIES, *drawn(given.timm, given.seed)]
    counts: Counter[str] = Counter()
    with given.out.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["network", "outcome", "words", "seconds"])
        for name in names:
            start = time.perf_counter()
            became, words = outcome(name)
            counts[became] += 1
            writer.writerow([name, became, words, round(time.perf_counter() - start, 1)])
            file.flush()
            print(f"{name}: {became}: {words}", flush=True)
    print(dict(counts))
    return 1 if counts["traceback"] or counts["misread"] else 0


if __name__ == "__main__":
    sys.exit(main())
