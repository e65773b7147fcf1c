"""A small vision transformer for the generated `shapes` pictures."""

from __future__ import annotations

from collections import OrderedDict
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

_WIDTH, _HEADS, _BLOCKS = 64, 4, 3


class Attention(nn.Module):
    """Self-attention of tokens (B, L, C), all to all."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(width, 3 * width)
        self.proj = nn.Linear(width, width)

    def forward(self, tokens: Tensor) -> Tensor:
        """Mix values by softmax(Q K^T / sqrt(d))."""
        parts = self.qkv(tokens).unflatten(2, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)
        mixed = F.scaled_dot_product_attention(parts[0], parts[1], parts[2])
        found: Tensor = self.proj(mixed.transpose(1, 2).flatten(2))
        return found


class Block(nn.Module):
    """Attention and two linear layers, each on normalised tokens and added to them."""

    def __init__(self, width: int, attention: nn.Module) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(width)
        self.attn = attention
        self.norm2 = nn.LayerNorm(width)
        self.mlp = nn.Sequential(nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width))

    def forward(self, tokens: Tensor) -> Tensor:
        """(B, L, C) or (B, h, w, C) to the same."""
        tokens = tokens + self.attn(self.norm1(tokens))
        return tokens + self.mlp(self.norm2(tokens))  # type: ignore[no-any-return]


def stem_of(*channels: int) -> nn.Sequential:
    """Build convolutions of stride two, each from one number of channels to the next."""
    stem: OrderedDict[str, nn.Module] = OrderedDict()
    for place, (given, made) in enumerate(pairwise(channels), start=1):
        stem[f"conv{place}"] = nn.Conv2d(given, made, 3, stride=2, padding=1, bias=False)
        stem[f"norm{place}"] = nn.BatchNorm2d(made)
        stem[f"act{place}"] = nn.GELU()
    return nn.Sequential(stem)


class ShapesViT(nn.Module):
    """A class token and one token per patch of 8 x 8 pixels, in three blocks of four heads.

    Patches are embedded by three convolutions of stride two, and learn of their place from a convolution in
    each channel that sees the border, so that pictures of any size of 8 or more pixels go in.
    """

    def __init__(self, num_classes: int) -> None:
        super().__init__()
        self.stem = stem_of(3, _WIDTH // 4, _WIDTH // 2, _WIDTH)
        self.place = nn.Conv2d(_WIDTH, _WIDTH, 3, padding=1, groups=_WIDTH)
        self.token = nn.Parameter(torch.zeros(1, 1, _WIDTH))
        self.blocks = nn.Sequential(*(Block(_WIDTH, Attention(_WIDTH, _HEADS)) for _ in range(_BLOCKS)))
        self.norm = nn.LayerNorm(_WIDTH)
        self.head = nn.Linear(_WIDTH, num_classes)
        nn.init.trunc_normal_(self.token, std=0.02)

    def forward(self, images: Tensor) -> Tensor:
        """(B, 3, H, W) float to logits (B, num_classes), read from the class token."""
        maps = self.stem(images)
        patches = (maps + self.place(maps)).flatten(2).transpose(1, 2)
        tokens = torch.cat([self.token.expand(len(patches), -1, -1), patches], dim=1)
        logits: Tensor = self.head(self.norm(self.blocks(tokens)[:, 0]))
        return logits


def shapes_vit(num_classes: int) -> ShapesViT:
    """Build a vision transformer of about 175,000 parameters.

    Args:
        num_classes: length of the logits.
    """
    return ShapesViT(num_classes)
