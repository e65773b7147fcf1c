"""Class activation maps whose weights are scores that the network gives when something is changed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from ...asking.copies.chunks import in_chunks
from ...asking.copies.masking import masked_scores
from ...interface import NetworkLike, Passes, attribution
from ...layers.features import altered_scores, features_of
from ...queries import by_image, check_classes, check_queries
from .cam import weighted_sum

_AT_ONCE = {"cpu": 32, "cuda": 128}
"""Ablated channels that go through the rest of a network together."""


def _per_channel(_options: Mapping[str, Any]) -> Passes:
    return Passes(forwards_per_channel=1)


@attribution("score_cam", source="Wang et al., CVPRW 2020", family="activation", passes=_per_channel)
def score_cam(
    network: NetworkLike,
    images: Tensor,
    image_index: Tensor,
    class_index: Tensor,
    *,
    layer: str | None = None,
) -> Tensor:
    """Score-CAM: each channel weighted by the class's score of the picture seen through that channel.

    w = softmax over channels of y_c(x M_k), M_k the channel enlarged to the picture and brought to 0..1;
    what M_k hides gets the mean colour, and a channel that is constant hides all. One forward pass per
    channel and image, whatever the number of classes.

    Args:
        network: the classifier.
        images: (B, 3, H, W) float, normalised.
        image_index: (N,) int64, the image of each query.
        class_index: (N,) int64, the class of each query.
        layer: where features are read; the network's target layer by default.

    Returns:
        (N, h, w) float32, non-negative.

    Source: Wang et al., "Score-CAM: Score-Weighted Visual Explanations for Convolutional Neural Networks",
    CVPR workshops 2020.
    """
    features = features_of(network, images, image_index, layer)
    weights = features.new_zeros(features.shape[:2])
    for image, queries in by_image(image_index):
        maps = features[queries[0]]

        def masks(part: range, maps: Tensor = maps) -> Tensor:
            chosen = maps[part.start : part.stop, None]
            large = F.interpolate(chosen, images.shape[2:], mode="bilinear", align_corners=True)
            low, high = large.amin(dim=(2, 3), keepdim=True), large.amax(dim=(2, 3), keepdim=True)
            return (large - low) / (high - low + 1e-8)

        answers = masked_scores(
            network,
            images[image].detach(),
            masks,
            len(maps),
            class_index[queries],
            score="logit",
            label="score_cam",
        )
        scores = torch.cat([answer.scores for answer in answers])  # (k, queries)
        weights[queries] = scores.softmax(dim=0).T.to(weights)
    return weighted_sum(weights, features)


@attribution("ablation_cam", source="Desai & Ramaswamy, WACV 2020", family="activation", passes=_per_channel)
def ablation_cam(
    network: NetworkLike,
    images: Tensor,
    image_index: Tensor,
    class_index: Tensor,
    *,
    layer: str | None = None,
) -> Tensor:
    """Ablation-CAM: each channel weighted by how much the class's score falls when the channel is zero.

    w_k = (y_c - y_c without channel k) / |y_c|. Behind the layer the network runs once per channel and image,
    whatever the number of classes; ahead of it once. Arguments and result as for `score_cam`.

    Source: Desai & Ramaswamy, "Ablation-CAM: Visual Explanations for Deep Convolutional Network via
    Gradient-free Localization", WACV 2020, divided by |y_c| where the paper divides by y_c: a negative score
    would turn all weights round. Where it is 0 there is no map.
    """
    check_queries(images, image_index, class_index)
    features = features_of(network, images, image_index, layer)
    weights = features.new_zeros(features.shape[:2])
    for image, queries in by_image(image_index):
        picture, classes = images[image].detach(), class_index[queries]

        def ask(part: range, picture: Tensor = picture) -> Tensor:
            return altered_scores(network, picture, lambda output: _without(output, part), len(part), layer)

        whole = altered_scores(network, picture, lambda output: output, 1, layer)
        check_classes(whole, classes)
        without = torch.cat(list(in_chunks(features.shape[1], images.device, _AT_ONCE, ask, "ablation_cam")))
        score = whole[:, classes].double()
        shares = ((score - without[:, classes]) / score.abs()).masked_fill(score == 0, 0)
        weights[queries] = shares.T.to(weights)
    return weighted_sum(weights, features)


def _without(output: Tensor, channels: range) -> Tensor:
    """Set one channel of each row (m, k, ...) to zero."""
    rows = torch.arange(len(channels), device=output.device)
    index = torch.tensor(channels, device=output.device)
    ablated = output.clone()
    ablated[rows, index] = 0
    return ablated
