"""Other ways to the maps of our methods: other libraries, and formulas written out once more."""

from __future__ import annotations

import copy
import itertools
import types
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from raybench.attributions import bind, generator
from raybench.attributions.asking.copies.coalitions import coin_flips
from raybench.attributions.methods.perturbation.rise import random_masks
from raybench.checkpoints import Network

SEED = 5

Oracle = Callable[[Network, Tensor, int], Tensor]
"""Takes a network, an image (1, 3, H, W) and a class, and returns a map (h, w)."""


def library(name: str, **arguments: Any) -> Oracle:
    """Return a library's own method, through its adapter."""
    method = bind(name, {"arguments": arguments} if arguments else {})
    zero = torch.zeros(1, dtype=torch.int64)
    return lambda network, image, target: method.raw(network, image, zero, zero + target, seeds=[SEED])[0]


def gradient_of(network: Network, points: Tensor, target: int) -> Tensor:
    """Return d y_c / d x at each point (m, 3, H, W)."""
    pixels = points.clone().requires_grad_()
    return torch.autograd.grad(network.module(pixels.clone())[:, target].sum(), pixels)[0]


def noisy(image: Tensor, samples: int) -> Tensor:
    """Copies with the noise of the seed: (samples, 3, H, W)."""
    width = 0.15 * (image.max() - image.min())
    drawn = [torch.randn(image.shape[1:], generator=generator(SEED, "noise", n)) for n in range(samples)]
    return image + width * torch.stack(drawn).to(image)


def smoothed(moment: Callable[[Tensor], Tensor]) -> Oracle:
    """Return a moment of gradients at three noisy copies, the largest of the colours."""
    return lambda network, image, target: (
        moment(gradient_of(network, noisy(image, 3), target)).abs().amax(dim=0)
    )


def expected_gradients(network: Network, image: Tensor, target: int) -> Tensor:
    """Three random ends and places."""
    total = torch.zeros_like(image[0])
    for number in range(3):
        end = torch.randn(image.shape[1:], generator=generator(SEED, "references", number)).to(image)
        place = torch.rand(1, generator=generator(SEED, "places", number)).to(image)
        total += ((image - end) * gradient_of(network, end + place * (image - end), target))[0]
    return total.sum(dim=0) / 3


def at_layer(network: Network, image: Tensor, target: int) -> tuple[Tensor, Tensor]:
    """Features and gradients (k, h, w) at the target layer."""
    kept: list[Any] = []
    layer = network.module.get_submodule(str(network.target_layer))
    handle = layer.register_forward_hook(lambda _part, _args, out: kept.append(out))
    try:
        score = network.module(image.clone().requires_grad_())[0, target]
    finally:
        handle.remove()
    return kept[0][0].detach(), torch.autograd.grad(score, kept[0])[0][0]


def norm_grad(network: Network, image: Tensor, target: int) -> Tensor:
    """The product of norms."""
    features, gradients = at_layer(network, image, target)
    return features.norm(dim=0) * gradients.norm(dim=0)


def guided_grad_cam(network: Network, image: Tensor, target: int) -> Tensor:
    """Captum's, with the sum of absolute values over colours."""
    from captum.attr import GuidedGradCam

    module = copy.deepcopy(network.module)
    for part in module.modules():
        if isinstance(part, nn.ReLU):
            part.inplace = False
    found = GuidedGradCam(module, module.get_submodule(str(network.target_layer))).attribute(
        image.clone().requires_grad_(), target=target, interpolate_mode="bilinear"
    )
    return found[0].detach().abs().sum(dim=0)


def full_grad(network: Network, image: Tensor, target: int) -> Tensor:
    """Of a network whose biases are those of batch normalisations, whose outputs nothing overwrites."""
    kept: list[Any] = []
    norms = [part for part in network.module.modules() if isinstance(part, nn.BatchNorm2d)]
    handles = [part.register_forward_hook(lambda part, _, out: kept.append((part, out))) for part in norms]
    pixels = image.clone().requires_grad_()
    score = network.module(pixels)[0, target]
    for handle in handles:
        handle.remove()
    first, *others = torch.autograd.grad(score, [pixels, *(out for _, out in kept)])

    def scaled(parts: Tensor) -> Tensor:
        parts = parts.abs()
        parts = (parts - parts.min()) / (parts.max() - parts.min())
        return F.interpolate(parts[None], image.shape[2:], mode="bilinear", align_corners=False)[0].sum(dim=0)

    total = scaled((image * first)[0])
    for (norm, _), gradients in zip(kept, others, strict=True):
        bias = norm.bias - norm.weight * norm.running_mean / (norm.running_var + norm.eps).sqrt()
        total += scaled(bias[:, None, None] * gradients[0])
    return total


def relevance(composite: str) -> Oracle:
    """Zennit's, its merged normalisations made the identity that they should be."""

    def oracle(network: Network, image: Tensor, target: int) -> Tensor:
        from zennit import composites
        from zennit.torchvision import ResNetCanonizer

        module = copy.deepcopy(network.module)
        ends = {}
        if "Box" in composite:
            ends = {n: e.expand_as(image) for n, e in zip(("low", "high"), network.input_range, strict=True)}
        with getattr(composites, composite)(canonizers=[ResNetCanonizer()], **ends).context(module):
            for part in module.modules():
                if isinstance(part, nn.BatchNorm2d):
                    part.eps = 0.0
            pixels = image.clone().requires_grad_()
            logits = module(pixels)
            received = F.one_hot(torch.tensor([target]), logits.shape[1]) * logits.detach()
            return torch.autograd.grad(logits, pixels, received)[0][0].sum(dim=0)

    return oracle


def deep_lift(network: Network, image: Tensor, target: int) -> Tensor:
    """Captum's, of a network whose ReLUs are used once and that takes no maxima."""
    from captum.attr import DeepLift

    black = network.input_range[0].expand_as(image)
    return DeepLift(copy.deepcopy(network.module)).attribute(image, black, target=target)[0].detach().sum(0)


def rise(network: Network, image: Tensor, target: int) -> Tensor:
    """By the formula, from the masks of the seed."""
    masks = random_masks(SEED, range(40), (image.shape[2], image.shape[3]), 7, 0.5).to(image)
    chances = torch.cat([network.module(image * part).softmax(dim=1)[:, target] for part in masks.split(10)])
    return (chances[:, None, None] * masks[:, 0]).sum(dim=0) / (40 * 0.5)


def shapley(network: Network, image: Tensor, target: int) -> Tensor:
    """Exact values of four quarters, each hidden by the mean colour, from all 16 sets."""
    cells = quarters(image, 2)
    every = list(itertools.product((0, 1), repeat=4))
    scores = network.module(image * torch.tensor(every)[:, cells][:, None].to(image))[:, target].tolist()
    values = dict(zip(every, scores, strict=True))
    found = torch.zeros(4, dtype=torch.float64)
    for shown, cell in itertools.product(values, range(4)):
        if not shown[cell]:
            joined = tuple(1 if place == cell else one for place, one in enumerate(shown))
            found[cell] += (1 / 4, 1 / 12, 1 / 12, 1 / 4)[sum(shown)] * (values[joined] - values[shown])
    return found[cells]


def quarters(image: Tensor, count: int) -> Tensor:
    """Cells of a grid, numbered: (H, W)."""
    row, column = (torch.arange(length) * count // length for length in image.shape[2:])
    return row[:, None] * count + column


def lime(network: Network, image: Tensor, target: int) -> Tensor:
    """Ridge regression of scikit-learn on our sets of 16 cells, hidden by their mean colours."""
    from sklearn.linear_model import Ridge

    cells, sets = quarters(image, 4), coin_flips(SEED, 16, 40)
    colours = torch.stack([image[0, :, cells == cell].mean(dim=1) for cell in range(16)])[cells]
    masks = sets[:, cells][:, None].to(image)
    shown = image * masks + colours.permute(2, 0, 1) * (1 - masks)
    chances = torch.cat([network.module(part).softmax(dim=1)[:, target] for part in shown.split(10)])
    distances = 1 - F.cosine_similarity(sets, torch.ones_like(sets))
    weights = torch.exp(-distances.square() / 0.25**2).sqrt()
    model = Ridge(alpha=1).fit(sets.numpy(), chances.double().numpy(), sample_weight=weights.numpy())
    return torch.from_numpy(model.coef_)[cells]


def of_pair(name: str, **options: Any) -> Oracle:
    """A method of PAIR's saliency, summed over colours."""

    def oracle(network: Network, image: Tensor, target: int) -> Tensor:
        import saliency.core as pair
        from saliency.core import guided_ig

        shim = types.SimpleNamespace(**vars(np))  # numpy has lost the name that it calls
        shim.quantile = lambda values, share, interpolation: np.quantile(values, share, method=interpolation)
        guided_ig.np = shim

        def ask(shown: Any, call_model_args: Any = None, expected_keys: Any = None) -> dict[str, Any]:
            found = gradient_of(network, torch.from_numpy(np.asarray(shown)).permute(0, 3, 1, 2), target)
            return {"INPUT_OUTPUT_GRADIENTS": found.permute(0, 2, 3, 1).numpy()}

        pixels = image[0].permute(1, 2, 0).numpy()
        start = {"x_baseline": np.zeros_like(pixels)} if name == "GuidedIG" else {}
        return torch.from_numpy(getattr(pair, name)().GetMask(pixels, ask, {}, **start, **options)).sum(dim=2)

    return oracle


def component(*, weighed: bool) -> Oracle:
    """The first component of features, or of these times gradients: centred, and turned as their sum is."""

    def oracle(network: Network, image: Tensor, target: int) -> Tensor:
        features, gradients = at_layer(network, image, target)
        rows = (features * gradients if weighed else features).flatten(1).T.double()
        total, centred = rows.sum(dim=1), rows - rows.mean(dim=0)
        found = centred @ torch.linalg.svd(centred, full_matrices=False).Vh[0]
        return (found * torch.sign(found @ (total - total.mean()))).view(features.shape[1:])

    return oracle


def ablated(network: Network, image: Tensor, target: int) -> Tensor:
    """What each channel adds to the score, of which average pooling and a linear layer are made."""
    features, gradients = at_layer(network, image, target)
    weights = (features * gradients).sum(dim=(1, 2)) / network.module(image)[0, target].abs()
    return torch.einsum("k,khw->hw", weights, features)


def through_attention(follow: Callable[[list[Tensor], list[Tensor]], Tensor]) -> Oracle:
    """From attention and its gradients (heads, L, L) of each block, the row of the class token (L,)."""

    def oracle(network: Network, image: Tensor, target: int) -> Tensor:
        module, kept = copy.deepcopy(network.module), []

        def plain(part: Any) -> Callable[[Tensor], Tensor]:
            def forward(tokens: Tensor) -> Tensor:
                query, key, value = part.qkv(tokens).unflatten(2, (3, part.heads, -1)).permute(2, 0, 3, 1, 4)
                kept.append((query @ key.transpose(2, 3) / query.shape[-1] ** 0.5).softmax(dim=-1))
                return part.proj((kept[-1] @ value).transpose(1, 2).flatten(2))

            return forward

        for block in module.blocks:
            block.attn.forward = plain(block.attn)
        score = module(image.clone().requires_grad_())[0, target]
        gradients = [one[0] for one in torch.autograd.grad(score, kept)]
        row = follow([one[0].detach() for one in kept], gradients)
        return row[1:].view(-(-image.shape[2] // 8), -(-image.shape[3] // 8))

    return oracle


def rollout(attention: list[Tensor], _gradients: list[Tensor]) -> Tensor:
    """Half of the identity added, and multiplied from the left."""
    ones = torch.eye(attention[0].shape[-1])
    product = ones
    for one in attention:
        product = (one.mean(dim=0) + ones) / 2 @ product
    return product[0]


def generic(attention: list[Tensor], gradients: list[Tensor]) -> Tensor:
    """Chefer's R <- R + mean_h (dA * A)+ R."""
    product = torch.eye(attention[0].shape[-1])
    for one, gradient in zip(attention, gradients, strict=True):
        product = product + (one * gradient).clamp(min=0).mean(dim=0) @ product
    return product[0]


def weighed_heads(attention: list[Tensor], gradients: list[Tensor]) -> Tensor:
    """Chefer's baseline."""
    weights = gradients[-1][:, 0, 1:].mean(dim=1)
    return (weights[:, None] * attention[-1][:, 0]).mean(dim=0).clamp(min=0)
