"""How relevance with a sign, or of three colours, becomes a map that metrics can score."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import torch
from torch import Tensor

__all__ = ["Colours", "Sign", "over_colours", "reduced", "signed_by_colours"]

Sign = Literal["positive", "absolute", "negative"]
"""What of a signed map is scored: what speaks for the class, what matters at all, what speaks against it."""

Colours = Literal["sum", "max", "l2"]
"""How three colours become one number: their sum, the largest absolute value, or the Euclidean norm."""


def reduced(relevance: Tensor, sign: Sign) -> Tensor:
    """Reduce signed maps (N, h, w) to non-negative ones.

    This comes before maps are resized or smoothed: a clamp and an interpolation do not commute.
    """
    if sign == "absolute":
        return relevance.abs()
    return (relevance if sign == "positive" else -relevance).clamp(min=0)


def over_colours(relevance: Tensor, colours: Colours) -> Tensor:
    """Reduce the relevance of each colour (N, 3, H, W) to maps (N, H, W), float32.

    Relevance that adds up to a score is summed (Bach et al., PLOS ONE 2015), which keeps its sign; for a
    sensitivity the largest absolute value counts (Simonyan et al., ICLR workshop 2014). The norm is one of
    the poolings that Arras et al., Information Fusion 2022, compare.
    """
    if colours == "sum":
        return relevance.sum(dim=1).float()
    if colours == "max":
        return relevance.abs().amax(dim=1).float()
    return torch.linalg.vector_norm(relevance, dim=1).float()


def signed_by_colours(options: Mapping[str, Any]) -> bool:
    """Say whether a method with the option `colours` returns signed maps: it does where they are summed."""
    return bool(options["colours"] == "sum")
