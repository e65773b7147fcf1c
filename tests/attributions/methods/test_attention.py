"""Attention maps against the paper's formula, computed from weights that the libraries themselves return."""

import pytest
import torch
import torch.nn.functional as F
from small_vits import timm_vit, torchvision_vit
from torch import nn

from raybench.attributions import sharing
from raybench.attributions.layers.attention import AttentionCapture
from raybench.attributions.methods.attention.attention_maps import (
    _rolled_out,
    attention_rollout,
    raw_attention,
)
from raybench.base import RaybenchError

IMAGES = torch.randn(4, 3, 64, 48, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
SQUARE = torch.randn(4, 3, 64, 64, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
EACH = torch.arange(4)


def weights_of_torchvision(module, images):
    """Probabilities that `nn.MultiheadAttention` returns when asked for them."""
    found = []
    parts = [part for part in module.modules() if isinstance(part, nn.MultiheadAttention)]

    def ask(part, args, kwargs):
        return args, kwargs | {"need_weights": True, "average_attn_weights": False}

    handles = [part.register_forward_pre_hook(ask, with_kwargs=True) for part in parts]
    handles += [part.register_forward_hook(lambda _part, _args, out: found.append(out[1])) for part in parts]
    module(images)
    for handle in handles:
        handle.remove()
    return found


def weights_of_timm(module, images):
    """Probabilities as they pass the dropout of timm's own unfused attention."""
    found, handles = [], []
    for block in module.blocks:
        block.attn.fused_attn = False
        handles.append(block.attn.attn_drop.register_forward_hook(lambda *args: found.append(args[2])))
    module(images)
    for handle, block in zip(handles, module.blocks, strict=True):
        handle.remove()
        block.attn.fused_attn = True
    return found


def rollout(weights):
    """The formula as it is written, matrix by matrix: (N, L, L)."""
    length = weights[0].shape[-1]
    product = torch.eye(length, dtype=torch.float64)
    for attention in weights:
        mixed = 0.5 * attention.mean(dim=1) + 0.5 * torch.eye(length, dtype=torch.float64)
        product = (mixed / mixed.sum(dim=-1, keepdim=True)) @ product
    return product


CASES = {
    "torchvision": (torchvision_vit, weights_of_torchvision, SQUARE, (4, 4), 1),
    "timm": (timm_vit, weights_of_timm, IMAGES, (4, 3), 1),
    "timm, two tokens ahead": (
        lambda: timm_vit("deit_tiny_distilled_patch16_224"),
        *(weights_of_timm, IMAGES, (4, 3), 2),
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_probabilities_are_those_that_the_library_returns(case):
    build, weights_of, images, _, _ = CASES[case]
    module = build()
    with AttentionCapture() as attention:
        module(images)
    expected = weights_of(module, images)
    assert len(attention.probabilities) == len(expected) == 3
    for ours, theirs in zip(attention.probabilities, expected, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-14)


@pytest.mark.parametrize("case", CASES)
def test_rollout_follows_the_formula(case, loaded):
    build, weights_of, images, (height, width), prefix = CASES[case]
    module = build()
    product = rollout(weights_of(module, images))
    maps = attention_rollout(loaded(module), images, EACH, EACH)
    expected = product[:, 0, prefix:].view(4, height, width).float()
    torch.testing.assert_close(maps, expected, rtol=1e-6, atol=0)


@pytest.mark.parametrize("case", CASES)
def test_raw_attention_is_the_class_tokens_row_of_the_last_block(case, loaded):
    build, weights_of, images, (height, width), prefix = CASES[case]
    module = build()
    row = weights_of(module, images)[-1].mean(dim=1)[:, 0, prefix:]
    maps = raw_attention(loaded(module), images, EACH, EACH)
    torch.testing.assert_close(maps, row.view(4, height, width).float(), rtol=1e-6, atol=0)


def test_rollout_of_three_tokens_by_hand():
    first = torch.tensor([[[1.0, 0, 0], [0, 0, 1], [0.5, 0.5, 0]]], dtype=torch.float64)
    second = torch.tensor([[[0.0, 1, 0], [1, 0, 0], [0, 0, 1]]], dtype=torch.float64)
    # halves of the identity added: first [[1,0,0],[0,1/2,1/2],[1/4,1/4,1/2]], second [[1/2,1/2,0],…];
    # row 0 of second @ first = (first[0] + first[1]) / 2
    start = torch.tensor([[[1.0, 0, 0]]], dtype=torch.float64)
    assert _rolled_out(start, [first, second]).flatten().tolist() == [0.5, 0.25, 0.25]


def test_a_network_without_a_class_token_is_read_in_the_mean_of_its_rows(loaded):
    module = timm_vit(class_token=False, global_pool="avg")
    product = rollout(weights_of_timm(module, IMAGES))
    maps = attention_rollout(loaded(module), IMAGES, EACH, EACH)
    torch.testing.assert_close(maps, product.mean(dim=1).view(4, 4, 3).float(), rtol=1e-6, atol=0)


def test_a_class_token_that_the_scores_do_not_read_is_not_read(loaded):
    module = timm_vit(global_pool="avg")  # the mean of the patches, beside a class token
    product = rollout(weights_of_timm(module, IMAGES))
    maps = attention_rollout(loaded(module), IMAGES, EACH, EACH)
    expected = product[:, 1:, 1:].mean(dim=1).view(4, 4, 3).float()
    torch.testing.assert_close(maps, expected, rtol=1e-6, atol=0)


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize(("kind", "tolerance"), [(torch.float64, 1e-12), (torch.float32, 1e-6)])
def test_logits_stay(case, kind, tolerance):
    build, _, images, _, _ = CASES[case]
    module, images = build().to(kind), images.to(kind)
    with torch.no_grad():
        expected = module(images)
        with AttentionCapture():
            logits = module(images)
    assert float((logits - expected).abs().max() / expected.abs().max()) <= tolerance


@pytest.mark.parametrize("method", [attention_rollout, raw_attention])
@pytest.mark.parametrize("case", CASES)
def test_a_batch_gives_the_bytes_of_single_images(case, method, loaded):
    build, _, images, _, _ = CASES[case]
    network, images = loaded(build().float()), images.float()
    index, classes = torch.tensor([2, 0, 3, 2]), torch.tensor([1, 2, 3, 4])
    maps = method(network, images, index, classes)
    zero = torch.tensor([0])
    alone = [method(network, images[image : image + 1], zero, zero) for image in index.tolist()]
    assert torch.equal(maps, torch.cat(alone))


def test_both_maps_are_read_from_one_forward_pass(loaded):
    module, passes = torchvision_vit(), []
    network = loaded(module)
    raw_attention(network, SQUARE, EACH, EACH)  # tries once which tokens the scores are read from
    module.heads.register_forward_hook(lambda *_: passes.append(1))
    with sharing():
        attention_rollout(network, SQUARE, EACH, EACH)
        raw_attention(network, SQUARE, EACH.clone(), EACH)
    assert len(passes) == len(SQUARE)  # image by image


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"scale": 0.7},
        {"is_causal": True},
        {"attn_mask": torch.tensor([[True, False, True, True]] * 4)},
        {"attn_mask": torch.linspace(-2, 2, 16, dtype=torch.float64).view(4, 4)},
    ],
)
def test_plain_steps_give_what_the_fused_kernel_gives(options):
    query, key, value = torch.randn(3, 2, 5, 4, 6, dtype=torch.float64)
    expected = F.scaled_dot_product_attention(query, key, value, **options)
    with AttentionCapture() as attention:
        ours = F.scaled_dot_product_attention(query, key, value, **options)
    torch.testing.assert_close(ours, expected, rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(attention.probabilities[0] @ value, expected, rtol=1e-12, atol=1e-12)


def test_shared_key_heads_give_what_the_fused_kernel_gives():
    query = torch.randn(2, 6, 4, 5, dtype=torch.float64)
    key, value = torch.randn(2, 2, 3, 4, 5, dtype=torch.float64).unbind(0)
    key, value = (part[:, :2] for part in (key, value))
    expected = F.scaled_dot_product_attention(query, key, value, enable_gqa=True)
    with AttentionCapture():
        ours = F.scaled_dot_product_attention(query, key, value, enable_gqa=True)
    torch.testing.assert_close(ours, expected, rtol=1e-12, atol=1e-12)


def test_the_weights_that_multi_head_attention_returns_stay():
    part = nn.MultiheadAttention(8, 2, batch_first=True).double().eval()
    tokens = torch.randn(3, 5, 8, dtype=torch.float64)
    for averaged in (True, False):
        expected = part(tokens, tokens, tokens, average_attn_weights=averaged)
        with AttentionCapture():
            ours = part(tokens, tokens, tokens, average_attn_weights=averaged)
        torch.testing.assert_close(ours, expected, rtol=1e-12, atol=1e-12)


def test_masks_of_multi_head_attention_are_refused():
    part = nn.MultiheadAttention(8, 2, batch_first=True).eval()
    tokens = torch.randn(3, 5, 8)
    with pytest.raises(RaybenchError, match="multi-head attention uses attn_mask"), AttentionCapture():
        part(tokens, tokens, tokens, attn_mask=torch.zeros(5, 5))


def test_the_graph_goes_through_the_probabilities():
    module = torchvision_vit()
    with AttentionCapture() as attention:
        logits = module(SQUARE.clone().requires_grad_())
    gradients = torch.autograd.grad(logits[:, 3].sum(), attention.probabilities)
    assert all(gradient.abs().sum() > 0 for gradient in gradients)
    assert not gradients[-1][:, :, 1:].any()  # behind the last block only the class token is read


def test_a_softmax_without_values_is_no_attention():
    scores = torch.randn(2, 3, 4, 4)
    with AttentionCapture() as attention:
        probabilities = scores.softmax(dim=-1)
        torch.softmax(scores, 1) @ scores
        F.dropout(F.softmax(scores, dim=3), 0.0, training=False) @ scores
    assert len(attention.probabilities) == 1
    assert torch.equal(attention.probabilities[0], probabilities)
