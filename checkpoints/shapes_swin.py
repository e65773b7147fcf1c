"""A small hierarchical transformer with shifted windows for the generated `shapes` pictures."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .shapes_vit import Block, stem_of

_WIDTH, _HEADS, _SIDE = 40, 4, 4


class WindowAttention(nn.Module):
    """Self-attention of places (B, h, w, C) within square windows; places beyond the border are not seen.

    Args:
        width: channels.
        heads: that share them.
        shift: by how many places the windows start ahead of the border.
    """

    def __init__(self, width: int, heads: int, shift: int) -> None:
        super().__init__()
        self.heads, self.shift = heads, shift
        self.qkv = nn.Linear(width, 3 * width)
        self.proj = nn.Linear(width, width)

    def forward(self, maps: Tensor) -> Tensor:
        """Mix values by softmax(Q K^T / sqrt(d)), window by window."""
        height, width = maps.shape[1:3]
        inside = F.pad(maps.new_ones(1, height, width, 1), self._border(height, width))
        rows, columns = (size // _SIDE for size in inside.shape[1:3])
        seen = _windows(inside).squeeze(-1)[:, None, None, :] > 0
        parts = _windows(F.pad(self.qkv(maps), self._border(height, width)))
        parts = parts.view(*parts.shape[:2], 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        mixed = F.scaled_dot_product_attention(
            parts[0], parts[1], parts[2], attn_mask=seen.repeat(len(maps), 1, 1, 1)
        )
        whole = mixed.transpose(1, 2).flatten(2).view(len(maps), rows, columns, _SIDE, _SIDE, -1)
        whole = whole.transpose(2, 3).flatten(3, 4).flatten(1, 2)
        found: Tensor = self.proj(whole[:, self.shift : self.shift + height, self.shift : self.shift + width])
        return found

    def _border(self, height: int, width: int) -> tuple[int, ...]:
        right, below = (-(size + self.shift) % _SIDE for size in (width, height))
        return 0, 0, self.shift, right, self.shift, below


class Merging(nn.Module):
    """Four neighbouring places (B, 2 h, 2 w, C) become one of twice the channels (B, h, w, 2 C)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(4 * width)
        self.reduction = nn.Linear(4 * width, 2 * width, bias=False)

    def forward(self, maps: Tensor) -> Tensor:
        """Join them; zeros stand beyond an odd border."""
        maps = F.pad(maps, (0, 0, 0, maps.shape[2] % 2, 0, maps.shape[1] % 2))
        four = torch.cat([maps[:, row::2, column::2] for row in (0, 1) for column in (0, 1)], dim=3)
        found: Tensor = self.reduction(self.norm(four))
        return found


class ShapesSwin(nn.Module):
    """Two stages of two blocks each, on places of 4 x 4 and of 8 x 8 pixels, channels last.

    Windows hold 4 x 4 places; those of each second block start two places ahead of the border. Places learn
    of where they lie from a convolution in each channel that sees the border, so that pictures of any size go
    in.
    """

    def __init__(self, num_classes: int) -> None:
        super().__init__()
        self.stem = stem_of(3, _WIDTH // 2, _WIDTH)
        self.place = nn.Conv2d(_WIDTH, _WIDTH, 3, padding=1, groups=_WIDTH)
        self.stage1 = _stage(_WIDTH)
        self.merging = Merging(_WIDTH)
        self.stage2 = _stage(2 * _WIDTH)
        self.norm = nn.LayerNorm(2 * _WIDTH)
        self.head = nn.Linear(2 * _WIDTH, num_classes)

    def forward(self, images: Tensor) -> Tensor:
        """(B, 3, H, W) float to logits (B, num_classes), read from the mean over places."""
        maps = self.stem(images)
        maps = (maps + self.place(maps)).permute(0, 2, 3, 1)
        maps = self.norm(self.stage2(self.merging(self.stage1(maps))))
        logits: Tensor = self.head(maps.mean(dim=(1, 2)))
        return logits


def shapes_swin(num_classes: int) -> ShapesSwin:
    """Build a transformer with shifted windows, of about 220,000 parameters.

    Args:
        num_classes: length of the logits.
    """
    return ShapesSwin(num_classes)


def _stage(width: int) -> nn.Sequential:
    return nn.Sequential(*(Block(width, WindowAttention(width, _HEADS, shift)) for shift in (0, _SIDE // 2)))


def _windows(maps: Tensor) -> Tensor:
    """(B, h, w, C) as (B * windows, places of one, C), row by row."""
    rows, columns = (size // _SIDE for size in maps.shape[1:3])
    parts = maps.reshape(len(maps), rows, _SIDE, columns, _SIDE, -1)
    return parts.transpose(2, 3).flatten(3, 4).flatten(0, 2)
