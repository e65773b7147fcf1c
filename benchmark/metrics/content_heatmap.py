"""The content heatmap: how much of the map lies on the object?"""

from __future__ import annotations

from torch import Tensor

from .interface import SaliencyBatch, localisation_metric

__all__ = ["content_heatmap"]


@localisation_metric("content_heatmap", label="CH")
def content_heatmap(batch: SaliencyBatch) -> Tensor:
    """Percentage of the map's saliency inside the region of the object.

    Returns:
        (N,) float64, in percent.

    Source: Pillai & Pirsiavash, Explainable Models with Consistent Interpretations, AAAI 2021.
    """
    return batch.share(batch.mask)
