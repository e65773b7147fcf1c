"""A loaded checkpoint: the module with the facts that methods and metrics need about it."""

from __future__ import annotations

import functools
import hashlib
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from .card import Card
from .classes import ClassList


@dataclass(frozen=True, eq=False)
class Network:
    """A classifier with its card.

    Attributes:
        module: images (B, 3, H, W) float to logits (B, C); eval mode, parameters frozen; H and W are any, or
            those of `input_size`.
        card: where it comes from.
        classes: the class list that the logits follow.
        weights_sha256: hash of the weight files, or empty for weights that came from memory.
        remarks: what readers of its numbers should know of how it was loaded, in sentences.
    """

    module: nn.Module
    card: Card
    classes: ClassList
    weights_sha256: str = ""
    remarks: tuple[str, ...] = ()

    def __repr__(self) -> str:
        return f"Network {self.name!r}: {type(self.module).__name__}, {len(self.classes)} classes"

    @property
    def name(self) -> str:
        """Name of the checkpoint, as result tables print it."""
        return self.card.name

    @property
    def target_layer(self) -> str | None:
        """Dotted name of the last convolutional stage, or of another layer of maps, if the card names one."""
        return None if self.card.target_layer == "auto" else self.card.target_layer

    @property
    def layout(self) -> Literal["auto", "channels_first", "channels_last", "tokens"]:
        """How the target layer's output lies in memory; `auto` where that is to be found by trying."""
        return self.card.layout

    @property
    def input_size(self) -> tuple[int, int] | None:
        """Height and width of the only images that the module takes; None if it takes any."""
        return self.card.input.size if self.card.input.any_size is False else None

    @property
    def excitation_layer(self) -> str | None:
        """Dotted name of the layer at whose output excitation backprop reads."""
        return self.card.excitation_layer

    @property
    def contrast_layer(self) -> str | None:
        """Dotted name of the layer at whose output contrastive excitation backprop contrasts."""
        return self.card.contrast_layer

    @property
    def multi_label(self) -> bool:
        """Whether an image has several classes, so that a probability is a sigmoid and no softmax."""
        return self.card.multilabel

    @property
    def input_range(self) -> tuple[Tensor, Tensor]:
        """What black and white pixels are in the network's input: (3, 1, 1) float32 each, on its device."""
        mean, std = (
            _constant(tuple(values), self.device).view(3, 1, 1) for values in (self.card.mean, self.card.std)
        )
        return (0 - mean) / std, (self.card.input_range - mean) / std

    @property
    def device(self) -> torch.device:
        """Device of the parameters."""
        return next(self.module.parameters()).device

    def normalise(self, pixels: Tensor) -> Tensor:
        """Turn RGB pixels (B, 3, H, W), uint8 or float of 0 to 1, into the float32 input it was trained on.

        The result lies in memory as the pixels do.
        """
        if self.card.channels == "bgr":
            pixels = pixels.flip(1)
        images = pixels.to(torch.float32, memory_format=torch.preserve_format, copy=True)
        if pixels.is_floating_point():
            images.mul_(self.card.input_range)
        elif self.card.input_range == 1:
            images.div_(255)
        mean, std = (_constant(tuple(values), pixels.device) for values in (self.card.mean, self.card.std))
        if images.is_contiguous(memory_format=torch.channels_last):
            # whole rows at once: three numbers at a time are too few for a processor to go fast
            width = images.shape[3]
            rows = images.permute(0, 2, 3, 1).flatten(2)
            rows.sub_(mean.repeat(width)).div_(std.repeat(width))
            return images
        return images.sub_(mean.view(1, 3, 1, 1)).div_(std.view(1, 3, 1, 1))


def state_sha256(module: nn.Module) -> str:
    """Hash a module's state: names, kinds, shapes and values of its tensors, in the order of the names."""
    digest = hashlib.sha256()
    for name, tensor in sorted(module.state_dict().items()):
        plain = tensor.detach().cpu().contiguous()
        digest.update(f"{name} {plain.dtype} {tuple(plain.shape)}\n".encode())
        digest.update(plain.reshape(-1).view(torch.uint8).numpy())
    return digest.hexdigest()


def with_own_size(card: Card, module: nn.Module) -> Card:
    """Return a card with the size of the pictures that its network takes, if that takes one size alone."""
    size = _own_size(module)
    if size is None or card.input.any_size:
        return card
    own = card.input.model_copy(update={"size": size, "any_size": False})
    return card.model_copy(update={"input": own, "input_size": size})


def _own_size(module: nn.Module) -> tuple[int, int] | None:
    """Find what torchvision's and timm's transformers say of the images that they take."""
    size = getattr(module, "image_size", None)
    patches = getattr(module, "patch_embed", None)
    if size is None and getattr(patches, "strict_img_size", False):
        size = getattr(patches, "img_size", None)
    if isinstance(size, int):
        return size, size
    return (int(size[0]), int(size[1])) if isinstance(size, (tuple, list)) and len(size) == 2 else None


@functools.lru_cache(maxsize=64)
def _constant(values: tuple[float, ...], device: torch.device) -> Tensor:
    """Send one value per channel (3,) float32 to a device, which is waited for, once."""
    with torch.inference_mode(False):
        return torch.tensor(values, device=device)
