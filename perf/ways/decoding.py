"""Decoding alone, and the bare network on batches of the same shapes: the floors of a run on a GPU."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import PIL.Image
import torch
import torchvision.io
from torch.utils.data import DataLoader

from raybench import load_checkpoint
from raybench.attributions import denormals_flushed


def decode_by_pillow(pictures: str, workers: int) -> dict[str, float]:
    """Decode all pictures of a folder in worker processes, or (0) in this one: pictures per second."""
    paths = _paths(pictures)
    loader = DataLoader(paths, batch_size=32, num_workers=workers, collate_fn=_opened)  # type: ignore[arg-type]
    start = time.perf_counter()
    count = sum(loader)
    return {"per_second": count / (time.perf_counter() - start)}


def _opened(paths: list[Path]) -> int:
    """Decode picture files and forget them."""
    for path in paths:
        with PIL.Image.open(path) as picture:
            picture.convert("RGB")
    return len(paths)


def decode_by_torchvision(pictures: str, device: str) -> dict[str, float]:
    """Read files and decode them on a device, a batch at a time: pictures per second."""
    paths = [str(path) for path in _paths(pictures)]

    def decode(batch: list[str]) -> None:
        encoded = [torchvision.io.read_file(path) for path in batch]
        torchvision.io.decode_jpeg(encoded, mode=torchvision.io.ImageReadMode.RGB, device=device)

    decode(paths[:32])  # pays for the start of the decoder
    _wait(device)
    start = time.perf_counter()
    for first in range(0, len(paths), 32):
        decode(paths[first : first + 32])
    _wait(device)
    return {"per_second": len(paths) / (time.perf_counter() - start)}


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
        torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = precision == "tf32"
        autocast = torch.autocast(device, torch.bfloat16, enabled=precision == "bfloat16")
        with torch.inference_mode(), autocast:
            for images in inputs.values():
                network.module(images)
            _wait(device)
            start = time.perf_counter()
            for shape, count in shapes.items():
                for first in range(0, count, batch_size):
                    network.module(inputs[shape][: count - first])
            _wait(device)
            rates[precision] = sum(shapes.values()) / (time.perf_counter() - start)
    torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32 = False, True  # as torch begins
    return rates


def _paths(pictures: str) -> list[Path]:
    return sorted(Path(pictures).rglob("*.JPEG"))


def _shapes(pictures: str, short_side: int) -> Iterator[tuple[int, int]]:
    """Height and width of each picture when its shorter side has `short_side` pixels."""
    for path in _paths(pictures):
        with PIL.Image.open(path) as picture:
            width, height = picture.size
        if height <= width:
            yield short_side, int(short_side * width / height)
        else:
            yield int(short_side * height / width), short_side


def _wait(device: str) -> None:
    if device == "cuda":
        torch.cuda.synchronize()
