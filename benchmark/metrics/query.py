"""One query with its network, as metrics read it that ask the network or the method again."""

from __future__ import annotations

import functools
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple, Protocol, TypeVar

import torch
from torch import Tensor

Fill = Literal["mean", "black", "white", "blur", "noise"]
"""What hidden pixels show: the mean colour, an end of the range, the blurred picture, or noise."""

Ties = Literal["random", "index"]
"""The order of pixels that are equally salient: drawn for each query, or row by row."""

Order = Literal["morf", "lerf"]
"""The most salient pixels first, or the least salient."""

Answer = TypeVar("Answer")
Copies = Callable[[range], Tensor]


class Curve(NamedTuple):
    """Scores over steps of something, such as the share of pixels that are hidden.

    Attributes:
        points: the scores, from the first step to the last; at least two.
    """

    points: tuple[float, ...]

    @property
    def area(self) -> float:
        """Area below the curve by trapezoids, over an axis of length 1."""
        return (sum(self.points) - (self.points[0] + self.points[-1]) / 2) / (len(self.points) - 1)


@dataclass(eq=False)
class _Asked:
    """Remembers what was found once."""

    _known: dict[Hashable, Any] = field(default_factory=dict, init=False, repr=False)

    def once(self, question: Hashable, find: Callable[[], Answer]) -> Answer:
        """Return `find()`, or what it returned before for the same question."""
        if question not in self._known:
            self._known[question] = find()
        found: Answer = self._known[question]
        return found


@dataclass(eq=False)
class Picture(_Asked):
    """One picture and the network: what does not depend on a map is found once for all methods and classes.

    Attributes:
        image: (3, h, w) float32, the normalised input.
        seed: depends on the suite's seed and the image alone.
        input_range: what black and white are in the network's input: (3, 1, 1) each.
        multi_label: whether probabilities are sigmoids.
        ask: the number of pictures, and what makes those of some numbers (m, 3, h, w), to logits (count, C)
            float32 on the network's device, in chunks that depend on the pictures' size alone.
        fill_with: a `Fill` and a seed to pixels (3, h, w) or (3, 1, 1).
    """

    image: Tensor
    seed: int
    input_range: Sequence[Tensor]
    multi_label: bool
    ask: Callable[[int, Copies], Tensor]
    fill_with: Callable[[Fill, int], Tensor]

    def logits_of(self, question: Hashable, picture: Callable[[], Tensor]) -> Tensor:
        """Logits (1, C) of one picture (3, h, w) that is shown once, whoever asks."""
        return self.once(("logits", question), lambda: self.ask(1, lambda _: picture()[None]))

    def fill(self, name: Fill, seed: int) -> Tensor:
        """Return what stands where the picture is hidden, as large as the picture."""
        if name == "noise":  # of one query or draw alone
            return self.fill_with(name, seed)
        return self.once(("fill", name), lambda: self.fill_with(name, seed)).expand_as(self.image)


@dataclass(eq=False)
class NetworkQuery(_Asked):
    """One query: its picture and its map at the size of the network's input, and the network.

    What several metrics ask for is computed once.

    Attributes:
        picture: with the network.
        saliency: (h, w) float32, non-negative, sums to 1; uniform where the map is degenerate.
        signed: (h, w) float32, the map with its sign, where the method gives one; not normalised.
        class_index: the class that is asked about.
        seed: depends on the suite's seed and the query alone.
    """

    picture: Picture
    saliency: Tensor
    signed: Tensor
    class_index: int
    seed: int

    @property
    def image(self) -> Tensor:
        """The normalised input: (3, h, w) float32."""
        return self.picture.image

    def scores(self, count: int, make: Copies, *, logits: bool = False) -> Tensor:
        """Return the query's scores of `count` pictures: (count,) float64 on the CPU.

        Args:
            count: of pictures.
            make: the pictures of some numbers below `count`: (m, 3, h, w).
            logits: return logits instead of probabilities.
        """
        return self.read(self.picture.ask(count, make), logits=logits)

    def read(self, found: Tensor, *, logits: bool = False) -> Tensor:
        """Return the query's scores (m,) float64 on the CPU from logits (m, C) of the network."""
        if not logits:
            found = found.sigmoid() if self.picture.multi_label else found.softmax(dim=1)
        return found[:, self.class_index].double().cpu()

    def fill(self, name: Fill) -> Tensor:
        """Return what stands where the picture is hidden, as large as the picture."""
        return self.once(("fill", name), lambda: self.picture.fill(name, self.seed))

    def score_of_image(self, *, logits: bool = False) -> float:
        """Score of the picture itself."""
        return float(self.read(self._of_image, logits=logits)[0])

    def room_above_image(self) -> float:
        """What the probability of the picture itself lacks to 1; see `room_above`."""
        return self.room_above(self._of_image)

    def room_above(self, found: Tensor) -> float:
        """What the query's probability lacks to 1, exact also where it is close to 1, from logits (1, C)."""
        row = found[0].double()
        own, others = row[self.class_index], torch.cat([row[: self.class_index], row[self.class_index + 1 :]])
        against = -own if self.picture.multi_label else others.logsumexp(dim=0) - own
        return float(against.sigmoid())

    def score_of_fill(self, name: Fill, *, logits: bool = False) -> float:
        """Score of the picture hidden as a whole."""
        question = name, self.seed if name == "noise" else None
        return float(self.read(self.picture.logits_of(question, lambda: self.fill(name)), logits=logits)[0])

    @functools.cached_property
    def scaled(self) -> Tensor:
        """The map from 0, its least value, to 1, its largest: (h, w); all 0 where it is uniform."""
        low, high = self.saliency.aminmax()
        return (self.saliency - low) / (high - low) if high > low else torch.zeros_like(self.saliency)

    def ranks(self, ties: Ties, order: Order = "morf") -> Tensor:
        """Place of each pixel in the order of falling saliency, from 0: (h, w) int64 on the map's device.

        Args:
            ties: `random`: equally salient pixels come in an order drawn from the query's seed; with `index`
                row by row, so that a uniform map is hidden from the top.
            order: with `lerf` places are counted from the least salient pixel.
        """
        ranks = self.once(("ranks", ties), lambda: self._ranked(ties))
        return ranks if order == "morf" else ranks.numel() - 1 - ranks

    def _ranked(self, ties: Ties) -> Tensor:
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

    @property
    def _of_image(self) -> Tensor:
        return self.picture.logits_of("image", lambda: self.image)


class Forgotten(NamedTuple):
    """What of a network has random weights.

    Attributes:
        stages: numbers of the stages, in order of execution.
        every: what a stage is: a large part of the network, or each `module` with weights of its own.
        statistics: whether running statistics of normalisation are reset with their stage, or kept.
    """

    stages: frozenset[int]
    every: Literal["stage", "module"]
    statistics: Literal["reset", "keep"]


class Explain(Protocol):
    """Runs a method again, with the same options and the same seeds."""

    def __call__(
        self, images: Tensor, class_index: int, *, signed: bool = False, forgotten: Forgotten | None = None
    ) -> Tensor:
        """Return the raw maps (m, h', w') of a class.

        Args:
            images: (m, 3, h, w).
            class_index: which class.
            signed: with the sign that the method gives, or as they are scored.
            forgotten: what of the network has random weights.
        """


@dataclass(eq=False)
class ExplainedQuery(_Asked):
    """One query and the method that explained it, which can be run again.

    Attributes:
        seen: the same query as metrics see it that ask the network.
        original: (h', w') the raw map of the picture itself, at its native resolution, as it is scored.
        signed: the same with its sign, where the method gives one.
        n_classes: of the network.
        reads_network: whether the method looks at the network at all.
        run: the method, with the same options and the same seeds.
        stages_of: names of the network's stages, or modules, in order of execution; see `Forgotten`.
        baseline: the picture against which the method's maps add up to the logit; None if it names none.
    """

    seen: NetworkQuery
    original: Tensor
    signed: Tensor
    n_classes: int
    reads_network: bool
    run: Explain
    stages_of: Callable[[Literal["stage", "module"]], Sequence[str]]
    baseline: Fill | None = None

    @property
    def image(self) -> Tensor:
        """The normalised input: (3, h, w) float32."""
        return self.seen.image

    @property
    def seed(self) -> int:
        """An integer that depends on the suite's seed and the image alone: the same for all methods."""
        return self.seen.picture.seed

    def explain(self, images: Tensor) -> Tensor:
        """Raw maps (m, h', w') of the query's class on other images (m, 3, h, w), as they are scored."""
        return self.run(images, self.seen.class_index)

    def forgetting(self, forgotten: Forgotten) -> Tensor:
        """Raw map (h', w'), with its sign, under random weights."""
        return self.once(
            forgotten,
            lambda: self.run(self.image[None], self.seen.class_index, signed=True, forgotten=forgotten)[0],
        )
