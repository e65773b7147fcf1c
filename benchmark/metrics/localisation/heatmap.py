"""How much of the map lies on the object?"""

from __future__ import annotations

from torch import Tensor

from ..batch import SaliencyBatch
from ..interface import localisation_metric


@localisation_metric(
    "content_heatmap",
    label="CH",
    title="Content heatmap",
    words="How much of the map's heat lies on the object itself.",
    where="own",
    window=True,
)
def content_heatmap(batch: SaliencyBatch) -> Tensor:
    """Percentage of the map's saliency inside the region of the object.

    Returns:
        (N,) float64, in percent.

    Source: Pillai & Pirsiavash, Explainable Models with Consistent Interpretations, AAAI 2021.
    """
    return batch.share(batch.mask)
