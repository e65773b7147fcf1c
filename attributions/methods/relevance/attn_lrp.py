"""Relevance propagation through transformers: the score of a class, handed down to the pixels."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypedDict

import torch
from pydantic import NonNegativeFloat
from torch import Tensor

from ....base import RaybenchError
from ...asking.rules.attention_rules import attention_rules
from ...asking.rules.backward_rules import Table
from ...asking.rules.handing_down import handed_to_pixels
from ...asking.rules.linear_rules import LinearRule
from ...interface import NetworkLike, Passes, attribution
from ...layers.attention import AttentionCapture
from ...layers.watching import tried
from ...signs import over_colours
from .lrp import gamma_rule


def _with_gamma(options: Mapping[str, Any]) -> Passes:
    """Each part of the rule of gamma costs as much as the layer."""
    linear = options["gamma_linear"] > 0
    return Passes(forwards_per_image=6 if linear else 1, backwards_per_query=4 if linear else 1)


def _attends(network: NetworkLike) -> None:
    """Raise `RaybenchError` unless a network attends."""
    tried(network, lambda blank: _check_attention(network, blank))


def _check_attention(network: NetworkLike, blank: Tensor) -> None:
    with torch.no_grad(), torch.compiler.set_stance("force_eager"), AttentionCapture() as attention:
        network.module(blank)
    if not attention.probabilities:
        raise RaybenchError(
            "the network has no attention between tokens that relevance could go through; choose a method "
            "that reads none, such as lrp_epsilon_plus_flat"
        )


@attribution(
    "attn_lrp",
    smoothed=True,
    signed=True,
    source="Achtibat et al., ICML 2024",
    family="relevance",
    passes=_with_gamma,
    check=_attends,
    fits="attention",
)
def attn_lrp(
    network: NetworkLike,
    images: Tensor,
    image_index: Tensor,
    class_index: Tensor,
    *,
    gamma_convolution: NonNegativeFloat = 0.25,
    gamma_linear: NonNegativeFloat = 0.05,
) -> Tensor:
    """AttnLRP: relevance through attention, of what it looks at and of what it finds.

    Args:
        network: a transformer.
        images: (B, 3, H, W) float, normalised.
        image_index: (N,) int64, the image of each query.
        class_index: (N,) int64, the class of each query.
        gamma_convolution: how much more positive weights of convolutions count; with 0 they go by gradient.
        gamma_linear: the same of linear layers.

    Returns:
        (N, H, W) float32, summed over colours, positive where a pixel speaks for the class.

    Source: Achtibat et al., "AttnLRP: Attention-Aware Layer-Wise Relevance Propagation for Transformers",
    ICML 2024. The defaults of gamma are among those that its authors try for vision transformers.
    """
    table = attention_rules(softmax=True, **_linear_rules(gamma_convolution, gamma_linear))
    return _relevance(network, images, image_index, class_index, table)


@attribution(
    "cp_lrp",
    smoothed=True,
    signed=True,
    source="Ali et al., ICML 2022",
    family="relevance",
    passes=_with_gamma,
    check=_attends,
    fits="attention",
)
def cp_lrp(
    network: NetworkLike,
    images: Tensor,
    image_index: Tensor,
    class_index: Tensor,
    *,
    gamma_convolution: NonNegativeFloat = 0.25,
    gamma_linear: NonNegativeFloat = 0.05,
) -> Tensor:
    """CP-LRP: relevance through transformers in which attention is a constant, so that only values take any.

    Arguments and result as for `attn_lrp`.

    Source: Ali et al., "XAI for Transformers: Better Explanations through Conservative Propagation", ICML
    2022, who go by gradients alone: gamma of 0.
    """
    table = attention_rules(softmax=False, **_linear_rules(gamma_convolution, gamma_linear))
    return _relevance(network, images, image_index, class_index, table)


class _LinearRules(TypedDict):
    convolution: LinearRule | None
    linear: LinearRule | None


def _linear_rules(convolution: float, linear: float) -> _LinearRules:
    return {
        "convolution": gamma_rule(convolution) if convolution else None,
        "linear": gamma_rule(linear) if linear else None,
    }


def _relevance(
    network: NetworkLike, images: Tensor, image_index: Tensor, class_index: Tensor, table: Table
) -> Tensor:
    gradients = handed_to_pixels(network, images, image_index, class_index, table)
    return over_colours(gradients * images.detach()[image_index], "sum")
