"""One query with its network, as metrics read it that ask the network or the method again."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

import torch
from torch import Tensor

__all__ = ["Curve", "ExplainedQuery", "Fill", "NetworkQuery", "Ties"]

Fill = Literal["mean", "black", "white", "blur", "noise"]
"""What hidden pixels show: the mean colour, an end of the range, the blurred picture, or noise."""

Ties = Literal["random", "index"]
"""The order of pixels that are equally salient: drawn for each query, or row by row."""


class Curve(NamedTuple):
    """Scores over equal steps of something, such as the share of pixels that are hidden.

    Attributes:
        points: the scores, from the first step to the last; at least two.
    """

    points: tuple[float, ...]

    @property
    def area(self) -> float:
        """Area below the curve by trapezoids, over an axis of length 1."""
        return (sum(self.points) - (self.points[0] + self.points[-1]) / 2) / (len(self.points) - 1)


@dataclass(eq=False)
class NetworkQuery:
    """One query: its picture and its map at the size of the network's input, and the network.

    What several metrics ask for is computed once.

    Attributes:
        image: (3, h, w) float32, the normalised input.
        saliency: (h, w) float32, non-negative, sums to 1; uniform where the map is degenerate.
        class_index: the class that is asked about.
        seed: depends on the suite's seed and the query alone.
        ask: images (m, 3, h, w) to the query's scores (m,) float64, as probabilities or as logits; m images
            at once in chunks that depend on their size alone.
        fill_with: a `Fill` and a seed to pixels (3, h, w) or (3, 1, 1).
    """

    image: Tensor
    saliency: Tensor
    class_index: int
    seed: int
    ask: Callable[[int, Callable[[range], Tensor], bool], Tensor]
    fill_with: Callable[[Fill, int], Tensor]
    _known: dict[object, float] = field(default_factory=dict)

    def scores(self, count: int, make: Callable[[range], Tensor], *, logits: bool = False) -> Tensor:
        """Return the query's scores of `count` pictures: (count,) float64 on the CPU.

        Args:
            count: of pictures.
            make: the pictures of some numbers below `count`: (m, 3, h, w).
            logits: return logits instead of probabilities.
        """
        return self.ask(count, make, logits)

    def fill(self, name: Fill) -> Tensor:
        """Return what stands where the picture is hidden, as large as the picture."""
        return self.fill_with(name, self.seed).expand_as(self.image)

    def score_of_image(self, *, logits: bool = False) -> float:
        """Score of the picture itself."""
        return self._score_once(("image", logits), lambda: self.image, logits=logits)

    def score_of_fill(self, name: Fill, *, logits: bool = False) -> float:
        """Score of the picture hidden as a whole."""
        return self._score_once((name, logits), lambda: self.fill(name), logits=logits)

    def _score_once(self, key: object, picture: Callable[[], Tensor], *, logits: bool) -> float:
        if key not in self._known:
            shown = picture()
            self._known[key] = float(self.scores(1, lambda _: shown[None], logits=logits)[0])
        return self._known[key]

    def ranks(self, ties: Ties) -> Tensor:
        """Place of each pixel in the order of falling saliency, from 0: (h, w) int64 on the map's device.

        Args:
            ties: `random`: equally salient pixels come in an order drawn from the query's seed; with `index`
                row by row, so that a uniform map is hidden from the top.
        """
        flat = self.saliency.flatten()
        first = self._shuffled if ties == "random" else torch.arange(flat.numel(), device=flat.device)
        order = first[flat[first].argsort(descending=True, stable=True)]
        ranks = torch.empty_like(order)
        ranks[order] = torch.arange(len(order), device=order.device)
        return ranks.view(self.saliency.shape)

    @functools.cached_property
    def _shuffled(self) -> Tensor:
        generator = torch.Generator().manual_seed(self.seed)
        return torch.randperm(self.saliency.numel(), generator=generator).to(self.saliency.device)


@dataclass(eq=False)
class ExplainedQuery:
    """One query and the method that explained it, which can be run again.

    Attributes:
        image: (3, h, w) float32, the normalised input.
        original: (h', w') the raw map of the picture itself, at its native resolution.
        class_index: the class that is asked about.
        seed: depends on the suite's seed and the image alone, so that all methods and classes see the same.
        input_range: what black and white are in the network's input: (3, 1, 1) each.
        explain: images (m, 3, h, w) to raw maps (m, h', w') of the query's class, by the same method with the
            same options and the same seeds.
    """

    image: Tensor
    original: Tensor
    class_index: int
    seed: int
    input_range: Sequence[Tensor]
    explain: Callable[[Tensor], Tensor]
