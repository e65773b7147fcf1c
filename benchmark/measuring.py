"""One pass over the images with one network: forward, maps, metrics, rows on disk."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from ..attributions import BoundAttribution, sharing
from ..checkpoints import Network
from ..errors import RaybenchError
from .batches import group_by_shape, load
from .gallery import save_map
from .preparation import Needs, Prepared, PreparedImages
from .records import RowStore
from .reporting import Reporter
from .scoring import Batch, Scorer, Scores

__all__ = ["Job", "Outcome", "Pass", "measure"]


@dataclass(frozen=True)
class Job:
    """One row of the comparison: a method whose records go to one file."""

    checkpoint: str
    attribution: BoundAttribution
    store: RowStore
    measured: frozenset[str]


@dataclass
class Outcome:
    """What a pass noticed besides its numbers.

    Attributes:
        images: measured in this pass.
        seconds: from the first image to the last row on disk, without loading the network.
        skipped: images that could not be used, with path and reason.
        without_queries: images that nothing asks about.
    """

    images: int = 0
    seconds: float = 0.0
    skipped: list[dict[str, str]] = field(default_factory=list)
    without_queries: set[str] = field(default_factory=set)


@dataclass(frozen=True)
class Pass:
    """Everything one pass needs.

    Attributes:
        images: what is left to measure.
        jobs: methods to run on each image.
        predictions: where top-5 and positive classes go, or None if no metric asks for them.
        notes: where remarks of the dataset go, with `noted`, the images whose remarks are there.
        network: loads the checkpoint, or None for methods that need none.
        gallery: image ids whose first query is kept as a thumbnail under `out`.
    """

    images: PreparedImages
    jobs: Sequence[Job]
    predictions: RowStore | None
    predicted: frozenset[str]
    notes: RowStore
    noted: frozenset[str]
    network: Callable[[], Network] | None
    scorer: Scorer
    gallery: frozenset[str]
    out: Path
    device: torch.device
    batch_size: int
    workers: int
    strict: bool

    @property
    def needs(self) -> Needs:
        """What the workers prepare."""
        return self.images.needs

    @property
    def stores(self) -> Sequence[RowStore]:
        """Every file that rows go to."""
        predictions = [self.predictions] if self.predictions else []
        return (*(job.store for job in self.jobs), *predictions, self.notes)


def measure(work: Pass, reporter: Reporter) -> Outcome:
    """Measure all images of a pass.

    Raises:
        RaybenchError: an image cannot be used and the pass is strict, or the disk is full. All rows of the
            images before are on disk.
    """
    outcome = Outcome()
    if not len(work.images):
        return outcome
    network = work.network() if work.network else None
    start = time.perf_counter()
    # on a CPU a batch gains little, and some convolutions round differently with another batch size
    batch_size = 1 if network and work.device.type == "cpu" else work.batch_size
    with contextlib.ExitStack() as stack:
        stack.enter_context(torch.no_grad())
        for store in work.stores:
            stack.enter_context(store)
        usable = _usable(load(work.images, work.workers), work, outcome)
        for batch in group_by_shape(usable, batch_size):
            _append_notes(batch, work)
            try:
                _measure_batch(batch, work, network)
            except torch.OutOfMemoryError:
                raise RaybenchError(_out_of_memory(work, batch)) from None
            outcome.images += len(batch.images)
            reporter.advance(len(batch.images))
    outcome.seconds = time.perf_counter() - start
    return outcome


def _usable(images: Iterable[Prepared], work: Pass, outcome: Outcome) -> Iterator[Prepared]:
    """Pass on the images that can be used and note what is wrong with the others."""
    for image in images:
        if image.error:
            if work.strict:
                raise RaybenchError(f"{image.error} (run without --strict to skip such images)")
            outcome.skipped.append({"image_id": image.image_id, "path": image.path, "reason": image.error})
            continue
        if not len(image.class_index):
            outcome.without_queries.add(image.image_id)
        yield image


def _append_notes(batch: Batch, work: Pass) -> None:
    """Write the remarks on the images of a batch, ahead of the rows that say the images are measured."""
    for image in batch.images:
        if image.notes and image.image_id not in work.noted:
            work.notes.append([(image.image_id, str(row), note) for row, note in enumerate(image.notes)])


def _out_of_memory(work: Pass, batch: Batch) -> str:
    advice = "give a smaller --batch-size and run" if len(batch.images) > 1 else "run"
    return (
        f"{work.device} is out of memory with {len(batch.images)} images at once; what was measured so far "
        f"is kept: {advice} again to go on"
    )


def _measure_batch(batch: Batch, work: Pass, network: Network | None) -> None:
    for job in work.jobs:
        kind = job.attribution.attribution.kind
        if kind == "point":
            _keep(work, job, work.scorer.score_points(job.attribution, batch))
        elif kind == "dense":
            for image in batch.images:
                _keep(work, job, work.scorer.score_dense(job.attribution, image))
    if network is None:
        return
    asked = Batch(tuple(image for image in batch.images if image.pixels is not None))
    if asked.images:
        _run_network_methods(asked, work, network)
    if work.predictions:
        _predict(batch, work, work.predictions, network)


def _run_network_methods(batch: Batch, work: Pass, network: Network) -> None:
    pixels = torch.from_numpy(np.stack([image.pixels for image in batch.images if image.pixels is not None]))
    images = _to_device(network, pixels, work.device)
    image_index = batch.image_index.to(work.device)
    class_index = batch.class_index.to(work.device)
    with sharing():
        for job in work.jobs:
            if job.attribution.attribution.kind == "network":
                maps = job.attribution(network, images, image_index, class_index)
                _keep(work, job, work.scorer.score_maps(job.attribution, maps, batch))


def _keep(work: Pass, job: Job, scores: Iterable[Scores]) -> None:
    """Write the rows of each image that has none yet, and its thumbnail if it is in the gallery."""
    for score in scores:
        image_id = score.image.image_id
        if image_id in job.measured:
            continue
        if image_id in work.gallery and score.saliency is not None:
            saliency = score.saliency[0].float().cpu().numpy()
            class_index = int(score.image.class_index[0])
            save_map(work.out, job.checkpoint, job.attribution.label, image_id, class_index, saliency)
        job.store.append(score.rows)


def _predict(batch: Batch, work: Pass, predictions: RowStore, network: Network) -> None:
    """Write the top five classes (from the crop) and the classes with a positive logit (from the square)."""
    images = [image for image in batch.images if image.image_id not in work.predicted]
    if not images:
        return
    top5 = _logits(images, "crop", work, network) if work.needs.crop else None
    square = _logits(images, "square", work, network) if work.needs.square else None
    for row, image in enumerate(images):
        best = top5[row].topk(min(5, len(top5[row]))).indices.tolist() if top5 is not None else []
        positive = (square[row] > 0).nonzero().squeeze(1).tolist() if square is not None else []
        classes = (image.targets, best, positive)
        predictions.append([[image.image_id, *(" ".join(map(str, indices)) for indices in classes)]])


def _logits(images: Sequence[Prepared], view: str, work: Pass, network: Network) -> Tensor:
    """Logits (B, C) on the CPU of one view of each image."""
    pixels = torch.from_numpy(np.stack([getattr(image, view) for image in images]))
    logits: Tensor = network.module(_to_device(network, pixels, work.device))
    return logits.float().cpu()


def _to_device(network: Network, pixels: Tensor, device: torch.device) -> Tensor:
    """Send uint8 pixels (B, h, w, 3) away and normalise them there: (B, 3, h, w), channels-last."""
    return network.normalise(pixels.to(device, non_blocking=True).permute(0, 3, 1, 2))
