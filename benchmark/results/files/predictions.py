"""Reads back what a checkpoint predicted: from lists of class indices to arrays."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ....base import RaybenchError
from ...statistics import PredictionBatch

_IMAGES_AT_ONCE = 4096  # bounds the dense (images, classes) arrays


def prediction_batches(predictions: pd.DataFrame, n_classes: int) -> Iterator[PredictionBatch]:
    """Parse the rows of predictions.csv, a few thousand images at a time; at least one batch, maybe empty.

    Args:
        predictions: image_id and, as space-separated class indices, targets, top5 and positives.
        n_classes: outputs of the checkpoint.

    Raises:
        RaybenchError: an image whose class indices are no integers from 0 to `n_classes` - 1.
    """
    for start in range(0, max(1, len(predictions)), _IMAGES_AT_ONCE):
        rows = predictions.iloc[start : start + _IMAGES_AT_ONCE]
        ids = tuple(rows["image_id"])
        yield PredictionBatch(
            ids,
            targets=_membership(rows["targets"], ids, n_classes),
            ranking=_ranking(rows["top5"], ids, n_classes),
            positives=_membership(rows["positives"], ids, n_classes),
        )


def _ranking(lists: pd.Series[str], ids: Sequence[str], n_classes: int) -> NDArray[np.int64]:
    """Turn B lists of up to five class indices into an array (B, 5), -1 where a list is shorter."""
    ranking = np.full((len(ids), 5), -1, dtype=np.int64)
    for row, (text, image) in enumerate(zip(lists, ids, strict=True)):
        indices = _indices(text, image, n_classes)
        if len(indices) > 5:
            raise RaybenchError(f"image {image!r} has {len(indices)} classes in top5; expected up to 5")
        ranking[row, : len(indices)] = indices
    return ranking


def _membership(lists: pd.Series[str], ids: Sequence[str], n_classes: int) -> NDArray[np.bool_]:
    """Turn B lists of class indices into a bool array (B, n_classes)."""
    members = np.zeros((len(ids), n_classes), dtype=np.bool_)
    for row, (text, image) in enumerate(zip(lists, ids, strict=True)):
        members[row, _indices(text, image, n_classes)] = True
    return members


def _indices(text: str, image: str, n_classes: int) -> list[int]:
    try:
        indices = [int(word) for word in text.split()] if isinstance(text, str) else []
    except ValueError:
        raise RaybenchError(f"image {image!r} has class indices {text!r}; expected integers") from None
    if any(not 0 <= index < n_classes for index in indices):
        raise RaybenchError(
            f"image {image!r} has class indices {text!r}, but the checkpoint has {n_classes} classes from 0"
        )
    return indices
