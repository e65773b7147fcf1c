"""Compares methods with other libraries, or with their formulas, on real pictures and trained networks.

    RAYBENCH_DATA=... python tests/acceptance/methods_on_pictures.py [--side 112] [--only cam]

Pictures of several shapes, each beside its mirror image in one batch, are asked about three classes each: the
likeliest, the second, and an unlikely one. The table shows the largest difference from the other way, as a
share of its largest value, and in how many maps the peak is elsewhere. Exit code 1 if a difference exceeds
its bound. Some ten minutes on one core.
"""

from __future__ import annotations

import argparse
import copy
import math
import os
import sys
import warnings
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import PIL.Image
import torch
from oracles import (
    SEED,
    Oracle,
    ablated,
    component,
    deep_lift,
    expected_gradients,
    full_grad,
    generic,
    guided_grad_cam,
    library,
    lime,
    norm_grad,
    of_pair,
    relevance,
    rise,
    rollout,
    shapley,
    smoothed,
    through_attention,
    weighed_heads,
)
from torch import Tensor, nn

from raybench.attributions import bind
from raybench.checkpoints import Network, load_network

RESNET = "killthebits-resnet18"
FLOAT32, FLOAT64 = 5e-5, 1e-7  # PAIR divides by steps of 0.01
RANKS = (0, 1e-9, 0.9)
"""The likeliest class, the second, and an unlikely one."""


class Case(NamedTuple):
    """A method, the other way to its map, and how near they have to be."""

    ours: str
    options: dict[str, Any]
    oracle: Oracle
    bound: float = FLOAT32
    network: str = RESNET


def same(name: str, theirs: str, bound: float = FLOAT32, **options: Any) -> Case:
    """A method that a library has under another name."""
    return Case(name, options, library(theirs), bound)


SQUEEZENET, VIT = "deepcompression-squeezenet1_0", "shapes-vit"
GUIDED = {"steps": 6, "baseline": "mean"}
BLURRED = {"steps": 4, "largest": 6.0, "grid": "equal"}
STEPS = {"n_steps": 4, "method": "riemann_middle", "baselines": "black"}
CASES = (
    same("grad_cam", "pytorch_grad_cam.GradCAM"),
    same("grad_cam_elementwise", "pytorch_grad_cam.HiResCAM"),
    same("grad_cam_plus_plus", "pytorch_grad_cam.GradCAMPlusPlus", epsilon=1e-6),
    same("xgrad_cam", "pytorch_grad_cam.XGradCAM"),
    same("layer_cam", "pytorch_grad_cam.LayerCAM"),
    Case("eigen_cam", {}, component(weighed=False)),
    Case("eigen_grad_cam", {}, component(weighed=True)),
    same("score_cam", "pytorch_grad_cam.ScoreCAM"),
    Case("ablation_cam", {}, ablated),
    same("cam", "torchcam.CAM"),
    same("linear_approximation", "torchray.linear_approx"),
    Case("norm_grad", {}, norm_grad),
    same("gradient", "torchray.gradient"),
    same("input_x_gradient", "captum.InputXGradient"),
    Case("integrated_gradients", {"steps": 4}, library("captum.IntegratedGradients", **STEPS)),
    Case("smooth_grad", {"samples": 3}, smoothed(lambda found: found.mean(dim=0))),
    Case("smooth_grad_squared", {"samples": 3}, smoothed(lambda found: found.square().mean(dim=0))),
    Case("var_grad", {"samples": 3}, smoothed(lambda found: found.var(dim=0, unbiased=False))),
    Case("expected_gradients", {"samples": 3}, expected_gradients, FLOAT64),
    same("guided_backprop", "captum.GuidedBackprop", colours="sum"),
    same("deconvnet", "captum.Deconvolution", colours="sum"),
    same("guided_backprop", "torchray.guided_backprop"),
    Case("guided_grad_cam", {}, guided_grad_cam),
    Case("full_grad", {}, full_grad),
    same("excitation_backprop", "torchray.excitation_backprop", 1e-4),
    same("contrastive_excitation_backprop", "torchray.contrastive_excitation_backprop", 1e-4),
    Case("lrp_epsilon_plus_flat", {}, relevance("EpsilonPlusFlat"), FLOAT64),
    Case("lrp_epsilon_plus", {}, relevance("EpsilonPlus"), FLOAT64),
    Case("lrp_alpha_beta", {}, relevance("EpsilonAlpha2Beta1Flat"), FLOAT64),
    Case("lrp_epsilon_gamma_box", {}, relevance("EpsilonGammaBox"), FLOAT64),
    Case("deep_lift", {}, deep_lift, FLOAT64, SQUEEZENET),
    same("occlusion", "captum.Occlusion"),
    Case("rise", {"masks": 40}, rise),
    Case("kernel_shap", {"cells": 2}, shapley),
    Case("lime", {"cells": 4, "samples": 40}, lime),
    Case("guided_integrated_gradients", GUIDED, of_pair("GuidedIG", x_steps=6, fraction=0.25), FLOAT64),
    Case("blur_integrated_gradients", BLURRED, of_pair("BlurIG", max_sigma=6, steps=4), FLOAT64),
    Case("raw_attention", {}, through_attention(lambda found, _: found[-1].mean(dim=0)[0]), network=VIT),
    Case("attention_rollout", {}, through_attention(rollout), network=VIT),
    Case("attention_gradient_cam", {}, through_attention(weighed_heads), network=VIT),
    Case("transformer_attribution_generic", {}, through_attention(generic), network=VIT),
)


def pictures(count: int, side: int) -> Iterator[Tensor]:
    """Pictures of ImageNet, the shapes as far apart as can be: (1, 3, H, W) in 0..1, shorter side `side`."""
    folder = Path(os.environ["RAYBENCH_DATA"]) / "imagenet" / "val"
    opened = [PIL.Image.open(path) for path in sorted(folder.glob("*.JPEG"))]
    opened.sort(key=lambda one: one.width / one.height)
    for place in np.linspace(0, len(opened) - 1, count).round().astype(int):
        one = opened[place].convert("RGB")
        scale = side / min(one.size)
        small = one.resize(
            (round(one.width * scale), round(one.height * scale)), PIL.Image.Resampling.BILINEAR
        )
        yield torch.from_numpy(np.array(small)).permute(2, 0, 1)[None]


def prepared(case: Case) -> Network:
    """The network: in float64 where that is compared, for DeepLift with means in place of maxima."""
    network = load_network(case.network)
    module = copy.deepcopy(network.module)
    for name, part in list(module.named_modules()):
        if isinstance(part, nn.ReLU):
            part.inplace = False
        if case.ours == "deep_lift" and isinstance(part, nn.MaxPool2d):
            module.set_submodule(name, nn.AvgPool2d(3, 2, ceil_mode=True))
    return replace(network, module=module.double() if case.bound == FLOAT64 else module)


def compare(case: Case, shown: list[Tensor], ranks: tuple[float, ...] = RANKS) -> tuple[float, int, int]:
    """The largest difference, how many peaks are elsewhere, and how many maps were compared.

    Args:
        case: what is compared.
        shown: batches of images of one shape.
        ranks: of the classes that are asked about, as shares of their number.
    """
    network, method = prepared(case), bind(case.ours, case.options)
    worst, moved, count = 0.0, 0, 0
    for pixels in shown:
        images = network.normalise(pixels)
        if case.bound == FLOAT64:  # which of equal values a max pooling picks is left to rounding: none are
            noise = torch.randn(images.shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
            images = images.double() + 1e-6 * noise
        ranked = network.module(images).argsort(dim=1, descending=True)
        asked = ranked[:, [math.ceil(rank * ranked.shape[1]) for rank in ranks]].flatten()
        index = torch.arange(len(images)).repeat_interleave(len(ranks))
        found = method.raw(network, images, index, asked, seeds=[SEED] * len(images))
        for row, image, target in zip(found, index.tolist(), asked.tolist(), strict=True):
            expected = case.oracle(network, images[image : image + 1], target).to(row.dtype)
            if not method.sign:
                expected = expected.clamp(min=0)
            difference = float((row - expected).abs().max()) / max(float(expected.abs().max()), 1e-30)
            worst, moved = max(worst, difference), moved + int(expected.argmax() != row.argmax())
            count += 1
    return worst, moved, count


def main() -> None:
    """Print a row for each case."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--pictures", type=int, default=5)
    parser.add_argument("--side", type=int, default=112, help="of the shorter side, in pixels")
    parser.add_argument("--network", default=RESNET, help="of the cases that are about ResNet18")
    parser.add_argument("--only", default="", help="methods with this text in their name")
    given = parser.parse_args()
    warnings.simplefilter("ignore")
    failed, shown = False, [torch.cat([one, one.flip(-1)]) for one in pictures(given.pictures, given.side)]
    print("shapes:", *(f"{one.shape[2]} x {one.shape[3]}" for one in shown))
    for case in CASES:
        if given.only in case.ours:
            network = given.network if case.network == RESNET else case.network
            worst, moved, count = compare(case._replace(network=network), shown)
            failed |= not worst <= case.bound
            mark = "" if worst <= case.bound else "  <- beyond its bound"
            print(f"{case.ours:32} {worst:8.1e} {moved:3} of {count} peaks elsewhere{mark}", flush=True)
    sys.exit(failed)


if __name__ == "__main__":
    main()
