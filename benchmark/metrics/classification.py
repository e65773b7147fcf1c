"""Is the right class predicted? Accuracy for images with one class, F1 for images with several."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..statistics import RULES, PredictionBatch
from .interface import classification_metric


@classification_metric(
    "top1_accuracy",
    label="Top-1",
    title="Top-1 accuracy",
    words="How often the network's first guess is the right class.",
    aggregate="image_mean",
    rule="first_of_one",
)
def top1_accuracy(batch: PredictionBatch) -> NDArray[np.float64]:
    """Percentage of images whose class has the highest logit.

    Returns:
        (B, 2): 1 for a hit or 0, and 1 for the image.
    """
    return _statistics("first_of_one", batch)


@classification_metric(
    "top5_accuracy",
    label="Top-5",
    title="Top-5 accuracy",
    words="How often the right class is among the network's first five guesses.",
    aggregate="image_mean",
    rule="first_of_five",
)
def top5_accuracy(batch: PredictionBatch) -> NDArray[np.float64]:
    """Percentage of images whose class is among the five highest logits.

    Returns:
        (B, 2): 1 for a hit or 0, and 1 for the image.
    """
    return _statistics("first_of_five", batch)


@classification_metric(
    "f1_per_class",
    label="F1-PerClass",
    title="F1 per class",
    words="How well the network tells which classes are in a picture: F1 of each class, averaged.",
    aggregate="class_mean",
    rule="f1_of_classes",
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
    return _statistics("f1_of_classes", batch)


@classification_metric(
    "f1_overall",
    label="F1-Overall",
    title="F1 overall",
    words="How well the network tells which classes are in a picture: one F1 over all its decisions.",
    aggregate="image_mean",
    rule="f1_of_decisions",
    view="square",
    multilabel=True,
)
def f1_overall(batch: PredictionBatch) -> NDArray[np.float64]:
    """Micro F1: one F1 over the decisions on every class of every image.

    Returns:
        (B, 2): true positives of the image, and its positives plus its targets.
    """
    return _statistics("f1_of_decisions", batch)


def _statistics(rule: str, batch: PredictionBatch) -> NDArray[np.float64]:
    read = RULES.get(rule).of_predictions
    assert read is not None, f"rule {rule} reads no predictions"
    return read(batch)
