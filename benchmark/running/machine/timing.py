"""How long a run may take: its passes, times what one of them takes on this machine."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from statistics import fmean

import torch
from torch import Tensor, nn

from ....attributions import BoundAttribution, computing_in, denormals_flushed, target_layer_of
from ....base import RaybenchError, few, worded_time
from ....checkpoints import Card, Network, weight_files
from ...datasets import Sample
from ...measuring import pictured
from ..networks import network_of, undefined_methods
from ..plan import Plan
from ..work import of_checkpoints

_LOOKED_AT = 10
_ROUNDS = 3
STAGES = 7
"""Of a residual network; how many a network has is known when it is loaded."""


def time_lines(plan: Plan) -> Iterator[str]:
    """Say what a run may take in each network whose weights are here, and of which networks nothing is known.

    One picture is passed at a time, on all threads. Methods and metrics that share passes are faster than
    said.
    """
    samples = list(_first_samples(plan))
    picture = next((sample.image for sample in samples if sample.image is not None), None)
    cards = [card for card in plan.cards if card.name in plan.held or _is_here(card, plan)]
    unknown = [card.name for card in plan.cards if card not in cards]
    if picture is None and plan.cards:
        yield "time: not known, for none of the first pictures can be read"
    elif unknown:
        yield f"time: not known of {few(unknown)}, whose weights are not here"
    if picture is None or not cards:
        return
    classes, total = fmean(len(sample.queries) for sample in samples), 0.0
    for card in cards:
        network = network_of(plan, card)
        pixels = pictured(network, picture, "whole", plan.protocol)
        with denormals_flushed(), computing_in(plan.protocol.precision):
            forward, backward = timed(network, pixels)
            forwards, backwards = _passes(plan, network, pixels, classes)
        seconds = len(plan.indices) * (forwards * forward + backwards * backward)
        total += seconds
        yield (
            f"time, {card.name}: about {worded_time(seconds)}, at {1000 * forward:.3g} ms a forward pass and "
            f"{1000 * backward:.3g} ms a backward pass of one picture"
        )
    of_others, mean, looked_at = " of the others" if unknown else "", f"{classes:.2g}", len(samples)
    yield (
        f"time in all{of_others}: about {worded_time(total)} on this machine, at {mean} "
        f"class{'' if mean == '1' else 'es'} an image, as in the first{f' {looked_at}' * (looked_at > 1)}"
    )


def _is_here(card: Card, plan: Plan) -> bool:
    return all(file.there for file in weight_files(card, plan.settings.data))


def _first_samples(plan: Plan) -> Iterator[Sample]:
    """Read some samples; the run itself tells of those that cannot be used."""
    for index in plan.indices[:_LOOKED_AT]:
        try:
            yield plan.dataset[index]
        except RaybenchError:
            continue


def _passes(plan: Plan, network: Network, pixels: Tensor, classes: float) -> tuple[float, float]:
    """Count forward and backward passes for an image of so many classes, the one for its scores included."""
    undefined = undefined_methods(plan, network)
    defined = [one for one in plan.attributions if one.label not in undefined and of_checkpoints(plan, one)]
    for_methods = sum(one.passes.forwards(1, classes, _channels(one, network, pixels)) for one in defined)
    back_for_methods = sum(one.passes.backwards(1, classes) for one in defined)
    forwards, backwards = 1 + for_methods, back_for_methods
    for metric in plan.metrics:
        asked = metric.passes
        forwards += asked.forwards * classes * len(defined) + asked.forwards_per_image
        runs = asked.all_runs(STAGES)  # of every method, for every class
        forwards += runs * for_methods
        backwards += runs * back_for_methods
    return forwards, backwards


def _channels(method: BoundAttribution, network: Network, pixels: Tensor) -> int:
    """Count the channels of the layer that a method reads; 0 if it does not ask for each."""
    if not method.passes.forwards_per_channel:
        return 0
    layer = method.options.get("layer") or network.target_layer or target_layer_of(network).name
    return channels_at(network.module, layer, pixels, network.layout)


def channels_at(module: nn.Module, layer: str, pixels: Tensor, layout: str | None) -> int:
    """Count the channels of what a layer makes of pictures (1, 3, h, w): of maps, or of tokens at the end."""
    shapes: list[torch.Size] = []
    hook = module.get_submodule(layer).register_forward_hook(lambda *call: shapes.append(call[2].shape))
    try:
        with torch.no_grad():
            module(pixels)
    finally:
        hook.remove()
    is_maps = len(shapes[-1]) == 4 and layout != "channels_last"
    return shapes[-1][1 if is_maps else -1]


def timed(network: Network, pixels: Tensor) -> tuple[float, float]:
    """Seconds of a forward pass of one picture (1, 3, h, w), and of a backward pass to it."""
    pixels = pixels.detach().requires_grad_()
    forward, backward = [], []
    for _ in range(1 + _ROUNDS):  # the first warms up
        scores, seconds = _clocked(lambda: network.module(pixels), pixels)
        forward.append(seconds)
        best = scores.float().max()
        backward.append(_clocked(lambda: torch.autograd.grad(best, pixels)[0], pixels)[1])  # noqa: B023
    return min(forward[1:]), min(backward[1:])


def _clocked(work: Callable[[], Tensor], on: Tensor) -> tuple[Tensor, float]:
    started = time.perf_counter()
    result = work()
    if on.is_cuda:
        torch.cuda.synchronize(on.device)
    return result, time.perf_counter() - started
