"""One pass over the images with one network: forward, maps, metrics, rows on disk."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from typing import NamedTuple

import torch
from torch import Tensor

from ...attributions import BoundAttribution, computing_in, in_eval_mode, sharing
from ...base import RaybenchError
from ...checkpoints import Network, reader_of
from ..loading import (
    Batch,
    OnItsWay,
    Prepared,
    View,
    decoded,
    group_by_shape,
    load,
    network_input,
    send_joined,
)
from ..results import save_map
from .asking import Asked, ask_again, maps_at_input
from .environment import peak_memory_mb
from .passes import Job, Ledger, Outcome, Pass
from .refusals import check_shape, failures_told, named, told_logits
from .scoring import Scores
from .writer import BackgroundWriter, Task


def measure(
    work: Pass, network: Network | None, positions: Iterable[int], advance: Callable[[int], None]
) -> Outcome:
    """Measure images of a pass.

    Args:
        work: what is to be measured.
        network: the checkpoint, loaded, or None for methods that need none.
        positions: which of the images this process takes; asked for the next ones when it needs them.
        advance: told of every few images that are on disk, or had to be skipped.

    Raises:
        RaybenchError: an image cannot be used and the pass is strict, or the disk is full. All rows of the
            images before are on disk.
    """
    outcome = Outcome()
    start = time.perf_counter()
    if work.device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(work.device)
    with contextlib.ExitStack() as stack:
        stack.enter_context(torch.no_grad())
        stack.enter_context(computing_in(work.protocol.precision))
        if network:
            stack.enter_context(in_eval_mode(network.module))
        for store in work.stores:
            stack.enter_context(store)
        writer = stack.enter_context(BackgroundWriter())

        def skip() -> None:
            writer.do([partial(advance, 1)])

        usable = _usable(load(work.images, positions, work.workers), work, outcome, skip)
        for group in group_by_shape(usable, work.at_once(network)):
            tasks: list[Task] = []
            try:
                _in_parts(
                    group, partial(_measure_part, work, network, outcome, tasks, advance), outcome, work
                )
            finally:
                writer.do(tasks)
    outcome.seconds = time.perf_counter() - start
    outcome.peak_memory_mb = peak_memory_mb(work.device)
    outcome.costs = work.meter.totals()
    return outcome


def _usable(
    images: Iterable[Prepared], work: Pass, outcome: Outcome, skip: Callable[[], None]
) -> Iterator[Prepared]:
    """Pass on the images that can be used and note what is wrong with the others."""
    for image in images:
        if image.error:
            if work.strict:
                raise RaybenchError(f"{image.error} (run without --strict to skip such images)")
            outcome.skipped.append({"image_id": image.image_id, "path": image.path, "reason": image.error})
            skip()
            continue
        if not len(image.class_index):
            outcome.without_queries.add(image.image_id)
        yield image


def _in_parts(
    group: Batch, measure_part: Callable[[list[Prepared]], None], outcome: Outcome, work: Pass
) -> None:
    """Measure a batch, or halves of it where the device has too little memory for all.

    Later batches are cut to what fitted, so that only the first pays for the attempt. Rows that a failed
    attempt has written already are written again; the store keeps one of each.
    """
    waiting = [list(group.images)]
    while waiting:
        part, most = waiting.pop(), outcome.largest_batch
        if most and len(part) > most:
            waiting += [part[most:], part[:most]]
            continue
        try:
            measure_part(part)
        except torch.OutOfMemoryError:
            if len(part) == 1:
                raise RaybenchError(
                    f"{work.device} is out of memory with 1 images at once; what was measured so far is "
                    "kept: run again to go on"
                ) from None
            outcome.largest_batch = (len(part) + 1) // 2
            waiting.append(part)
        if work.device.type == "cuda" and outcome.largest_batch != most:
            torch.cuda.empty_cache()  # outside the handler, which holds the failed attempt's tensors


def _measure_part(
    work: Pass,
    network: Network | None,
    outcome: Outcome,
    tasks: list[Task],
    advance: Callable[[int], None],
    images: list[Prepared],
) -> None:
    """Measure images that go through the network together; what does not decode is taken out of them."""
    pictures = decoded(images, work.device)
    # what comes again does not say again what it has said
    images[:] = [one for one, found in zip(images, pictures, strict=True) if not found.error]
    batch = Batch(tuple(_usable(pictures, work, outcome, partial(tasks.append, partial(advance, 1)))))
    tasks.append(partial(_append_notes, batch, work))
    for one in explained(batch, work, network):
        for scores in work.scorer.score(*one.given):
            tasks.append(kept(work, one.job, scores))
    tasks += predicted(batch, work, network)
    tasks[:0] = doubts(network, batch)
    tasks.append(partial(advance, len(batch.images)))
    outcome.images += len(batch.images)


def _append_notes(batch: Batch, work: Pass) -> None:
    """Write remarks and subsets of the images of a batch, ahead of the rows that say they are measured."""
    for image in batch.images:
        one = image.image_id
        if work.subsets and image.subsets:
            named = zip(image.class_index.tolist(), image.subsets, strict=True)
            work.subsets.add(one, [(one, str(index), " ".join(names)) for index, names in named])
        if image.notes:
            work.notes.add(one, [(one, str(row), note) for row, note in enumerate(image.notes)])


class Explained(NamedTuple):
    """What a method says of a batch: `given` is what `Scorer.score` takes."""

    job: Job
    given: tuple[BoundAttribution, Batch, Tensor | None, Asked | None]


def explained(batch: Batch, work: Pass, network: Network | None) -> Iterator[Explained]:
    """Yield every method's maps of a batch; those of baselines are left to the scorer."""
    asking = network is not None and bool(work.scorer.asking)
    for job in work.jobs:
        if batch.images and job.attribution.attribution.kind != "network" and not asking:
            yield Explained(job, (job.attribution, batch, None, None))
    asked = Batch(tuple(image for image in batch.images if image.input_size is not None))
    if network is not None and asked.images:
        yield from _explained_by(network, asked, work)


def _explained_by(network: Network, batch: Batch, work: Pass) -> Iterator[Explained]:
    images = network_input(network, batch.images, "whole", work.protocol, work.device)
    image_index = send_joined([batch.image_index.numpy()], work.device)
    class_index = send_joined([batch.class_index.numpy()], work.device)
    seeds = tuple(image.image_seed for image in batch.images)
    asking, waiting = work.scorer.asking, list[tuple[Job, Tensor]]()
    ids = [image.image_id for image in batch.images]
    with sharing(work.meter):
        for job in work.jobs:
            method = job.attribution
            if method.attribution.kind != "network":
                if asking:
                    waiting.append((job, maps_at_input(method, batch, images)))
                continue
            timed = work.meter.timed(method.label, len(class_index))
            thing = f"attribution {method.label!r} on checkpoint {network.name!r}"
            with timed, failures_told(thing, ids, network=network, images=images):
                raw = method.raw(network, images, image_index, class_index, seeds=seeds)
                maps = method.scored(raw)
            if asking:
                check_shape(method, raw, (len(class_index),))
                waiting.append((job, raw))
            else:
                yield Explained(job, (method, batch, maps, None))
    # what methods share is let go before they are asked again about other pictures
    explained = [(job.attribution, raw) for job, raw in waiting]
    if asking and explained:
        found = ask_again(asking, explained, network, images, batch, work.protocol, work.images.seed)
        for (job, raw), asked in zip(waiting, found, strict=True):
            method = job.attribution
            again = method.scored(raw) if method.attribution.kind == "network" else None
            yield Explained(job, (method, batch, again, asked))


def doubts(network: Network | None, batch: Batch) -> list[Task]:
    """Ahead of what is written, refuse scores on a GPU that are not finite."""
    reader = reader_of(network.module) if network else None
    doubt = reader.doubt() if reader else None
    if reader is None or doubt is None:
        return []
    ids = [image.image_id for image in batch.images]
    return [partial(_refuse_doubtful, OnItsWay(doubt), reader.refuse(), ids)]


def _refuse_doubtful(doubt: OnItsWay, error: RaybenchError, image_ids: Sequence[str]) -> None:
    if doubt.fetch():
        raise RaybenchError(f"{error} ({named(image_ids)})")


def kept(work: Pass, job: Job, scores: Scores) -> Task:
    """Have the rows of each image that has none yet written, and its thumbnails if it is in the gallery."""
    maps = []
    for image in scores.images:
        if image.image_id in work.gallery and not job.has(image.image_id):
            for class_index, saliency in scores.maps_of(image.image_id, work.gallery[image.image_id]):
                maps.append((image.image_id, class_index, OnItsWay(saliency.float().clone())))
    # what waits to be written holds none of the device's memory
    return partial(_write, work, job, scores.without_maps(), maps)


def _write(work: Pass, job: Job, score: Scores, maps: Sequence[tuple[str, int, OnItsWay]]) -> None:
    for image_id, class_index, saliency in maps:
        pixels = saliency.fetch().numpy()
        save_map(work.out, job.checkpoint, job.attribution.label, image_id, class_index, pixels)
    # records last: an image is measured when its rows are in every file
    for kind, found in (
        ("statistics", score.sum_rows),
        ("curves", score.curve_rows),
        ("records", score.rows),
    ):
        if kind in job.files:
            for image, rows in zip(score.images, found(), strict=True):
                job.files[kind].add(image.image_id, rows)


def predicted(batch: Batch, work: Pass, network: Network | None) -> list[Task]:
    """Have the top five classes (from the crop) and those with a positive logit (from the square) written."""
    if network is None or work.predictions is None:
        return []
    images = [image for image in batch.images if image.image_id not in work.predictions.done]
    if not images:
        return []
    best = positive = None
    if "crop" in work.needs.views:
        logits = _logits(images, "crop", work, network)
        best = OnItsWay(logits.topk(min(5, logits.shape[1])).indices)
    if "square" in work.needs.views:
        positive = OnItsWay(_logits(images, "square", work, network) > 0)
    images = [image.without_pixels() for image in images]
    return [partial(_write_predictions, images, best, positive, work.predictions)]


def _write_predictions(
    images: Sequence[Prepared], best: OnItsWay | None, positive: OnItsWay | None, predictions: Ledger
) -> None:
    top5 = best.fetch() if best else None
    above_zero = positive.fetch() if positive else None
    for row, image in enumerate(images):
        ranked = top5[row].tolist() if top5 is not None else []
        found = above_zero[row].nonzero().squeeze(1).tolist() if above_zero is not None else []
        classes = (image.targets, ranked, found)
        words = (" ".join(map(str, indices)) for indices in classes)
        predictions.add(image.image_id, [[image.image_id, *words]])


def _logits(images: Sequence[Prepared], view: View, work: Pass, network: Network) -> Tensor:
    """Logits (B, C) float32 of one view of each image."""
    pixels = network_input(network, images, view, work.protocol, work.device)
    return told_logits(network, pixels, [image.image_id for image in images])
