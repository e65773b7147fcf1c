"""Decoding alone, and the bare network on batches of the same shapes: the floors of a run on a GPU."""

from __future__ import annotations

import contextlib
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import PIL.Image
import torch
import torch.utils.data
import torchvision.io

from raybench import load_checkpoint
from raybench.attributions import denormals_flushed

__all__ = ["bare_forward", "decode_by_pillow", "decode_by_torchvision"]


class _Decoded(torch.utils.data.Dataset[int]):
    """Decodes picture files and forgets them: one entry is a batch of files."""

    def __init__(self, batches: list[list[str]]) -> None:
        self.batches = batches

    def __len__(self) -> int:
        return len(self.batches)

    def __getitem__(self, number: int) -> int:
        for path in self.batches[number]:
            with PIL.Image.open(path) as picture:
                picture.convert("RGB")
        return len(self.batches[number])


def decode_by_pillow(pictures: str, workers: int) -> dict[str, float]:
    """Decode all pictures of a folder in worker processes, or (0) in this one: pictures per second."""
    batches = _Decoded(_batches(pictures, 32))
    loader = torch.utils.data.DataLoader(batches, batch_size=None, num_workers=workers)
    start = time.perf_counter()
    count = sum(loader)
    return {"per_second": count / (time.perf_counter() - start)}


def decode_by_torchvision(pictures: str, device: str) -> dict[str, float]:
    """Read files and decode them on a device, a batch at a time: pictures per second."""
    batches = _batches(pictures, 32)
    _decode(batches[0], device)  # pays for the start of the decoder
    _wait(device)
    start = time.perf_counter()
    for paths in batches:
        _decode(paths, device)
    _wait(device)
    return {"per_second": sum(map(len, batches)) / (time.perf_counter() - start)}


def _decode(paths: list[str], device: str) -> None:
    encoded = [torchvision.io.read_file(path) for path in paths]
    torchvision.io.decode_jpeg(encoded, mode=torchvision.io.ImageReadMode.RGB, device=device)


@denormals_flushed()
def bare_forward(card: str, pictures: str, device: str, short_side: int, batch_size: int) -> dict[str, float]:
    """Run the network alone on batches of the pictures' shapes: pictures per second by precision.

    Inputs are made up, lie on the device, are channels-last and fill batches of equal shape; denormals are
    flushed, since random weights on a processor make many.
    """
    network = load_checkpoint(card, device=device)
    shapes = Counter(_shapes(pictures, short_side))
    inputs = {
        shape: torch.randn(1, 3, *shape, device=device)
        .expand(min(batch_size, count), -1, -1, -1)
        .contiguous(memory_format=torch.channels_last)
        for shape, count in shapes.items()
    }
    rates = {}
    for precision in ("float32", "tf32", "bfloat16") if device == "cuda" else ("float32",):
        with torch.inference_mode(), _computing(precision, device):
            for images in inputs.values():
                network.module(images)
            _wait(device)
            start = time.perf_counter()
            for shape, count in shapes.items():
                for first in range(0, count, batch_size):
                    network.module(inputs[shape][: count - first])
            _wait(device)
            rates[precision] = sum(shapes.values()) / (time.perf_counter() - start)
    return rates


@contextlib.contextmanager
def _computing(precision: str, device: str) -> Iterator[None]:
    """While open, convolutions and products are computed in this precision."""
    switches: tuple[Any, ...] = (torch.backends.cuda.matmul, torch.backends.cudnn)
    before = [switch.allow_tf32 for switch in switches]
    try:
        for switch in switches:
            switch.allow_tf32 = precision == "tf32"
        with torch.autocast(device, torch.bfloat16, enabled=precision == "bfloat16"):
            yield
    finally:
        for switch, value in zip(switches, before, strict=True):
            switch.allow_tf32 = value


def _batches(pictures: str, size: int) -> list[list[str]]:
    paths = sorted(str(path) for path in Path(pictures).rglob("*.JPEG"))
    return [paths[first : first + size] for first in range(0, len(paths), size)]


def _shapes(pictures: str, short_side: int) -> Iterator[tuple[int, int]]:
    """Height and width of each picture when its shorter side has `short_side` pixels."""
    for path in sorted(Path(pictures).rglob("*.JPEG")):
        with PIL.Image.open(path) as picture:
            width, height = picture.size
        if height <= width:
            yield short_side, int(short_side * width / height)
        else:
            yield int(short_side * height / width), short_side


def _wait(device: str) -> None:
    if device == "cuda":
        torch.cuda.synchronize()
