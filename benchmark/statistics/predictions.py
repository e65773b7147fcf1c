"""What a network predicted, as arrays."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class PredictionBatch:
    """What a network predicted for B images, beside what they show.

    Attributes:
        image_ids: B names, for messages.
        targets: (B, C) bool, classes that are present.
        ranking: (B, 5) int64, class indices by descending logit; -1 where there is none.
        positives: (B, C) bool, classes with a logit above 0.
    """

    image_ids: tuple[str, ...]
    targets: NDArray[np.bool_]
    ranking: NDArray[np.int64]
    positives: NDArray[np.bool_]
