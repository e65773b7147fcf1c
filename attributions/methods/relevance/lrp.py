"""Layer-wise relevance propagation: the score of a class, handed down layer by layer to the pixels.

Each method is a composite: a rule for convolutions, one for linear layers, one for the first layer. A rule
names terms with the sum z; an input receives, of what came to the output, the share of its own terms in
z + 1e-6 sign(z). With x+ and x- the parts of x above and below zero:

| rule | terms | where |
|---|---|---|
| epsilon | x w + b, and an epsilon of its own instead of 1e-6 | linear layers |
| z+ | x+ w+ + x- w- + b+ | convolutions |
| alpha-beta | 1 + beta times the shares of z+, less beta times those of x+ w- + x- w+ + b- | convolutions |
| gamma | x+ (w + g w+) + x- (w + g w-) + b + g b+; below zero x+ (w + g w-) + ... | convolutions |
| flat | 1 for each input in the window | first layer |
| box | x w - l w+ - h w-, with l, h the input of a black and a white pixel | first layer |

A batch normalisation that alone reads a convolution or linear layer is merged into it; other normalisations,
activations and gates pass relevance on; sums of branches and average pooling share it in proportion, with
1e-6 as above; anything else (max pooling, reshaping, ...) goes by its gradient.

Source: Bach et al., "On Pixel-Wise Explanations for Non-Linear Classifier Decisions by Layer-Wise Relevance
Propagation", PLOS ONE 2015, for epsilon and alpha-beta; Montavon et al., "Explaining nonlinear classification
decisions with deep Taylor decomposition", Pattern Recognition 2017, for z+ and the box; Montavon et al.,
"Layer-Wise Relevance Propagation: An Overview", 2019, for gamma and for composites; Lapuschkin et al.,
"Unmasking Clever Hans predictors", Nature Communications 2019, for flat. Biases take relevance, so that maps
add up to the score of the class only in a network without any.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from pydantic import NonNegativeFloat, PositiveFloat
from torch import Tensor

from ...asking.rules import calls
from ...asking.rules.backward_rules import (
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
from ...asking.rules.handing_down import check_rules, handed_to_pixels, score
from ...asking.rules.linear_rules import (
    LinearRule,
    Share,
    Term,
    everything,
    negative,
    ones,
    positive,
    stabilised,
)
from ...interface import NetworkLike, attribution
from ...signs import over_colours

_DIVIDE = stabilised(1e-6)


def epsilon_rule(epsilon: float) -> LinearRule:
    """Share by contributions of both signs; a large epsilon leaves out small sums, whose shares are large."""
    return (Share((Term(everything, everything, everything),), stabilised(epsilon)),)


PLUS: LinearRule = (Share((Term(positive, positive, positive), Term(negative, negative)), _DIVIDE),)
"""Share by positive contributions."""

FLAT: LinearRule = (Share((Term(ones, ones),), _DIVIDE),)
"""Share alike."""


def alpha_beta_rule(beta: float) -> LinearRule:
    """Share by positive contributions, and take away by negative ones."""
    against = Share((Term(positive, negative, negative), Term(negative, positive)), _DIVIDE, -beta)
    return (Share(PLUS[0].terms, _DIVIDE, 1 + beta), against)


def gamma_rule(gamma: float) -> LinearRule:
    """Share by contributions of both signs, of which those that agree with the output count more."""

    def raised(tensor: Tensor) -> Tensor:
        return tensor + gamma * tensor.clamp(min=0)

    def lowered(tensor: Tensor) -> Tensor:
        return tensor + gamma * tensor.clamp(max=0)

    above = (Term(positive, raised, raised), Term(negative, lowered))
    below = (Term(positive, lowered, lowered), Term(negative, raised))
    return (Share(above, _DIVIDE, where="above"), Share(below, _DIVIDE, where="below"))


def box_rule(low: Tensor, high: Tensor) -> LinearRule:
    """Share by how far pixels are from the least and the most that they could be: (3, 1, 1) each."""

    def lowest(inputs: Tensor) -> Tensor:
        return torch.empty_like(inputs).copy_(low)

    def highest(inputs: Tensor) -> Tensor:
        return torch.empty_like(inputs).copy_(high)

    own = Term(everything, everything)
    ends = Term(lowest, positive, coefficient=-1), Term(highest, negative, coefficient=-1)
    return (Share((own, *ends), _DIVIDE),)


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


def _check(network: NetworkLike) -> None:
    check_rules(network, composite(PLUS, PLUS))


def _lrp(name: str) -> Callable[[Callable[..., Tensor]], Callable[..., Tensor]]:
    return attribution(
        name,
        smoothed=True,
        signed=True,
        family="relevance",
        check=_check,
        fits="no attention",
        source="Bach et al., PLOS ONE 2015",
    )


def _relevance(
    network: NetworkLike, images: Tensor, image_index: Tensor, class_index: Tensor, table: Table
) -> Tensor:
    handed = handed_to_pixels(network, images, image_index, class_index, table, start=score)
    return over_colours(handed, "sum")


@_lrp("lrp_epsilon_plus_flat")
def lrp_epsilon_plus_flat(
    network: NetworkLike,
    images: Tensor,
    image_index: Tensor,
    class_index: Tensor,
    *,
    epsilon: PositiveFloat = 1e-6,
) -> Tensor:
    """LRP by z+ in convolutions, epsilon in linear layers, flat in the first: what suits most networks.

    Args:
        network: the classifier.
        images: (B, 3, H, W) float, normalised.
        image_index: (N,) int64, the image of each query.
        class_index: (N,) int64, the class of each query.
        epsilon: of linear layers.

    Returns:
        (N, H, W) float32, summed over colours, positive where a pixel speaks for the class.

    Raises:
        RaybenchError: the network attends, for which there is no rule.
    """
    table = composite(PLUS, epsilon_rule(epsilon), FLAT)
    return _relevance(network, images, image_index, class_index, table)


@_lrp("lrp_epsilon_plus")
def lrp_epsilon_plus(
    network: NetworkLike,
    images: Tensor,
    image_index: Tensor,
    class_index: Tensor,
    *,
    epsilon: PositiveFloat = 1e-6,
) -> Tensor:
    """LRP by z+ in convolutions, also the first, and epsilon in linear layers. As `lrp_epsilon_plus_flat`."""
    table = composite(PLUS, epsilon_rule(epsilon))
    return _relevance(network, images, image_index, class_index, table)


@_lrp("lrp_epsilon")
def lrp_epsilon(
    network: NetworkLike,
    images: Tensor,
    image_index: Tensor,
    class_index: Tensor,
    *,
    epsilon: PositiveFloat = 0.25,
) -> Tensor:
    """LRP by epsilon in all layers: near zero it is input times gradient where there are no biases.

    Arguments as for `lrp_epsilon_plus_flat`. The larger `epsilon`, the fewer details are left, and the less
    of the score. It is in units of what layers compute, so that one value is much for one network and little
    for another.
    """
    rule = epsilon_rule(epsilon)
    return _relevance(network, images, image_index, class_index, composite(rule, rule))


@_lrp("lrp_alpha_beta")
def lrp_alpha_beta(
    network: NetworkLike,
    images: Tensor,
    image_index: Tensor,
    class_index: Tensor,
    *,
    beta: NonNegativeFloat = 1.0,
    epsilon: PositiveFloat = 1e-6,
) -> Tensor:
    """LRP by alpha-beta in convolutions, epsilon in linear layers, flat in the first.

    Arguments as for `lrp_epsilon_plus_flat`; `beta` is the weight of what speaks against, `1 + beta` that of
    what speaks for. With 0 the two methods are the same.
    """
    table = composite(alpha_beta_rule(beta), epsilon_rule(epsilon), FLAT)
    return _relevance(network, images, image_index, class_index, table)


@_lrp("lrp_epsilon_gamma_box")
def lrp_epsilon_gamma_box(
    network: NetworkLike,
    images: Tensor,
    image_index: Tensor,
    class_index: Tensor,
    *,
    gamma: NonNegativeFloat = 0.25,
    epsilon: PositiveFloat = 1e-6,
) -> Tensor:
    """LRP by gamma in convolutions, epsilon in linear layers, the box in the first; poor on ResNets.

    Arguments as for `lrp_epsilon_plus_flat`; `gamma` says how much more positive weights count.
    """
    table = composite(gamma_rule(gamma), epsilon_rule(epsilon), box_rule(*network.input_range))
    return _relevance(network, images, image_index, class_index, table)
