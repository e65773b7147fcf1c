"""Resolves the methods and metrics that a suite names."""

from __future__ import annotations

from collections.abc import Iterable

from ...attributions import BoundAttribution, bind
from ...base import RaybenchError
from ..metrics import BoundMetric, bind_metric
from ..suite import PLAIN_NAME, Suite

__all__ = ["bound_attributions", "bound_metrics"]


def bound_attributions(suite: Suite) -> tuple[BoundAttribution, ...]:
    """Return a suite's methods with their options, in its order."""
    bound = tuple(bind(choice.name, choice.options, choice.label) for choice in suite.attribution_choices)
    _refuse_twins("attribution", (attribution.label for attribution in bound), suite.name)
    return bound


def bound_metrics(suite: Suite) -> tuple[BoundMetric, ...]:
    """Return a suite's metrics with their options, in its order."""
    bound = tuple(bind_metric(choice.name, choice.options) for choice in suite.metric_choices)
    _refuse_twins("metric", (metric.metric.name for metric in bound), suite.name)
    if not suite.attributions and all(metric.metric.kind == "localisation" for metric in bound):
        raise RaybenchError(
            f"suite {suite.name!r} measures nothing: it names no attributions and no metric of "
            "predictions; give it attributions, such as [grad_cam]"
        )
    return bound


def _refuse_twins(noun: str, names: Iterable[str], suite: str) -> None:
    seen: set[str] = set()
    for name in names:
        if not PLAIN_NAME.fullmatch(name):
            raise RaybenchError(
                f"suite {suite!r}: {noun} label {name!r} may hold up to 80 letters, digits and _ . + - only"
            )
        if name in seen:
            raise RaybenchError(f"suite {suite!r} has {noun} {name!r} twice; give one of them another label")
        seen.add(name)
