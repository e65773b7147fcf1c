"""The gradient of a class score with respect to the pixels, alone and times the pixels."""

from __future__ import annotations

from torch import Tensor

from ...interface import NetworkLike, attribution
from ...layers.capture import input_gradients
from ...signs import Colours, over_colours, signed_by_colours


@attribution(
    "gradient",
    smoothed=True,
    source="Simonyan et al., ICLR workshop 2014",
    signed=signed_by_colours,
    family="gradient",
)
def gradient(
    network: NetworkLike,
    images: Tensor,
    image_index: Tensor,
    class_index: Tensor,
    *,
    colours: Colours = "max",
) -> Tensor:
    """Gradient: how strongly the class score reacts to a pixel, max over colours of |dy/dx|.

    Args:
        network: the classifier.
        images: (B, 3, H, W) float, normalised.
        image_index: (N,) int64, the image of each query.
        class_index: (N,) int64, the class of each query.
        colours: how three of them become one; summed, maps have a sign.

    Returns:
        (N, H, W) float32, non-negative unless colours are summed.

    Source: Simonyan, Vedaldi & Zisserman, "Deep Inside Convolutional Networks", ICLR workshop 2014.
    Smoothing, where a protocol asks for it, comes after the map is resized to the original image.
    """
    return over_colours(input_gradients(network, images, image_index, class_index), colours)


@attribution(
    "input_x_gradient",
    smoothed=True,
    source="Shrikumar et al., arXiv 2016",
    family="gradient",
    signed=signed_by_colours,
)
def input_x_gradient(
    network: NetworkLike,
    images: Tensor,
    image_index: Tensor,
    class_index: Tensor,
    *,
    colours: Colours = "sum",
) -> Tensor:
    """Input times gradient: what each pixel adds to the score, were the network linear.

    Pixels count as the network gets them, normalised: one of the mean colour has no relevance. In a network
    of ReLUs without biases the relevance adds up to the score. Arguments as for `gradient`; the result is
    signed where colours are summed.

    Source: Shrikumar, Greenside, Shcherbina & Kundaje, "Not Just a Black Box", arXiv 1605.01713.
    """
    gradients = input_gradients(network, images, image_index, class_index)
    return over_colours(images.detach()[image_index] * gradients, colours)
