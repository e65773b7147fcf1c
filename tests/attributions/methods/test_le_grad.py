"""LeGrad and transformer attribution against the papers' formulas, layer by layer on small networks."""

import pytest
import torch
import torch.nn.functional as F
from small_vits import timm_vit, torchvision_vit

from raybench.attributions.layers.blocks import blocks_of
from raybench.attributions.methods.attention.le_grad import le_grad
from raybench.attributions.methods.attention.transformer_attribution import transformer_attribution
from raybench.base import RaybenchError

IMAGES = torch.randn(2, 3, 64, 48, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
SQUARE = torch.randn(2, 3, 64, 64, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
INDEX, CLASSES = torch.tensor([1, 0, 1]), torch.tensor([1, 2, 7])


def heads_of(attention, tokens):
    """Queries, keys, values (heads, L, d) of one image's tokens, in timm's attention."""
    parts = attention.qkv(tokens)[0].unflatten(1, (3, attention.num_heads, -1))
    return parts.permute(1, 2, 0, 3)


def attended(attention, tokens, taken):
    """timm's attention in plain steps; probabilities are handed to `taken`."""
    query, key, value = heads_of(attention, tokens)
    probabilities = (query @ key.mT * attention.scale).softmax(dim=-1)
    taken.append(probabilities)
    return attention.proj((probabilities @ value).permute(1, 0, 2).flatten(1)[None])


def embedded(module, image):
    return module.norm_pre(module.patch_drop(module._pos_embed(module.patch_embed(image[None]))))


@pytest.mark.parametrize("options", [{}, {"class_token": False, "global_pool": "avg"}])
def test_le_grad_reads_each_block_through_the_last_norm_and_the_head(options, loaded):
    module = timm_vit(**options)
    maps = le_grad(loaded(module), IMAGES, INDEX, CLASSES)
    for found, image, target in zip(maps, INDEX, CLASSES, strict=True):
        tokens, expected = embedded(module, IMAGES[image]), torch.zeros(12, dtype=torch.float64)
        for block in module.blocks:
            taken = []
            tokens = tokens.detach().requires_grad_()
            tokens = tokens + attended(block.attn, block.norm1(tokens), taken)
            tokens = tokens + block.mlp(block.norm2(tokens))
            score = module.forward_head(module.norm(tokens))[0, target]
            (gradient,) = torch.autograd.grad(score, taken[0])
            expected += gradient.clamp(min=0).mean(dim=(0, 1))[-12:].detach()
        torch.testing.assert_close(found.double(), expected.view(4, 3), rtol=1e-5, atol=1e-9)


def share(received, total):
    return received / torch.where(total >= 0, total + 1e-9, total - 1e-9)


def linear(layer, given, relevance):
    """The positive contributions x+ w+ + x- w-, entry by entry: (L, in)."""
    parts = given[:, None, :] * layer.weight  # (L, out, in)
    positive = torch.where(parts > 0, parts, 0)
    return (share(relevance, positive.sum(dim=2))[:, :, None] * positive).sum(dim=1)


def product(first, second, relevance):
    """Entry by entry of a product (h, L, M) of (h, L, d) and (h, d, M); half to each."""
    terms = first[..., None] * second[:, None]  # (h, L, d, M)
    parts = terms * share(relevance, terms.sum(dim=2))[:, :, None] / 2
    return parts.sum(dim=3), parts.sum(dim=1)


def branches(first, second, relevance):
    parts = [one * share(relevance, first + second) for one in (first, second)]
    sums = [one.sum().abs() for one in parts]
    return [
        part * (size / sum(sums) * relevance.sum() / part.sum())
        for part, size in zip(parts, sums, strict=True)
    ]


def attribution(module, image, target):
    """R by the paper's rules, by hand; then the product over blocks: the row of the class token."""
    kept, slopes = [], []
    tokens = embedded(module, image).requires_grad_()
    for block in module.blocks:
        start = tokens
        mixed = attended(block.attn, block.norm1(tokens), slopes)
        middle = tokens + mixed
        hidden = block.mlp.fc1(block.norm2(middle))
        tokens = middle + block.mlp.fc2(F.gelu(hidden))
        kept.append((start, mixed, middle, hidden, tokens))
    final = module.norm(tokens)
    logits = module.head(final[:, 0])
    gradients = torch.autograd.grad(logits[0, target], slopes)
    first = torch.zeros(1, 10, dtype=torch.float64)
    first[0, target] = 1
    relevance = torch.zeros(final.shape[1], final.shape[2], dtype=torch.float64)
    relevance[:1] = linear(module.head, final[0, :1], first)
    row = torch.zeros(1, final.shape[1], dtype=torch.float64)
    row[0, 0] = 1
    for block, (start, mixed, middle, hidden, end), attention, gradient in zip(
        *map(reversed, (list(module.blocks), kept, slopes, gradients)), strict=True
    ):
        whole, added = branches(middle[0], (end - middle)[0], relevance)
        down = linear(block.mlp.fc2, F.gelu(hidden)[0], added)
        whole = whole + linear(block.mlp.fc1, block.norm2(middle)[0], down)
        skipped, attending = branches(start[0], mixed[0], whole)
        normed = block.norm1(start)
        query, key, value = heads_of(block.attn, normed)
        before = (attention @ value).permute(1, 0, 2).flatten(1)
        at_heads = linear(block.attn.proj, before, attending).unflatten(1, (query.shape[0], -1))
        to_attention, to_values = product(attention, value, at_heads.permute(1, 0, 2))
        scaled = query * block.attn.scale
        to_queries, to_keys = product(scaled, key.mT, to_attention)
        joined = torch.stack([to_queries, to_keys.mT, to_values]).permute(2, 0, 1, 3).flatten(1)
        relevance = skipped + linear(block.attn.qkv, normed[0], joined)
        row = row + row @ (gradient * to_attention).clamp(min=0).mean(dim=0)
    return row[0, 1:].detach()


def test_transformer_attribution_is_the_papers_rules_one_after_the_other(loaded):
    module = timm_vit(depth=2)
    maps = transformer_attribution(loaded(module), IMAGES, INDEX, CLASSES)
    for found, image, target in zip(maps, INDEX, CLASSES, strict=True):
        expected = attribution(module, IMAGES[image], target).view(4, 3)
        torch.testing.assert_close(found.double(), expected, rtol=1e-5, atol=1e-7 * float(expected.max()))


@pytest.mark.parametrize("method", [le_grad, transformer_attribution])
@pytest.mark.parametrize(
    ("build", "images"),
    [
        (torchvision_vit, SQUARE),
        (lambda: timm_vit("vit_small_patch14_reg4_dinov2", patch_size=16), IMAGES),
    ],
)
def test_a_batch_gives_the_bytes_of_single_queries(method, build, images, loaded):
    network, zero = loaded(build().float()), torch.tensor([0])
    maps = method(network, images.float(), INDEX, CLASSES)
    alone = [
        method(network, images[image : image + 1].float(), zero, CLASSES[n : n + 1])
        for n, image in enumerate(INDEX.tolist())
    ]
    assert torch.equal(maps, torch.cat(alone))
    assert (maps.amax(dim=(1, 2)) > 0).all()


def test_blocks_are_the_outermost_layers_with_one_attention():
    assert blocks_of(timm_vit(), IMAGES[:1]) == ("blocks.0", "blocks.1", "blocks.2")
    names = tuple(f"encoder.layers.encoder_layer_{number}" for number in range(3))
    assert blocks_of(torchvision_vit(), SQUARE[:1]) == names


def test_le_grad_is_refused_where_attention_is_in_no_layer_of_its_own(loaded):
    class Bare(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.stem, self.head = torch.nn.Conv2d(3, 8, 16, stride=16), torch.nn.Linear(8, 4)

        def forward(self, images):
            tokens = self.stem(images).flatten(2).mT[:, None]
            for _ in range(2):
                tokens = F.scaled_dot_product_attention(tokens, tokens, tokens)
            return self.head(tokens[:, 0].mean(dim=1))

    with pytest.raises(RaybenchError, match="attention runs in no layers that return their tokens alone"):
        le_grad(loaded(Bare()), IMAGES.float(), INDEX, torch.tensor([1, 2, 3]))
