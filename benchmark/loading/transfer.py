"""Between host and device without waiting: copies from and to page-locked memory."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor


def send_stacked(arrays: Sequence[NDArray[Any]], device: torch.device) -> Tensor:
    """Stack arrays of one shape and send them: (len(arrays), *shape) on the device."""
    shape = (len(arrays), *arrays[0].shape)
    return _send([array[None] for array in arrays], shape, device)


def send_joined(arrays: Sequence[NDArray[Any]], device: torch.device) -> Tensor:
    """Join arrays along their first dimension and send them."""
    shape = (sum(map(len, arrays)), *arrays[0].shape[1:])
    return _send(arrays, shape, device)


_STREAMS: dict[torch.device, torch.cuda.Stream] = {}


@contextmanager
def beside(device: torch.device) -> Iterator[list[Tensor]]:
    """While open, a GPU is given work that goes on beside the computation of the batch before.

    Tensors that are put into the yielded list can be computed with after the block. Memory that the block
    takes is never that of a tensor which queued computations still read.
    """
    made: list[Tensor] = []
    if device.type != "cuda":
        yield made
        return
    if device not in _STREAMS:
        _STREAMS[device] = torch.cuda.Stream(device)  # type: ignore[no-untyped-call]
    stream, computing = _STREAMS[device], torch.cuda.current_stream(device)
    with torch.cuda.stream(stream):
        yield made
    computing.wait_stream(stream)
    for tensor in made:
        tensor.record_stream(computing)  # else its memory could be given away before it is read


def _send(arrays: Sequence[NDArray[Any]], shape: tuple[int, ...], device: torch.device) -> Tensor:
    if device.type != "cuda":
        return torch.from_numpy(arrays[0] if len(arrays) == 1 else np.concatenate(arrays)).to(device)
    kind = torch.from_numpy(arrays[0][:0]).dtype
    host = torch.empty(shape, dtype=kind, pin_memory=True)
    np.concatenate(arrays, out=host.numpy())
    with beside(device) as made:
        made.append(host.to(device, non_blocking=True))
    return made[0]


class OnItsWay:
    """A tensor that is being copied to the host; the computation on the device goes on meanwhile."""

    def __init__(self, tensor: Tensor) -> None:
        """Begin to copy."""
        self._arrived: torch.cuda.Event | None = None
        if tensor.device.type != "cuda":
            self._host = tensor
            return
        self._host = torch.empty(tensor.shape, dtype=tensor.dtype, pin_memory=True)
        self._host.copy_(tensor, non_blocking=True)
        self._arrived = torch.cuda.Event(blocking=True)  # type: ignore[no-untyped-call]
        self._arrived.record(torch.cuda.current_stream(tensor.device))

    def fetch(self) -> Tensor:
        """Wait until the copy is complete and return it, on the CPU."""
        if self._arrived is not None:
            self._arrived.synchronize()
        return self._host
