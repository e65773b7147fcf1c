"""A rehearsal: the first picture that asks something, measured as a run would, with nothing written."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import replace

import torch
from torch import Tensor

from ...attributions import (
    bound,
    box_oracle,
    computing_in,
    forward_pass,
    found_target_layer,
    generator,
    in_eval_mode,
    method_of,
)
from ...base import RaybenchError
from ...checkpoints import Network, reader_of
from ..loading import Batch, Prepared, decoded, network_input
from ..metrics import MetricPasses
from ..results import RowStore
from .costs import CostMeter
from .measure import doubts, explained, kept, predicted
from .passes import Ledger, Pass
from .scoring import Scorer

_MOST_TRIED = 16
_MOST_PASSES = 20
"""Methods and metrics that ask for more passes are left for the run, which checks them just the same."""
_TOLERANCE = 1e-3
_FAR = 1e6


class _Nowhere(RowStore):
    """Takes rows and drops them."""

    def append(self, rows: object) -> None:
        """Write nothing."""


def rehearse(work: Pass, network: Network | None) -> list[str]:
    """Run a pass on the first of its pictures that can be used, without the costly methods and metrics.

    Returns:
        What is worth knowing of the network: remarks in sentences.

    Raises:
        RaybenchError: a network, a method or a metric does not do what it promises.
    """
    quiet = in_eval_mode(network.module) if network else nullcontext()
    with torch.no_grad(), computing_in(work.protocol.precision), quiet:
        image = next(_usable(work), None)
        if image is None:
            return []
        batch, cheap = Batch((image,)), _cheap(work)
        try:
            for one in explained(batch, cheap, network):
                for scores in cheap.scorer.score(*one.given):
                    kept(cheap, one.job, scores)()
            for task in (*predicted(batch, cheap, network), *doubts(network, batch)):
                task()
        except torch.OutOfMemoryError:
            return []  # the run says it, and what to do
        if image.masks is not None and len(image.class_index):
            _refuse_imperfect(work.scorer, Batch((image,)))
        return list(_remarks(work, network, image)) if network else []


def misfits(work: Pass, network: Network) -> dict[str, str]:
    """Say which methods of a pass refuse a network, options and all, in their own words, by label.

    What they refuse is what does not fit this network, such as a layer that it lacks. Methods that fail in
    other ways, or on a network that cannot be asked at all, are left for `rehearse` to tell.
    """
    found: dict[str, str] = {}
    quiet = in_eval_mode(network.module)
    with torch.no_grad(), computing_in(work.protocol.precision), quiet, contextlib.suppress(Exception):
        images = [one for one in itertools.islice(_usable(work), 1) if one.input_size is not None]
        batch = Batch(tuple(images))
        shown = network_input(network, images, "whole", work.protocol, work.device)
        _scores(network, [shown])
        asked = shown, batch.image_index.to(work.device), batch.class_index.to(work.device)
        for job in _cheap(work).jobs:
            if job.attribution.attribution.kind == "network":
                with contextlib.suppress(Exception):
                    try:
                        job.attribution(network, *asked, seeds=[one.image_seed for one in images])
                    except RaybenchError as error:
                        found[job.attribution.label] = str(error)
    return found


def _usable(work: Pass) -> Iterator[Prepared]:
    for position in range(min(len(work.images), _MOST_TRIED)):
        (image,) = decoded([work.images[position]], work.device)
        if not image.error and (len(image.class_index) or not work.jobs):
            yield image


def _cheap(work: Pass) -> Pass:
    """The same pass without what takes long, writing nowhere."""
    nowhere = Ledger(_Nowhere(work.notes.store.path, ()))
    jobs = [job for job in work.jobs if job.attribution.passes.of_one <= _MOST_PASSES]
    metrics = [one for one in work.scorer.metrics if _asked(one.passes) <= _MOST_PASSES]
    return replace(
        work,
        jobs=[replace(job, files={kind: nowhere for kind in job.files if kind != "curves"}) for job in jobs],
        predictions=nowhere if work.predictions else None,
        scorer=replace(work.scorer, metrics=metrics),
        subsets=None,
        gallery={},
        meter=CostMeter(work.device),
    )


def _asked(passes: MetricPasses) -> float:
    return passes.forwards + passes.forwards_per_image + passes.all_runs(1)


def _refuse_imperfect(scorer: Scorer, batch: Batch) -> None:
    """Refuse metrics of which the ground truth itself does not reach the value that they call perfect."""
    metrics = [one for one in scorer.metrics if one.metric.per_query and not one.metric.asks_network]
    oracle = bound(method_of(box_oracle.__name__, box_oracle))
    (image,) = batch.images
    assert image.masks is not None, "there are maps to score"
    for scores in replace(scorer, metrics=metrics).score(oracle, batch):
        for mask, (_, _, _, _, *values) in zip(image.masks, scores.numbers.fetch().tolist(), strict=True):
            if not mask.any() or mask.all():
                continue  # no map reaches a region without pixels, and one of all pixels says nothing
            for metric, value in zip(scores.metrics, values, strict=True):
                if metric.perfect is not None and not abs(value - metric.perfect) <= _TOLERANCE:
                    raise RaybenchError(
                        f"metric {metric.name!r} gives {value:g} for {oracle.label}, the region itself, "
                        f"and calls {metric.perfect:g} perfect (image {image.image_id!r}); mend "
                        "the metric, or register it with perfect=None"
                    )


def _remarks(work: Pass, network: Network, image: Prepared) -> Iterator[str]:
    yield from network.remarks
    found = found_target_layer(network)
    if found:
        yield f"maps are read at the layer {found.words} (found by trying pictures)"
    reader = reader_of(network.module)
    if reader and reader.taken:
        yield reader.taken
    view = next((view for view in ("whole", "crop", "square") if view in work.needs.views), None)
    if view and (image.picture is not None or view in image.views):
        shown = network_input(network, [image], view, work.protocol, work.device)
        _refuse_changing(network, shown)
        yield from words_on_scores(network, shown)


def _refuse_changing(network: Network, image: Tensor) -> None:
    """Refuse a network that answers the same picture (1, 3, H, W) in another way when it is asked again."""
    first, again = _scores(network, [image]), _scores(network, [image])
    if (first - again).abs().max() > _TOLERANCE * first.abs().max():
        raise RaybenchError(
            f"checkpoint {network.name!r} gives other scores for the same picture when it is asked again, so "
            "that nothing could be measured twice; take out what draws at random, such as dropout that "
            "stays on"
        )


def words_on_scores(network: Network, image: Tensor) -> Iterator[str]:
    """Say what the scores of a network are, if they are no logits, and what that does to methods.

    Args:
        network: is tried on the picture and, if need be, on black, white and noise.
        image: (1, 3, H, W), normalised.
    """
    kind = kind_of_scores(_scores(network, [image]))
    if kind:
        low, high = (bound.to(image) for bound in network.input_range)
        noise = torch.rand(image.shape, generator=generator(0, "rehearsal", 0)).to(image)
        shown = [image, low.expand_as(image), high.expand_as(image), low + noise * (high - low)]
        # what is made of a bounded function stays bounded, however far from any picture the input is
        far = [shown[3] * _FAR, shown[3] * -_FAR] if kind == "sigmoid" else []
        try:
            kind = kind_of_scores(_scores(network, shown + far))
        except RaybenchError:  # no numbers, for none of the data's pictures
            kind = ""
    if kind:
        yield (
            f"its outputs are no logits but {_KINDS[kind]}, found by trying; gradients and relevance are "
            "those of what is returned, and fade where the network is sure, probabilities are taken twice, "
            f"and F1 {_POSITIVE[kind]}; measure the network without its last {kind}"
        )


_KINDS = {
    "softmax": "probabilities of a softmax",
    "log-softmax": "logarithms of probabilities (log-softmax)",
    "sigmoid": "probabilities of a sigmoid",
}
_POSITIVE = {
    "softmax": "counts every class as found, as all are above 0",
    "log-softmax": "counts no class as found, as none is above 0",
    "sigmoid": "counts every class as found, as all are above 0",
}


def kind_of_scores(scores: Tensor) -> str:
    """Name the function that rows (B, C) seem to come from: softmax, log-softmax or sigmoid; else empty."""
    scores = scores.double()
    if scores.shape[1] > 1 and scores.min() >= 0 and (scores.sum(dim=1) - 1).abs().max() < _TOLERANCE:
        return "softmax"
    if scores.shape[1] > 1 and scores.max() <= 0 and scores.logsumexp(dim=1).abs().max() < _TOLERANCE:
        return "log-softmax"
    return "sigmoid" if 0 <= scores.min() < scores.max() <= 1 else ""


def _scores(network: Network, images: list[Tensor]) -> Tensor:
    """Scores (B, C) of pictures (1, 3, H, W), one after the other: some networks take one alone."""
    with torch.no_grad(), forward_pass(network.device):
        return torch.cat([network.module(image.contiguous()).float() for image in images])
