"""The bare network on prepared tensors, one picture at a time, as torch runs it: the floor.

On all threads, or in a single-threaded process for each core; the floor is the faster of the two.
"""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, NamedTuple

import torch
from torch import Tensor

from raybench import Network, load_checkpoint
from raybench.attributions import denormals_flushed

from .work import Work, Yield, whole_picture


class _Input(NamedTuple):
    """A prepared picture (1, 3, h, w) and the classes that are asked about."""

    image: Tensor
    classes: list[int]


@denormals_flushed()
def parts_of(**fields: Any) -> dict[str, float]:
    """Time the parts of the passes: mean seconds of a picture, on all threads.

    Returns:
        forward, and backward to the input; the forward pass after the excitation layer (`tail_forward`) and
        the backward pass to it (`tail_backward`); the backward pass to the target layer (`head_backward`).
    """
    work = Work(**fields)
    network, inputs = _prepared(work)
    names = ("forward", "backward", "tail_forward", "tail_backward", "head_backward")
    totals = dict.fromkeys(names, 0.0)
    for turn, (image, classes) in enumerate([inputs[0], *inputs]):
        with torch.inference_mode():
            start = time.perf_counter()
            network.module(image)
            taken = [time.perf_counter() - start]
        taken.append(_backward_to(network, image, classes[0], None)[1])
        taken += _backward_to(network, image, classes[0], network.excitation_layer)
        taken.append(_backward_to(network, image, classes[0], network.target_layer)[1])
        if turn:  # the first picture pays for memory and for libraries that start up
            for name, seconds in zip(names, taken, strict=True):
                totals[name] += seconds / len(inputs)
    return totals


FORMULAS = {
    "grad_cam": "Q(f + h) / (Nf + Qh)",
    "gradient": "Q(f + b) / (Nf + Qb)",
    "excitation_backprop": "Q(f + z + t) / (N(f + z) + Qt)",
    "contrastive_excitation_backprop": "Q(2f + z + t) / (N(f + z) + Qt)",
}
"""What arithmetic allows: how many times less the passes of the network can cost, done once per picture.

TorchRay's passes over ours, for N pictures with Q queries. f and b are a forward pass and a backward pass to
the input; z is the forward pass after the layer that excitation backprop reads (it is done again, with
positive weights), t the backward pass to that layer, h the backward pass to the layer that Grad-CAM reads.
Its contrastive method does two forward passes per query.
"""


def limit_of(attribution: str, parts: Mapping[str, float], images: int, queries: int) -> float:
    """Return the value of a formula, from what `parts_of` returns."""
    f, b, z, t, h = (
        parts[name] for name in ("forward", "backward", "tail_forward", "tail_backward", "head_backward")
    )
    theirs, once, each = {
        "grad_cam": (f + h, f, h),
        "gradient": (f + b, f, b),
        "excitation_backprop": (f + z + t, f + z, t),
        "contrastive_excitation_backprop": (2 * f + z + t, f + z, t),
    }[attribution]
    return queries * theirs / (images * once + queries * each)


def _backward_to(network: Network, image: Tensor, class_index: int, layer: str | None) -> tuple[float, float]:
    """Seconds of the forward pass after a layer and of the backward pass to it, or to the input."""
    kept: list[tuple[Tensor, float]] = []

    def keep(module: torch.nn.Module, inputs: object, output: Tensor) -> Tensor:
        start = output.detach().requires_grad_()
        kept.append((start, time.perf_counter()))
        return start.clone()  # an in-place operation may follow

    if layer is None:
        kept.append((image.clone().requires_grad_(), time.perf_counter()))
        logits = network.module(kept[0][0])
    else:
        handle = network.module.get_submodule(layer).register_forward_hook(keep)
        try:
            logits = network.module(image)
        finally:
            handle.remove()
    middle = time.perf_counter()
    torch.autograd.grad(logits[0, class_index], kept[0][0])
    return middle - kept[0][1], time.perf_counter() - middle


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
