"""Layer-wise relevance propagation: the score of a class, handed down layer by layer to the pixels.

Each method is a composite: a rule for convolutions, one for linear layers, one for the first layer. With z the
sum of the terms in the second column, z' = z + 1e-6 * sign(z), and x+, x- the parts of x above and below zero,
input j receives its own term's share of R / z':

| rule | terms | where |
|---|---|---|
| epsilon | x w + b, and z' with an epsilon of its own | linear layers |
| z+ | x+ w+ + x- w- + b+ | convolutions |
| alpha-beta | 1 + beta times those of z+, less beta times x+ w- + x- w+ + b- | convolutions |
| gamma | x+ (w + g w+) + x- (w + g w-) + b + g b+ where outputs are above zero, else with w+, w- swapped | convolutions |
| flat | 1 for each input in the window | first layer |
| box | x w - l w+ - h w-, with l, h the input of a black and a white pixel | first layer |

A batch normalisation that alone reads a convolution or linear layer is merged into it; other normalisations,
activations and gates pass relevance on; sums of branches and average pooling share it in proportion, z' as
above; anything else (max pooling, reshaping, ...) goes by its gradient.

Source: Bach et al., "On Pixel-Wise Explanations for Non-Linear Classifier Decisions by Layer-Wise Relevance
Propagation", PLOS ONE 2015, for epsilon and alpha-beta; Montavon et al., "Explaining nonlinear classification
decisions with deep Taylor decomposition", Pattern Recognition 2017, for z+ and the box; Montavon et al.,
"Layer-Wise Relevance Propagation: An Overview", 2019, for gamma and for composites; Lapuschkin et al.,
"Unmasking Clever Hans predictors", Nature Communications 2019, for flat. Biases take relevance, so that maps
add up to the score of the class only in a network without any.
"""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor

from ...base import RaybenchError
from ..asking import calls
from ..asking.backward_rules import (
    Table,
    averaged,
    merged,
    passed,
    pooled,
    refused,
    rows,
    scaled,
    summed,
    weighted,
)
from ..asking.handing_down import check_rules, handed_to_pixels, score
from ..asking.linear_rules import LinearRule, Share, Term, everything, negative, ones, positive, stabilised
from ..interface import NetworkLike, attribution
from ..signs import over_colours

__all__ = ["lrp_alpha_beta", "lrp_epsilon", "lrp_epsilon_plus", "lrp_epsilon_plus_flat"]

_DIVIDE = stabilised(1e-6)


def epsilon_rule(epsilon: float) -> LinearRule:
    """Share by contributions of both signs; a large epsilon leaves out small sums."""
    return (Share((Term(everything, everything, everything),), stabilised(epsilon)),)


PLUS: LinearRule = (Share((Term(positive, positive, positive), Term(negative, negative)), _DIVIDE),)
"""Share by positive contributions."""

FLAT: LinearRule = (Share((Term(ones, ones),), _DIVIDE),)
"""Share alike."""


def alpha_beta_rule(beta: float) -> LinearRule:
    """Share by positive contributions, and take away by negative ones."""
    against = Share((Term(positive, negative, negative), Term(negative, positive)), _DIVIDE, -beta)
    return (Share(PLUS[0].terms, _DIVIDE, 1 + beta), against)


def composite(convolution: LinearRule, linear: LinearRule, first: LinearRule | None = None) -> Table:
    """Return the table of a method: rules for convolutions, linear layers and the first of either."""
    sums = epsilon_rule(1e-6)
    return {
        **rows(calls.CONVOLUTIONS, weighted(convolution, first)),
        **rows((F.linear,), weighted(linear, first)),
        **rows(calls.POOLINGS, pooled(sums)),
        **rows(calls.MEANS, averaged(sums)),
        **rows(calls.SUMS, summed(_DIVIDE)),
        **rows(calls.PRODUCTS, scaled),
        **rows(calls.NORMALISATIONS, passed()),
        **rows((F.batch_norm,), merged),
        **rows((*calls.RELUS, *calls.ACTIVATIONS), passed()),
        **rows(calls.ATTENTION, refused),
    }


@attribution(
    "lrp_epsilon_plus_flat",
    smoothed=True,
    signed=True,
    family="relevance propagation",
    source="Bach et al., PLOS ONE 2015",
    check=lambda network: check_rules(network, _PLUS_FLAT),
)
def lrp_epsilon_plus_flat(
    network: NetworkLike,
    images: Tensor,
    image_index: Tensor,
    class_index: Tensor,
    *,
    epsilon: float = 1e-6,
) -> Tensor:
    """LRP by z+ in convolutions, epsilon in linear layers and flat in the first: the usual one for ResNets.

    Args:
        network: the classifier.
        images: (B, 3, H, W) float, normalised.
        image_index: (N,) int64, the image of each query.
        class_index: (N,) int64, the class of each query.
        epsilon: of linear layers, above zero.

    Returns:
        (N, H, W) float32, summed over colours, positive where a pixel speaks for the class.

    Raises:
        RaybenchError: the network attends, which has no rule; or epsilon is not above zero.
    """
    table = composite(PLUS, epsilon_rule(epsilon), FLAT)
    return _relevance(network, images, image_index, class_index, table)
