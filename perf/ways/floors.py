"""The bare network on prepared tensors, one picture at a time, as torch runs it: the floor.

On all threads, or in a single-threaded process for each core; the floor is the faster of the two.
"""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import torch
from torch import Tensor

from raybench import Network, load_checkpoint
from raybench.attributions import denormals_flushed

from .work import Work, Yield, whole_picture

__all__ = ["FLOORS"]


class _Input(NamedTuple):
    """A prepared picture (1, 3, h, w) and the classes that are asked about."""

    image: Tensor
    classes: list[int]


def _prepared(work: Work) -> tuple[Network, list[_Input]]:
    network = load_checkpoint(work.checkpoint)
    for parameter in network.module.parameters():
        parameter.requires_grad_(False)
    inputs = [
        _Input(
            whole_picture(sample.image, work.short_side, network),
            [query.class_index for query in sample.queries],
        )
        for sample in work.samples()
        if sample.image is not None
    ]
    return network, inputs


def _forward_all(network: Network, inputs: list[_Input]) -> float:
    with torch.inference_mode():
        network.module(inputs[0].image)
        start = time.perf_counter()
        for image, _ in inputs:
            network.module(image)
        return time.perf_counter() - start


def _backward_all(network: Network, inputs: list[_Input]) -> float:
    network.module(inputs[0].image)
    start = time.perf_counter()
    for image, classes in inputs:
        pixels = image.clone().requires_grad_()
        logits = network.module(pixels)
        for index in classes:
            torch.autograd.grad(logits[0, index], pixels, retain_graph=True)
    return time.perf_counter() - start


@denormals_flushed()
def _on_all_threads(work: Work, loop: Callable[[Network, list[_Input]], float]) -> Yield:
    network, inputs = _prepared(work)
    return _yield(loop(network, inputs), inputs)


@denormals_flushed()
def _side_by_side(work: Work, loop: Callable[[Network, list[_Input]], float]) -> Yield:
    """Run on every core at once, each with one thread and its share; the time of the slowest."""
    network, inputs = _prepared(work)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    context = multiprocessing.get_context("fork")
    times = context.Queue()
    shares = [inputs[core :: work.cores] for core in range(min(work.cores, len(inputs)))]
    processes = [
        context.Process(target=lambda share=share: times.put(loop(network, share))) for share in shares
    ]
    for process in processes:
        process.start()
    slowest = max(times.get(timeout=3600) for _ in processes)
    for process in processes:
        process.join()
    torch.set_num_threads(threads)
    return _yield(slowest, inputs)


def _yield(seconds: float, inputs: list[_Input]) -> Yield:
    return Yield(seconds, len(inputs), sum(len(entry.classes) for entry in inputs))


FLOORS: dict[str, Callable[[Work], Yield]] = {
    "forward": partial(_on_all_threads, loop=_forward_all),
    "forward_processes": partial(_side_by_side, loop=_forward_all),
    "forward_backward": partial(_on_all_threads, loop=_backward_all),
    "forward_backward_processes": partial(_side_by_side, loop=_backward_all),
}
"""A forward pass per picture, and for some a backward pass to the input per query; on all threads, or in a
process for each core."""
