"""What a run will ask of its networks, known before it starts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import torch

from ...attributions import BoundAttribution
from ...base import names_code
from ...checkpoints import Card, build_module, weight_files
from ..metrics import BoundMetric
from ..suite import Settings, Suite
from .machine.timing import STAGES, channels_at, time_lines
from .plan import Plan
from .progress import Reporter, SilentReporter
from .work import of_checkpoints

_SIDE = 224
"""Of a picture on which channels are counted."""

_ROW, _NUMBER, _CURVE, _THUMBNAIL = 45, 11, 370, 15_000
"""Bytes of a row without its scores, of a score, of a curve, of a map that is kept: as they mostly are."""
_COSTLY = 10
"""Passes for one image and class from which on a method or a metric is worth a word of its own."""


def planned(
    suite: str | Path | Suite, settings: Settings | None = None, *, reporter: Reporter | None = None
) -> tuple[str, ...]:
    """Resolve a suite and say, line by line, what would be measured and how long it may take.

    Nothing is written. Networks whose weights are here are loaded and timed on the first picture.

    Args:
        suite: as for `evaluate`.
        settings: likewise.
        reporter: told of what is left out.

    Raises:
        RaybenchError: as for `evaluate`, before the first image is measured.
    """
    plan = Plan.make(suite, settings or Settings(), reporter or SilentReporter())
    return (*plan_lines(plan), *time_lines(plan))


def plan_lines(plan: Plan) -> Iterator[str]:
    """Say what a plan resolves to, line by line, and what each method and each asking metric costs."""
    yield f"suite {plan.suite.name}: protocol {plan.protocol.name} {plan.protocol.id}, seed {plan.suite.seed}"
    asked = len(plan.indices)
    of_all = "" if asked == len(plan.dataset) else f" of {len(plan.dataset):,}"
    yield f"dataset {plan.dataset.name}: {asked:,}{of_all} images; results go to {plan.settings.out}"
    yield f"checkpoints: {', '.join(card.name for card in plan.cards) or 'none'}; on {plan.device}"
    yield from _weights(plan)
    yield f"metrics: {', '.join(metric.metric.name for metric in plan.metrics)}"
    for method in plan.attributions:
        yield f"method {method.label}{_told(method.options)}: {cost_of(method, plan)}"
    for metric in _asking(plan):
        yield f"metric {metric.metric.name}{_told(metric.options)}: {_cost_of_metric(metric, plan)}"
    if _asking(plan):
        yield f"metrics that ask, per 1,000 maps of one method: {_cost_of_a_thousand(plan)}"
    yield _disk(plan)


def _told(options: Mapping[str, Any]) -> str:
    return f" ({', '.join(f'{name} = {value}' for name, value in options.items())})" if options else ""


def _weights(plan: Plan) -> Iterator[str]:
    """Say which weights are not here yet, and how they come."""
    files = [
        file
        for card in plan.cards
        if card.name not in plan.held
        for file in weight_files(card, plan.settings.data)
    ]
    for file in files:
        if not file.there:
            yield f"weights of {file.card} are not here: {file.how}"
    if files and all(file.there for file in files):
        yield f"weights: all {len(files)} files are here" if len(files) > 1 else "weights: the file is here"


def _disk(plan: Plan) -> str:
    """Say what the result folder will hold, with one class for every image, as there is at least."""
    methods = [of_checkpoints(plan, method) for method in plan.attributions]
    rows = _explained(plan) + methods.count(False) * len(plan.indices)
    columns = sum(one.metric.per_query for one in plan.metrics)
    curves = sum(bool(one.metric.curve) for one in plan.metrics)
    kept = min(plan.suite.gallery, len(plan.indices))
    drawn = kept * (1 + sum(methods) * len(plan.cards) + methods.count(False))
    size = rows * (_ROW + columns * _NUMBER + curves * _CURVE) + drawn * _THUMBNAIL
    return f"disk: about {size / 1e6:,.1f} MB, for {rows:,} rows of records and {drawn:,} pictures"


def costly(plan: Plan) -> Iterator[str]:
    """Say of each method and each metric that asks a network many times what it costs."""
    for method in plan.attributions:
        if method.passes.of_one >= _COSTLY:
            yield f"{method.label}: {cost_of(method, plan)}"
    for metric in _asking(plan):
        passes = metric.passes
        if passes.forwards + passes.forwards_per_image + passes.all_runs(STAGES) >= _COSTLY:
            yield f"{metric.metric.name}: {_cost_of_metric(metric, plan)}"


def cost_of(method: BoundAttribution, plan: Plan) -> str:
    """Word what a method asks of a network per image and class, and of all networks for all images."""
    passes, images = method.passes, len(plan.indices)
    each = [
        _count(passes.forwards_per_image, "forward pass", "image"),
        _count(passes.forwards_per_channel, "forward pass", "image and channel of the layer"),
        _count(passes.forwards_per_query, "forward pass", "class of an image"),
        _count(passes.backwards_per_image, "backward pass", "image"),
        _count(passes.backwards_per_query, "backward pass", "class of an image"),
    ]
    if not any(each):
        return "no network"
    option = f" (option {passes.option})" if passes.option else ""
    # how many classes are asked about is known when the images are read: at least one each
    channels = {card.name: _channels_of(card, method, plan) for card in plan.cards}
    forwards = sum(passes.forwards(images, images, number or 1) for number in channels.values())
    backwards = passes.backwards(images, images) * len(plan.cards)
    total = f"in all at least {forwards:,.0f} forwards and {backwards:,.0f} backwards"
    if passes.forwards_per_channel:
        known = ", ".join(f"{name} {number or 'unknown'}" for name, number in channels.items())
        total += f" (channels: {known})"
    return f"{', '.join(filter(None, each))}{option}; {total}"


def _channels_of(card: Card, method: BoundAttribution, plan: Plan) -> int | None:
    """Count the channels of the layer that a method reads, in a network without weights; None if unknown."""
    name = method.options.get("layer") or card.target_layer
    if name is None or card.name in plan.held or names_code(card.architecture):
        return None
    if not method.passes.forwards_per_channel:
        return None
    try:
        with torch.device("meta"):
            module = build_module(
                card.architecture,
                num_classes=len(plan.classes_of(card)),
                pooling=card.pooling,
                options=card.architecture_options,
            ).eval()
            pixels = torch.empty(1, 3, *(card.input_size or (_SIDE, _SIDE)))
            return channels_at(module, name, pixels, card.layout)
    except Exception:  # whatever it is, the run itself will say so
        return None


def _asking(plan: Plan) -> list[BoundMetric]:
    """The metrics that ask networks again, where there are maps of a network to ask about."""
    return [one for one in plan.metrics if one.metric.asks_network and _explained(plan)]


def _explained(plan: Plan) -> int:
    """How many maps of a network there are for one class of every image, as one is asked about at least."""
    methods = sum(of_checkpoints(plan, method) for method in plan.attributions)
    return methods * len(plan.indices) * len(plan.cards)


def _cost_of_metric(metric: BoundMetric, plan: Plan) -> str:
    """Word what a metric asks of a network or of a method per map, and for all maps."""
    passes, maps, images = metric.passes, _explained(plan), len(plan.indices) * len(plan.cards)
    each = [
        _count(passes.forwards, "forward pass", "map"),
        _count(passes.forwards_per_image, "forward pass", "image"),
        _count(passes.runs, "more map", "map", plural="s"),
        _count(passes.runs_per_stage, "more map", "map and stage of the network", plural="s"),
    ]
    forwards = passes.forwards * maps + passes.forwards_per_image * images
    runs = passes.all_runs(STAGES) * maps
    total = [f"{forwards:,.0f} forwards"] * bool(forwards) + [f"{runs:,.0f} maps"] * bool(runs)
    others = [
        one.metric.name
        for one in _asking(plan)
        if one is not metric and passes.shares and one.passes.shares == passes.shares
    ]
    shared = f", shared with {' and '.join(others)}" if others else ""
    stages = f" (with {STAGES} stages)" if passes.runs_per_stage else ""
    words = ", ".join(filter(None, each)) or "no passes"
    return f"{words}; in all at least {' and '.join(total) or 'none'}{stages}{shared}"


def _cost_of_a_thousand(plan: Plan) -> str:
    """Word what all metrics that ask take for 1,000 maps of as many images; shared maps count once."""
    asked = [metric.passes for metric in _asking(plan)]
    forwards = 1000 * sum(one.forwards + one.forwards_per_image for one in asked)
    runs: dict[object, float] = {}
    for number, one in enumerate(asked):
        shares = one.shares or number
        runs[shares] = max(runs.get(shares, 0), 1000 * one.all_runs(STAGES))
    return f"at most {forwards:,.0f} forwards and {sum(runs.values()):,.0f} more maps"


def _count(number: float, noun: str, what: str, *, plural: str = "es") -> str:
    if not number:
        return ""
    return f"{number:,.4g} {noun}{plural if number != 1 else ''} per {what}"
