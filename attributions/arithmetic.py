"""How a network computes: with all float32 digits or fewer for speed, and without very small numbers."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from contextvars import ContextVar
from typing import Any, Literal

import torch

Precision = Literal["float32", "tf32", "bfloat16", "float16"]

_PRECISION: ContextVar[Precision] = ContextVar("precision", default="float32")


@contextmanager
def computing_in(precision: Precision) -> Iterator[None]:
    """While open, networks that run inside `forward_pass` compute in this precision.

    float32 keeps all digits also on CUDA, where torch by default gives convolutions only ten bits of them
    (TF32). bfloat16 and float16 mean torch's autocast. Maps are float32 whatever the network computes in.
    """
    flags, token = _flags(), _PRECISION.set(precision)
    before = [_read(*flag) for flag in flags]
    quick = precision == "tf32"
    try:
        for owner, name in flags:
            setattr(owner, name, quick if name == "allow_tf32" else "tf32" if quick else "ieee")
        yield
    finally:
        for (owner, name), value in zip(flags, before, strict=True):
            if value is not None:
                setattr(owner, name, value)
        _PRECISION.reset(token)


def _flags() -> list[tuple[Any, str]]:
    """What decides about TF32: torch has an old interface, and since 2.9 a new one beside it."""
    matmul, cudnn = torch.backends.cuda.matmul, torch.backends.cudnn
    flags: list[tuple[Any, str]] = [(matmul, "allow_tf32"), (cudnn, "allow_tf32")]
    if hasattr(cudnn, "conv"):
        flags += [(part, "fp32_precision") for part in (matmul, cudnn.conv, cudnn.rnn)]
    return flags


def _read(owner: Any, name: str) -> Any:
    """Return a flag, or None where it was set by the other of the two interfaces."""
    try:
        return getattr(owner, name)
    except RuntimeError:
        return None


def forward_pass(device: torch.device, *, wide: bool = False) -> AbstractContextManager[Any]:
    """Return the block in which a network on `device` computes in the precision of `computing_in`.

    `wide` asks for float32 instead of float16, whose range is too small for some computations.
    """
    precision = _PRECISION.get()
    if precision in ("float32", "tf32") or (wide and precision == "float16"):
        return nullcontext()
    return torch.autocast(device.type, dtype=getattr(torch, precision))


@contextmanager
def denormals_flushed() -> Iterator[None]:
    """While open, numbers too small for a normal float become zero in this thread; then as before.

    The processor's mode belongs to a thread, and torch sets it for the calling one only: worker threads that
    run already keep theirs.
    """
    before = _are_flushed()
    torch.set_flush_denormal(True)
    try:
        yield
    finally:
        torch.set_flush_denormal(before)


def _are_flushed() -> bool:
    """Look at what the processor does, as torch has no function that tells."""
    smallest_normal = sys.float_info.min
    return smallest_normal * 0.5 == 0.0
