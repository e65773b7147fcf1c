"""What arithmetic allows: how many times less the passes of the network can cost, done once per picture.

For N pictures with Q queries. f and b are a forward pass and a backward pass to the input; z is the forward
pass after the layer that excitation backprop reads (it is done again, with positive weights), t the backward
pass to that layer, h the backward pass to the layer that Grad-CAM reads.
"""

from __future__ import annotations

from collections.abc import Mapping

__all__ = ["FORMULAS", "limit_of"]

Parts = Mapping[str, float]

FORMULAS = {
    "grad_cam": "Q(f + h) / (Nf + Qh)",
    "gradient": "Q(f + b) / (Nf + Qb)",
    "excitation_backprop": "Q(f + z + t) / (N(f + z) + Qt)",
    "contrastive_excitation_backprop": "Q(2f + z + t) / (N(f + z) + Qt)",
}
"""TorchRay's passes over ours. Its contrastive method does two forward passes per query."""


def limit_of(attribution: str, parts: Parts, images: int, queries: int) -> float:
    """Return the value of a formula.

    Args:
        attribution: a key of `FORMULAS`.
        parts: seconds of a picture, as `floors.parts_of` returns them.
        images: N, pictures with a query.
        queries: Q.
    """
    f, b, z, t, h = (
        parts[name] for name in ("forward", "backward", "tail_forward", "tail_backward", "head_backward")
    )
    theirs, once, each = {
        "grad_cam": (f + h, f, h),
        "gradient": (f + b, f, b),
        "excitation_backprop": (f + z + t, f + z, t),
        "contrastive_excitation_backprop": (2 * f + z + t, f + z, t),
    }[attribution]
    return queries * theirs / (images * once + queries * each)
