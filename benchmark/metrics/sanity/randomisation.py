"""Does the map change when the network forgets what it has learned?"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Annotated, Any, Literal

import torch
from pydantic import Field
from torch import Tensor

from ....base import seed_for
from ..interface import MetricPasses, explanation_metric
from ..query import Curve, ExplainedQuery, Forgotten
from .similarity import Similarity, alike, structural

RandomOrder = Literal["cascading", "bottom_up", "independent"]
Every = Literal["stage", "module"]
Statistics = Literal["reset", "keep"]
Samples = Annotated[int, Field(ge=1, le=1000)]
Noise = Annotated[float, Field(ge=0, le=10)]

_BINS = 100


def _passes(options: Mapping[str, Any]) -> MetricPasses:
    order, every, statistics = (options[name] for name in ("order", "every", "statistics"))
    samples = options.get("samples", 0)
    shares = "" if samples else f"{order} random weights of each {every}, statistics {statistics}"
    return MetricPasses(runs=samples, runs_per_stage=max(1, samples), shares=shares)


def _changed(options: Mapping[str, Any]) -> Mapping[str, Any]:
    if options["order"] != "independent":
        return {}
    return {"curve_value": "mean", "curve": "the stage with random weights, from input to output"}


@explanation_metric(
    "parameter_randomisation",
    label="MPRT",
    title="Model parameter randomisation",
    words="How alike the map stays when the network's weights are drawn at random.",
    unit="correlation",
    bounds=(-1.0, 1.0),
    group="sanity",
    passes=_passes,
    changed=_changed,
    curve="stages with random weights",
    curve_value="last",
    alarm_above=0.5,
    alarm="survives randomisation",
)
def parameter_randomisation(
    query: ExplainedQuery,
    *,
    order: RandomOrder = "cascading",
    every: Every = "stage",
    statistics: Statistics = "reset",
    similarity: Similarity = "spearman",
) -> Curve:
    """Similarity of the map to that of the network with more and more random weights; the last one counts.

    Absolute values of raw maps are compared. A method that never looks at the network scores 1.

    Args:
        query: picture, map and method.
        order: stages lose their weights from the output down (`cascading`), from the input up, or each
            alone, where the value is the mean.
        every: the network's stages, or each module that can draw its weights.
        statistics: whether the running statistics of normalisation are reset too.
        similarity: Spearman's rank correlation, or SSIM.

    Source: Adebayo et al., Sanity Checks for Saliency Maps, NeurIPS 2018.
    """

    def map_of(part: Forgotten | None) -> Tensor:
        return (query.forgetting(part) if part else query.signed).abs()

    return _curve(query, map_of, order, every, statistics, similarity)


@explanation_metric(
    "smooth_parameter_randomisation",
    label="sMPRT",
    title="Smooth parameter randomisation",
    words="How alike the map, averaged over noisy copies, stays when the weights are drawn at random.",
    unit="correlation",
    bounds=(-1.0, 1.0),
    group="sanity",
    passes=_passes,
    changed=_changed,
    curve="stages with random weights",
    curve_value="last",
    alarm_above=0.5,
    alarm="survives randomisation",
)
def smooth_parameter_randomisation(
    query: ExplainedQuery,
    *,
    samples: Samples = 50,
    noise: Noise = 0.1,
    order: RandomOrder = "cascading",
    every: Every = "stage",
    statistics: Statistics = "reset",
    similarity: Similarity = "spearman",
) -> Curve:
    """As `parameter_randomisation`, of maps that are means over noisy copies of the picture.

    Args:
        query: picture, map and method.
        samples: noisy copies, the same for every method and stage.
        noise: standard deviation, as a share of the range of the picture's values.
        order: see `parameter_randomisation`, as the others.
        every: likewise.
        statistics: likewise.
        similarity: likewise.

    Source: Hedström et al., Sanity Checks Revisited, 2024.
    """

    def averaged(part: Forgotten | None) -> Tensor:
        copies = _noisy(query, samples, noise)
        return query.run(copies, query.seen.class_index, signed=True, forgotten=part).mean(dim=0).abs()

    return _curve(query, averaged, order, every, statistics, similarity)


@explanation_metric(
    "efficient_parameter_randomisation",
    label="eMPRT",
    title="Efficient parameter randomisation",
    words="By how much the map grows more complex when all weights are drawn at random.",
    bounds=(-1.0, float("inf")),
    group="sanity",
    higher_is_better=True,
    passes=lambda _: MetricPasses(runs=1),
)
def efficient_parameter_randomisation(
    query: ExplainedQuery, *, every: Every = "stage", statistics: Statistics = "reset"
) -> float:
    """Relative rise of the entropy of the map's values, in 100 bins, when the whole network is random.

    (H(random) - H(original)) / H(original); NaN for a constant map, which has no entropy. Absolute values of
    raw maps are compared.

    Source: Hedström et al., Sanity Checks Revisited, 2024.
    """
    original = _entropy(query.signed.abs())
    everything = range(len(query.stages_of(every)))
    now = _entropy(query.forgetting(Forgotten(frozenset(everything), every, statistics)).abs())
    return (now - original) / original if original > 0 else float("nan")


def _curve(
    query: ExplainedQuery,
    map_of: Callable[[Forgotten | None], Tensor],
    order: RandomOrder,
    every: Every,
    statistics: Statistics,
    similarity: Similarity,
) -> Curve:
    """Similarity of a map to what becomes of it as more and more stages have random weights.

    It begins at 1, with no random weights yet, unless each stage has them alone.
    """
    count = len(query.stages_of(every))
    sets = {
        "cascading": [range(count - number, count) for number in range(1, count + 1)],
        "bottom_up": [range(number) for number in range(1, count + 1)],
        "independent": [range(number, number + 1) for number in range(count)],
    }
    parts = [Forgotten(frozenset(one), every, statistics) for one in sets[order]]
    found = [1.0] * len(parts)
    if query.reads_network:
        original = map_of(None)
        found = [alike(original, map_of(part), similarity) for part in parts]
    return Curve(tuple(found) if order == "independent" else (1.0, *found))


def _noisy(query: ExplainedQuery, samples: int, noise: float) -> Tensor:
    """Noisy copies (samples, 3, h, w) of the picture, the same for every method and class."""

    def find() -> Tensor:
        drawn = [
            torch.randn(
                query.image.shape,
                generator=torch.Generator().manual_seed(seed_for(query.seed, "smooth", one)),
            )
            for one in range(samples)
        ]
        low, high = query.image.aminmax()
        return query.image + noise * (high - low) * torch.stack(drawn).to(query.image)

    return query.seen.picture.once(("smooth", samples, noise), find)


def _entropy(values: Tensor) -> float:
    """Entropy of the histogram of a map's values over their own range; 0 for a constant map."""
    low, high = values.double().aminmax()
    if not (low.isfinite() and high > low):
        return 0.0
    places = ((values.double() - low) / (high - low) * _BINS).long().clamp(max=_BINS - 1)
    shares = places.flatten().bincount(minlength=_BINS).double() / values.numel()
    return float(-torch.special.xlogy(shares, shares).sum())


@explanation_metric(
    "random_logit",
    label="Random logit",
    title="Random logit",
    words="How alike the map is to that of another class.",
    unit="correlation",
    bounds=(-1.0, 1.0),
    group="sanity",
    passes=lambda _: MetricPasses(runs=1),
)
def random_logit(query: ExplainedQuery) -> float:
    """Structural similarity of the raw map to that of a class drawn at random, the query's own left out.

    Methods that give all classes one map score 1, as those do that never look at the network. NaN for a
    network of one class.

    Source: Sixt et al., When Explanations Lie, ICML 2020.
    """
    if query.n_classes < 2:
        return float("nan")
    generator = torch.Generator().manual_seed(query.seen.seed)
    further = int(torch.randint(1, query.n_classes, (), generator=generator))
    other = query.run(query.image[None], (query.seen.class_index + further) % query.n_classes, signed=True)[0]
    return 1.0 if torch.equal(query.signed, other) else structural(query.signed, other)
