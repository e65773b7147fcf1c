"""Relevance of attention against the papers' formulas, on gradients of the libraries' own probabilities."""

import pytest
import timm
import torch
import torch.nn.functional as F
import torchvision
from small_vits import seeded, timm_vit, torchvision_vit

from raybench.attributions import sharing
from raybench.attributions.methods.attention.attention_maps import attention_rollout
from raybench.attributions.methods.attention.attention_relevance import (
    _weighed,
    attention_gradient_cam,
    followed,
    transformer_attribution_generic,
)
from raybench.base import RaybenchError

IMAGES = torch.randn(3, 3, 64, 48, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
SQUARE = torch.randn(3, 3, 64, 64, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
INDEX, CLASSES = torch.tensor([2, 0, 2, 1]), torch.tensor([1, 2, 7, 7])
METHODS = [attention_gradient_cam, transformer_attribution_generic]


def watched_torchvision(module, image, monkeypatch):
    """Logits, and probabilities as torch's own function takes the softmax of them."""
    found, softmax = [], F.softmax
    monkeypatch.setattr(
        F, "softmax", lambda *args, **options: found.append(softmax(*args, **options)) or found[-1]
    )
    ask = {"need_weights": True}
    handles = [
        part.register_forward_pre_hook(lambda _part, args, options: (args, options | ask), with_kwargs=True)
        for part in module.modules()
        if isinstance(part, torch.nn.MultiheadAttention)
    ]
    logits = module(image)
    for handle in handles:
        handle.remove()
    monkeypatch.undo()
    return logits, [one.view(1, -1, *one.shape[1:]) if one.ndim == 3 else one for one in found], found


def watched_timm(module, image, _monkeypatch):
    """Logits, and probabilities as they pass the dropout of timm's own unfused attention."""
    found, handles = [], []
    for block in module.blocks:
        block.attn.fused_attn = False
        handles.append(block.attn.attn_drop.register_forward_hook(lambda *args: found.append(args[2])))
    logits = module(image)
    for handle, block in zip(handles, module.blocks, strict=True):
        handle.remove()
        block.attn.fused_attn = True
    return logits, found, found


CASES = {
    "torchvision": (torchvision_vit, watched_torchvision, SQUARE, (4, 4), 1, "class"),
    "timm": (timm_vit, watched_timm, IMAGES, (4, 3), 1, "class"),
    "two tokens ahead": (
        lambda: timm_vit("deit_tiny_distilled_patch16_224"),
        *(watched_timm, IMAGES, (4, 3), 2, "class"),
    ),
    "registers": (
        lambda: timm_vit("vit_small_patch14_reg4_dinov2", patch_size=16),
        *(watched_timm, IMAGES, (4, 3), 5, "class"),
    ),
    "mean of patches": (
        lambda: timm_vit(class_token=False, global_pool="avg"),
        *(watched_timm, IMAGES, (4, 3), 0, "patches"),
    ),
}


def attention_and_gradients(case, image, target, monkeypatch):
    """Per block (heads, L, L) each."""
    build, watched, *_ = CASES[case]
    logits, probabilities, leaves = watched(build(), image[None].clone().requires_grad_(), monkeypatch)
    gradients = torch.autograd.grad(logits[0, target], leaves)
    return [
        (one[0].detach(), grad.view_as(one)[0]) for one, grad in zip(probabilities, gradients, strict=True)
    ]


def generic(pairs, prefix, read):
    """R <- R + mean_h (dy/dA * A)+ R from R = I, as the paper writes it."""
    relevance = torch.eye(pairs[0][0].shape[-1], dtype=torch.float64)
    for attention, gradient in pairs:
        relevance = relevance + (gradient * attention).clamp(min=0).mean(dim=0) @ relevance
    return (relevance[0] if read == "class" else relevance.mean(dim=0))[prefix:]


def grad_cam_of_attention(pairs, prefix, read):
    """Heads as channels, of which the class token's row is a map."""
    attention, gradient = pairs[-1]
    maps, slopes = (one[:, 0] if read == "class" else one.mean(dim=1) for one in (attention, gradient))
    total = sum(slope[prefix:].mean() * head for head, slope in zip(maps, slopes, strict=True))
    return (total / len(maps)).clamp(min=0)[prefix:]


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize(
    ("method", "formula"),
    [(transformer_attribution_generic, generic), (attention_gradient_cam, grad_cam_of_attention)],
)
def test_maps_follow_the_formula(method, formula, case, loaded, monkeypatch):
    build, _, images, (height, width), prefix, read = CASES[case]
    maps = method(loaded(build()), images, INDEX, CLASSES)
    for found, image, target in zip(maps, INDEX, CLASSES, strict=True):
        pairs = attention_and_gradients(case, images[image], target, monkeypatch)
        assert len(pairs) == 3
        expected = formula(pairs, prefix, read).view(height, width)
        torch.testing.assert_close(found.double(), expected, rtol=1e-6, atol=1e-12 * float(expected.max()))


def test_two_blocks_of_two_tokens_by_hand():
    first, second = (torch.tensor([[rows]]).double() for rows in ([[0.5, 0.5], [1, 0]], [[0, 1], [0.5, 0.5]]))
    slopes = torch.tensor([[[[2.0, -2], [3, 1]]]]).double(), torch.tensor([[[[9.0, 4], [-1, 1]]]]).double()
    # (dA * A)+ is [[1, 0], [3, 0]], then [[0, 4], [0, 1/2]]; row 0 of (I + second)(I + first) is
    # [1, 4] (I + first) = [1 + 1 + 4 * 3, 4]
    start = torch.tensor([[[1.0, 0]]]).double()
    assert followed(start, [first, second], slopes).tolist() == [[[14, 4]]]
    # the slope in row 0 behind one token ahead is 4: 4 * [0, 1]
    assert _weighed(start, second, slopes[1], 1).tolist() == [[[0, 4]]]


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("case", ["torchvision", "registers"])
def test_a_batch_gives_the_bytes_of_single_queries(method, case, loaded):
    build, _, images, *_ = CASES[case]
    network, images = loaded(build().float()), images.float()
    maps, zero = method(network, images, INDEX, CLASSES), torch.tensor([0])
    alone = [
        method(network, images[image : image + 1], zero, CLASSES[n : n + 1])
        for n, image in enumerate(INDEX.tolist())
    ]
    assert torch.equal(maps, torch.cat(alone))


def test_both_maps_are_read_from_the_same_passes(loaded):
    module, passes = torchvision_vit(), []
    network = loaded(module)
    attention_gradient_cam(
        network, SQUARE, INDEX, CLASSES
    )  # tries once which tokens the scores are read from
    module.heads.register_forward_hook(lambda *_: passes.append(1))
    with sharing():
        for method in METHODS:
            method(network, SQUARE, INDEX, CLASSES)
    assert len(passes) == len(SQUARE)  # image by image


@pytest.mark.parametrize("method", [attention_rollout, *METHODS])
@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: torchvision.models.resnet18(num_classes=10), "has no attention between tokens"),
        (
            lambda: torchvision.models.SwinTransformer([4, 4], 8, [1, 1], [1, 1], [4, 4], num_classes=10),
            "attends within windows .* for 1 images",
        ),
        (
            lambda: timm.create_model("cait_xxs24_224", depth=1, embed_dim=24, num_heads=2, num_classes=10),
            "between tokens of several kinds .*1 x 197",
        ),
    ],
)
def test_networks_without_attention_over_whole_pictures_are_refused(method, build, message, loaded):
    network = loaded(seeded(build).float())
    with pytest.raises(RaybenchError, match=message):
        method(network, torch.zeros(1, 3, 224, 224), INDEX[1:2], CLASSES[:1])
