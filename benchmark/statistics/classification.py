"""Accuracy and F1 as sums: what each image adds, and what sums come to."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ...base import RaybenchError
from .predictions import PredictionBatch
from .rules import rule

Floats = NDArray[np.float64]


def hits_among(batch: PredictionBatch, top: int) -> Floats:
    """Say for each image whether its one target is among the `top` highest logits: (B, 2), hit and 1.

    Raises:
        RaybenchError: an image has not exactly one target, or no ranking.
    """
    counts = batch.targets.sum(axis=1)
    if (counts != 1).any():
        first = int(np.flatnonzero(counts != 1)[0])
        raise RaybenchError(
            f"accuracy needs exactly one target per image, but image {batch.image_ids[first]!r} has "
            f"{counts[first]}; ask for F1 instead"
        )
    if (batch.ranking[:, 0] < 0).any():
        first = int(np.flatnonzero(batch.ranking[:, 0] < 0)[0])
        raise RaybenchError(f"image {batch.image_ids[first]!r} has no top five classes; measure it again")
    target = batch.targets.argmax(axis=1)
    hit = (batch.ranking[:, :top] == target[:, None]).any(axis=1)
    return np.stack((hit, np.ones_like(hit)), axis=1).astype(np.float64)


def f1_per_class_of(batch: PredictionBatch) -> Floats:
    """True positives of each class, then its positives plus its targets: (B, 2 C)."""
    hits = batch.targets & batch.positives
    sizes = batch.targets.astype(np.float64) + batch.positives
    return np.concatenate((hits, sizes), axis=1)


def _f1_overall_of(batch: PredictionBatch) -> Floats:
    """True positives of the image, and its positives plus its targets: (B, 2)."""
    hits, sizes = np.split(f1_per_class_of(batch), 2, axis=1)
    return np.stack((hits.sum(axis=1), sizes.sum(axis=1)), axis=1)


@rule("first_of_one", of_predictions=lambda batch: hits_among(batch, 1))
@rule("first_of_five", of_predictions=lambda batch: hits_among(batch, 5))
def accuracy(sums: Floats) -> Floats:
    """Turn (..., 2) sums of hits and images into (...) percent."""
    return 100 * _ratio(sums[..., 0], sums[..., 1])


@rule("f1_of_classes", of_predictions=f1_per_class_of)
def _f1_per_class(sums: Floats) -> Floats:
    """Turn (..., 2 C) sums of hits, then of sizes, of each class into (...) percent."""
    hits, sizes = np.split(sums, 2, axis=-1)
    mean: Floats = _ratio(2 * hits, sizes).mean(axis=-1)
    return 100 * mean


@rule("f1_of_decisions", of_predictions=_f1_overall_of)
def _f1_overall(sums: Floats) -> Floats:
    """Turn (..., 2) sums of hits and sizes over all classes into (...) percent."""
    return 100 * _ratio(2 * sums[..., 0], sums[..., 1])


def _ratio(part: Floats, whole: Floats) -> Floats:
    """Divide, with 0 where there is nothing to divide by."""
    return np.divide(part, whole, out=np.zeros_like(part), where=whole > 0)
