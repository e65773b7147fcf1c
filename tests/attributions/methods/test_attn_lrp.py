"""Relevance of transformers a second time: handed down by the papers' formulas, one call after the other."""

import pytest
import timm
import torch
import torch.nn.functional as F
import torchvision
from torch import nn

from raybench.attributions import bind
from raybench.attributions.asking.rules.attention_rules import attention_rules
from raybench.attributions.asking.rules.backward_rules import Rules
from raybench.attributions.asking.rules.handing_down import handed_to_pixels, score
from raybench.attributions.methods.relevance.lrp import composite, gamma_rule

IMAGES = torch.randn(2, 3, 32, 32, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
INDEX, CLASSES = torch.tensor([1, 0, 1]), torch.tensor([2, 0, 3])
BY_GRADIENT = {"gamma_convolution": 0.0, "gamma_linear": 0.0}
METHODS = ["attn_lrp", "cp_lrp"]


def seeded(build, *, biases=True):
    """A network in float64 whose attention is far from uniform, if asked without anything added to inputs."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        module = build().double().eval().requires_grad_(False)
        for name, parameter in module.named_parameters():
            if name.endswith(("bias", "token", "pos_embed", "pos_embedding")):
                parameter.normal_(std=0.2) if biases else parameter.zero_()
            elif parameter.ndim == 2:
                parameter.normal_(std=0.3)
    return module


def torchvision_vit():
    return torchvision.models.VisionTransformer(
        image_size=32, patch_size=16, num_layers=2, num_heads=2, hidden_dim=8, mlp_dim=12, num_classes=4
    )


def timm_vit(**options):
    options = {"img_size": 32, "depth": 2, "embed_dim": 8, "num_heads": 2, "num_classes": 4} | options
    return timm.create_model("vit_tiny_patch16_224", **options)


def swin():
    """Windows of 2 x 2 of 4 x 4 patches, shifted in the second block."""
    return torchvision.models.SwinTransformer(
        [8, 8], 8, [2], [2], [2, 2], num_classes=4, stochastic_depth_prob=0
    )


def relevance(method, network, images, image_index, class_index, monkeypatch, **options):
    """Relevance in the precision that it was computed in."""
    monkeypatch.setattr(
        "raybench.attributions.methods.relevance.attn_lrp.over_colours", lambda each, _: each.sum(dim=1)
    )
    return bind(method, options).raw(network, images, image_index, class_index)


class Explicit:
    """A ViT of torchvision, forward for one image, and relevance back through each of its calls."""

    def __init__(self, module, *, softmax):
        self.module, self.softmax = module, softmax

    def linear(self, inputs, weight, bias):
        """R_j = x_j sum_i w_ij R_i / z_i."""
        outputs = inputs @ weight.T + bias
        return outputs, lambda received: inputs * ((received / outputs) @ weight)

    def norm(self, inputs, part):
        """The same of the matrix g (1 - 1/k) / deviation, with the deviation of these inputs."""
        size = inputs.shape[-1]
        deviation = (inputs.var(dim=-1, unbiased=False, keepdim=True) + part.eps).sqrt()
        centre = torch.eye(size, dtype=torch.float64) - 1 / size
        outputs = inputs @ centre / deviation * part.weight + part.bias
        return outputs, lambda received: inputs * ((received / outputs / deviation * part.weight) @ centre)

    def attend(self, tokens, part):
        """softmax(q k / sqrt d) v: matrix products give each factor one half."""
        length, size = tokens.shape
        heads, depth = part.num_heads, size // part.num_heads
        joined, to_tokens = self.linear(tokens, part.in_proj_weight, part.in_proj_bias)
        query, key, value = joined.view(length, 3, heads, depth).permute(1, 2, 0, 3)
        scores = query @ key.transpose(1, 2) / depth**0.5
        weights = scores.softmax(dim=-1)
        found = weights @ value
        outputs, to_found = self.linear(
            found.transpose(0, 1).flatten(1), part.out_proj.weight, part.out_proj.bias
        )

        def back(received):
            share = to_found(received).view(length, heads, depth).transpose(0, 1) / found
            of_value = value * (weights.transpose(1, 2) @ share)
            of_query, of_key = torch.zeros_like(query), torch.zeros_like(key)
            if self.softmax:
                of_value = of_value / 2
                of_weights = weights * (share @ value.transpose(1, 2)) / 2
                of_scores = scores * (of_weights - weights * of_weights.sum(dim=-1, keepdim=True))
                share = of_scores / scores / depth**0.5
                of_query = query * (share @ key) / 2
                of_key = key * (share.transpose(1, 2) @ query) / 2
            handed = torch.stack([of_query, of_key, of_value])
            return to_tokens(handed.permute(2, 0, 1, 3).flatten(1))

        return outputs, back

    def chain(self, tokens, steps):
        backs = []
        for step in steps:
            tokens, back = step(tokens)
            backs.append(back)

        def back_through(received):
            for back in reversed(backs):
                received = back(received)
            return received

        return tokens, back_through

    def beside(self, steps):
        """A skip connection: sums are shared in proportion."""

        def step(tokens):
            branch, back = self.chain(tokens, steps)
            total = tokens + branch

            def share(received):
                return tokens * received / total + back(branch * received / total)

            return total, share

        return step

    def block(self, part):
        first, second = (layer for layer in part.mlp if isinstance(layer, nn.Linear))
        attention = [
            lambda tokens: self.norm(tokens, part.ln_1),
            lambda tokens: self.attend(tokens, part.self_attention),
        ]
        hidden = [
            lambda tokens: self.norm(tokens, part.ln_2),
            lambda tokens: self.linear(tokens, first.weight, first.bias),
            lambda tokens: (F.gelu(tokens), lambda received: received),
            lambda tokens: self.linear(tokens, second.weight, second.bias),
        ]
        return [self.beside(attention), self.beside(hidden)]

    def relevance(self, image, target):
        """Relevance of the pixels (H, W)."""
        module, side = self.module, self.module.patch_size
        patches = image.unfold(1, side, side).unfold(2, side, side)  # (3, h, w, side, side)
        rows = patches.permute(1, 2, 0, 3, 4).flatten(2).flatten(0, 1)
        weight = module.conv_proj.weight.flatten(1)
        embedded, to_pixels = self.linear(rows, weight, module.conv_proj.bias)
        tokens = torch.cat([module.class_token[0], embedded]) + module.encoder.pos_embedding[0]
        blocks = [step for part in module.encoder.layers for step in self.block(part)]
        tokens_out, back = self.chain(tokens, [*blocks, lambda given: self.norm(given, module.encoder.ln)])
        logits, to_token = self.linear(tokens_out[:1], module.heads.head.weight, module.heads.head.bias)
        torch.testing.assert_close(logits, module(image[None]), rtol=1e-9, atol=1e-9)
        received = torch.zeros_like(tokens_out)
        received[:1] = to_token(F.one_hot(target, logits.shape[1]) * logits)
        embedded_share = (embedded / tokens[1:]) * back(received)[1:]
        handed = to_pixels(embedded_share).view(*patches.shape[1:3], 3, side, side)
        return handed.permute(2, 0, 3, 1, 4).reshape(image.shape).sum(dim=0)


@pytest.mark.parametrize("method", METHODS)
def test_relevance_is_that_of_the_formulas(method, loaded, monkeypatch):
    module = seeded(torchvision_vit)
    found = relevance(method, loaded(module), IMAGES, INDEX, CLASSES, monkeypatch, **BY_GRADIENT)
    slow = Explicit(module, softmax=method == "attn_lrp")
    expected = torch.stack([slow.relevance(IMAGES[i], c) for i, c in zip(INDEX, CLASSES, strict=True)])
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-9 * float(expected.abs().max()))


@pytest.mark.parametrize("build", [torchvision_vit, timm_vit, swin])
def test_relevance_of_constant_attention_adds_up_where_nothing_is_added(build, loaded, monkeypatch):
    """Without biases and what is added to tokens, all of the score arrives at the pixels."""
    module = seeded(build, biases=False)
    found = relevance("cp_lrp", loaded(module), IMAGES, INDEX, CLASSES, monkeypatch, **BY_GRADIENT)
    expected = module(IMAGES)[INDEX, CLASSES]
    assert expected.abs().min() > 1e-3
    torch.testing.assert_close(found.sum(dim=(1, 2)), expected, rtol=1e-9, atol=0)


@pytest.mark.parametrize("method", METHODS)
def test_attention_in_plain_steps_gives_what_fused_attention_gives(method, loaded, monkeypatch):
    module = seeded(timm_vit)
    expected = relevance(method, loaded(module), IMAGES, INDEX, CLASSES, monkeypatch)
    for block in module.blocks:
        block.attn.fused_attn = False
    found = relevance(method, loaded(module), IMAGES, INDEX, CLASSES, monkeypatch)
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-12 * float(expected.abs().max()))


class Gated(nn.Module):
    """A gate and its signal, multiplied in place or not, behind a convolution; 4 classes."""

    def __init__(self, *, in_place):
        super().__init__()
        self.stem, self.in_place = nn.Conv2d(3, 4, 8, stride=8, bias=False), in_place

    def forward(self, images):
        features = self.stem(images)
        gate = F.silu(features)
        if self.in_place:
            gate.mul_(features)
        else:
            gate = gate * features
        return gate.mean((2, 3))


@pytest.mark.parametrize("in_place", [False, True])
def test_both_factors_of_a_gate_together_take_what_it_received(in_place, loaded):
    network = loaded(seeded(lambda: Gated(in_place=in_place)))
    table = attention_rules(softmax=True, convolution=None, linear=None)
    sums = (handed_to_pixels(network, IMAGES, INDEX, CLASSES, table) * IMAGES[INDEX]).sum(dim=(1, 2, 3))
    torch.testing.assert_close(sums, network.module(IMAGES)[INDEX, CLASSES])


def test_gamma_is_the_rule_of_relevance(loaded):
    """On a network whose only other calls are activations, multipliers are relevance per pixel."""
    module = nn.Sequential(
        *(nn.Conv2d(3, 6, 4, stride=4), nn.GELU(), nn.Conv2d(6, 8, 3), nn.SiLU(), nn.Flatten()),
        *(nn.Linear(8 * 36, 12), nn.ReLU(inplace=True), nn.Linear(12, 4)),
    )
    network = loaded(seeded(lambda: module))
    rules = {"convolution": gamma_rule(0.25), "linear": gamma_rule(0.05)}
    handed = handed_to_pixels(network, IMAGES, INDEX, CLASSES, attention_rules(softmax=True, **rules))
    expected = handed_to_pixels(network, IMAGES, INDEX, CLASSES, composite(**rules), start=score)
    torch.testing.assert_close(
        handed * IMAGES[INDEX], expected, rtol=0, atol=1e-9 * float(expected.abs().max())
    )


@pytest.mark.parametrize("build", [torchvision_vit, timm_vit, swin])
def test_logits_stay(build):
    module = seeded(build)
    gamma = gamma_rule(0.25)
    with Rules(attention_rules(softmax=True, convolution=gamma, linear=gamma)):
        logits = module(IMAGES.clone().requires_grad_())
    torch.testing.assert_close(logits, module(IMAGES), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("method", METHODS)
def test_networks_that_attend_within_windows_pass_the_check(method, loaded):
    bind(method).check(loaded(seeded(swin).float()))
