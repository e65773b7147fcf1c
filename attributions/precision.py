"""The precision of a network's arithmetic: all float32 digits, or fewer for speed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from contextvars import ContextVar
from typing import Any, Literal

import torch

__all__ = ["Precision", "cast", "computing_in"]

Precision = Literal["float32", "tf32", "bfloat16", "float16"]

_PRECISION: ContextVar[Precision] = ContextVar("precision", default="float32")


@contextmanager
def computing_in(precision: Precision) -> Iterator[None]:
    """While open, networks that run inside `cast` compute in this precision.

    float32 keeps all digits also on CUDA, where torch by default gives convolutions only ten bits of them
    (TF32). bfloat16 and float16 mean torch's autocast. Maps are float32 whatever the network computes in.
    """
    matmul, cudnn = torch.backends.cuda.matmul, torch.backends.cudnn
    before = matmul.allow_tf32, cudnn.allow_tf32
    token = _PRECISION.set(precision)
    try:
        matmul.allow_tf32 = cudnn.allow_tf32 = precision == "tf32"
        yield
    finally:
        matmul.allow_tf32, cudnn.allow_tf32 = before
        _PRECISION.reset(token)


def cast(device: torch.device) -> AbstractContextManager[Any]:
    """Return the block in which a network on `device` is run: autocast, or nothing special."""
    precision = _PRECISION.get()
    if precision in ("float32", "tf32"):
        return nullcontext()
    return torch.autocast(device.type, dtype=getattr(torch, precision))
