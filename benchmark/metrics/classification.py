"""Is the right class predicted? Accuracy for images with one class, F1 for images with several."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ...base import RaybenchError
from .interface import PredictionBatch, classification_metric

__all__ = ["f1_overall", "f1_per_class", "top1_accuracy", "top5_accuracy"]


def _accuracy(totals: NDArray[np.float64]) -> NDArray[np.float64]:
    """Turn (..., 2) sums of hits and images into (...) percent."""
    return 100 * _ratio(totals[..., 0], totals[..., 1])


def _f1_per_class(totals: NDArray[np.float64]) -> NDArray[np.float64]:
    """Turn (..., 2 C) sums of hits, then of sizes, of each class into (...) percent."""
    hits, sizes = np.split(totals, 2, axis=-1)
    mean: NDArray[np.float64] = _ratio(2 * hits, sizes).mean(axis=-1)
    return 100 * mean


def _f1_overall(totals: NDArray[np.float64]) -> NDArray[np.float64]:
    """Turn (..., 2) sums of hits and sizes over all classes into (...) percent."""
    return 100 * _ratio(2 * totals[..., 0], totals[..., 1])


@classification_metric("top1_accuracy", label="Top-1", aggregate="image_mean", compute=_accuracy)
def top1_accuracy(batch: PredictionBatch) -> NDArray[np.float64]:
    """Percentage of images whose class has the highest logit.

    Returns:
        (B, 2): 1 for a hit or 0, and 1 for the image.
    """
    return _hits(batch, 1)


@classification_metric("top5_accuracy", label="Top-5", aggregate="image_mean", compute=_accuracy)
def top5_accuracy(batch: PredictionBatch) -> NDArray[np.float64]:
    """Percentage of images whose class is among the five highest logits.

    Returns:
        (B, 2): 1 for a hit or 0, and 1 for the image.
    """
    return _hits(batch, 5)


@classification_metric(
    "f1_per_class",
    label="F1-PerClass",
    aggregate="class_mean",
    compute=_f1_per_class,
    view="square",
    multilabel=True,
)
def f1_per_class(batch: PredictionBatch) -> NDArray[np.float64]:
    """Mean of all classes' F1, with a class predicted where its logit is above 0.

    A class without a true positive counts as 0, also one that no image shows.

    Returns:
        (B, 2 C): true positives of each class, then its positives plus its targets. F1 is twice the ratio of
        their sums: 2 TP / (2 TP + FP + FN).
    """
    hits = batch.targets & batch.positives
    sizes = batch.targets.astype(np.float64) + batch.positives
    return np.concatenate((hits, sizes), axis=1)


@classification_metric(
    "f1_overall",
    label="F1-Overall",
    aggregate="image_mean",
    compute=_f1_overall,
    view="square",
    multilabel=True,
)
def f1_overall(batch: PredictionBatch) -> NDArray[np.float64]:
    """Micro F1: one F1 over the decisions on every class of every image.

    Returns:
        (B, 2): true positives of the image, and its positives plus its targets.
    """
    hits, sizes = np.split(f1_per_class(batch), 2, axis=1)
    return np.stack((hits.sum(axis=1), sizes.sum(axis=1)), axis=1)


def _hits(batch: PredictionBatch, top: int) -> NDArray[np.float64]:
    """Say for each image whether its one target is among the `top` highest logits: (B, 2), hit and 1."""
    counts = batch.targets.sum(axis=1)
    if (counts != 1).any():
        first = int(np.flatnonzero(counts != 1)[0])
        raise RaybenchError(
            f"accuracy needs exactly one target per image, but image {batch.image_ids[first]!r} has "
            f"{counts[first]}; ask for f1_per_class and f1_overall instead"
        )
    if (batch.ranking[:, 0] < 0).any():
        first = int(np.flatnonzero(batch.ranking[:, 0] < 0)[0])
        raise RaybenchError(f"image {batch.image_ids[first]!r} has no top five classes; measure it again")
    target = batch.targets.argmax(axis=1)
    hit = (batch.ranking[:, :top] == target[:, None]).any(axis=1)
    return np.stack((hit, np.ones_like(hit)), axis=1).astype(np.float64)


def _ratio(part: NDArray[np.float64], whole: NDArray[np.float64]) -> NDArray[np.float64]:
    """Divide, with 0 where there is nothing to divide by."""
    return np.divide(part, whole, out=np.zeros_like(part), where=whole > 0)
