"""How TorchRay and the published scripts do the work: one image and one class at a time.

TorchRay itself is called; the scripts' way of working is written anew from its description.
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable
from functools import partial

import numpy as np
import PIL.Image
import torch
import torch.nn.functional as F
from torch import Tensor

from raybench import Network, load_checkpoint
from raybench.benchmark.datasets import Sample

from .work import Work, Yield, whole_picture

DRAWS = 100
"""Points that the stochastic pointing game draws for each query."""


def torchray(work: Work) -> Yield:
    """TorchRay's loop: one image and one class at a time, the pointing game alone."""
    from torchray.attribution.excitation_backprop import update_resnet

    network = load_checkpoint(work.checkpoint)
    module = network.module
    module.to(memory_format=torch.contiguous_format)  # as TorchRay runs it
    if "excitation" in work.attribution:
        update_resnet(module)
    method = _torchray_method(work.attribution, network)
    hit = _hit_test(len(work.dataset_opened().classes))
    images = queries = hits = 0
    start = time.perf_counter()
    for sample in work.samples():
        image = whole_picture(_picture(sample), work.short_side, network).contiguous()
        images += 1
        for query in sample.queries:
            saliency = method(module, image, query.class_index, resize=tuple(sample.size[::-1]))
            mask = torch.from_numpy(query.region.mask())
            hits += hit(mask, int(saliency.flatten().argmax()))
            queries += 1
    return Yield(time.perf_counter() - start, images, queries, hits)


def _torchray_method(name: str, network: Network) -> Callable[..., Tensor]:
    from torchray.attribution import excitation_backprop, grad_cam, gradient

    if name == "grad_cam":
        return partial(grad_cam.grad_cam, saliency_layer=network.target_layer)
    if name == "gradient":
        return partial(gradient.gradient, smooth=0.0)
    layers = {"saliency_layer": network.excitation_layer}
    if name == "excitation_backprop":
        return partial(excitation_backprop.excitation_backprop, **layers)
    layers["contrast_layer"] = network.contrast_layer
    return partial(excitation_backprop.contrastive_excitation_backprop, **layers)


def _hit_test(classes: int) -> Callable[[Tensor, int], bool]:
    """Return TorchRay's test whether a pixel, by its number, lies on or near a mask (H, W) bool.

    It builds a grid of distances over the whole picture for every pixel that it is asked about.
    """
    from torchray.benchmark.pointing_game import PointingGame

    game = PointingGame(classes)

    def hit(mask: Tensor, pixel: int) -> bool:
        y, x = divmod(pixel, mask.shape[1])
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "torch.meshgrid")
            return bool(game.evaluate(mask, (x, y)) == 1)

    return hit


def three_scripts(work: Work) -> Yield:
    """The published way: a script per metric, each decoding and running every picture again, one by one."""
    network = load_checkpoint(work.checkpoint)
    network.module.to(memory_format=torch.contiguous_format)
    for parameter in network.module.parameters():
        parameter.requires_grad_(True)
    hit = _hit_test(len(work.dataset_opened().classes))
    generator = np.random.default_rng(0)
    images = queries = hits = 0
    start = time.perf_counter()
    for script in ("pointing game", "stochastic pointing game", "content heatmap"):
        for sample in work.samples():
            for query in sample.queries:
                saliency = _published_map(network, sample, query.class_index, work.short_side)
                mask = torch.from_numpy(query.region.mask())
                if script == "pointing game":
                    hits += hit(mask, int(saliency.argmax()))
                    queries += 1
                elif script == "stochastic pointing game":
                    flat = saliency.flatten().double().numpy()
                    for pixel in generator.choice(len(flat), DRAWS, p=flat / flat.sum()):
                        hit(mask, int(pixel))
                else:
                    (mask * saliency).sum()
            images += script == "pointing game"
    return Yield(time.perf_counter() - start, images, queries, hits)


def _published_map(network: Network, sample: Sample, class_index: int, short_side: int) -> Tensor:
    """Element-wise Grad-CAM of one image and class with a graph through the whole network: (H, W)."""
    image = whole_picture(_picture(sample), short_side, network).contiguous()
    kept: list[Tensor] = []
    layer = network.module.get_submodule(network.target_layer)
    handle = layer.register_forward_hook(lambda module, inputs, output: kept.append(output))
    try:
        logits = network.module(image)
    finally:
        handle.remove()
    (gradient,) = torch.autograd.grad(logits[0, class_index], kept[0], create_graph=True)
    cam = F.relu((gradient * kept[0]).sum(1, keepdim=True)).detach()
    cam = cam / (cam.sum() + 1e-8) + 1e-8
    cam = F.interpolate(cam, tuple(sample.size), mode="bilinear", align_corners=False)
    return cam[0, 0] / cam.sum()


def _picture(sample: Sample) -> PIL.Image.Image:
    assert sample.image is not None
    return sample.image
