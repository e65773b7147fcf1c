"""How relevance with a sign, or of three colours, becomes a map that metrics can score."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from torch import Tensor

Sign = Literal["positive", "absolute", "negative"]
"""What of a signed map is scored: what speaks for the class, what matters at all, what speaks against it."""

_ROUNDING = 1e-5
"""What float32 sums of thousands of numbers leave of their absolute sum, at most."""

CANCELLED = float("inf")
"""All values of a map of sums in which parts cancel down to rounding: no map, and counted as such."""

Colours = Literal["sum", "max", "l2"]
"""How three colours become one number: their sum, the largest absolute value, or the Euclidean norm."""


def reduced(relevance: Tensor, sign: Sign) -> Tensor:
    """Reduce signed maps (N, h, w) to non-negative ones.

    This comes before maps are resized or smoothed: a clamp and an interpolation do not commute.
    """
    if sign == "absolute":
        return relevance.abs()
    turned = relevance if sign == "positive" else -relevance
    return turned.clamp(min=0).masked_fill(relevance == CANCELLED, CANCELLED)


def summed_over_channels(products: Tensor) -> Tensor:
    """Sum products (N, k, h, w) over channels: (N, h, w); `CANCELLED` where the sums leave rounding alone.

    So it is with activations times gradients ahead of a layer normalisation: it does not see their scale,
    and by Euler's theorem the sum over channels at each place is 0.
    """
    total = products.sum(dim=1)
    left, whole = total.abs().amax(dim=(1, 2)), products.abs().sum(dim=1).amax(dim=(1, 2))
    return total.masked_fill((left < _ROUNDING * whole)[:, None, None], CANCELLED)


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
    return relevance.square().sum(dim=1).sqrt().float()


def signed_by_colours(options: Mapping[str, Any]) -> bool:
    """Say whether a method with the option `colours` returns signed maps: it does where they are summed."""
    return bool(options["colours"] == "sum")
