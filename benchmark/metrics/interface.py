"""What a metric is: a registered function, by what it reads, with the facts that results carry about it."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeVar

from ...base import Registry, options_of
from ..statistics import Aggregate, CurveValue, Facts, Group, Kind, Unit, Where

View = Literal["crop", "square"]


@dataclass(frozen=True)
class MetricPasses:
    """What a metric costs for each query, beside the map.

    Attributes:
        forwards: passes of single pictures through the network.
        forwards_per_image: the same, once for all methods and classes of an image.
        runs: of the attribution method.
        runs_per_stage: of the method for each stage of the network, of which there are some 5 to 20.
        shares: what the runs are; metrics that name the same share them.
    """

    forwards: float = 0
    forwards_per_image: float = 0
    runs: float = 0
    runs_per_stage: float = 0
    shares: str = ""

    def all_runs(self, stages: int) -> float:
        """Runs of the method for each query of a network of so many stages."""
        return self.runs + self.runs_per_stage * stages


def _free(_options: Mapping[str, Any]) -> MetricPasses:
    return MetricPasses()


def _unchanged(_options: Mapping[str, Any]) -> Mapping[str, Any]:
    return {}


@dataclass(frozen=True, kw_only=True)
class Metric(Facts):
    """One registered metric.

    Attributes:
        function: its signature depends on `kind`, see the decorators.
        passes: what it costs, from its options.
        changed: facts that its options change, such as the bounds.
        view: for classification metrics, the input that the network sees: the protocol's centre `crop`, or
            the whole image squeezed into a `square`.
        window: whether it reads no pixels but those with saliency, so that of a map of one pixel the rest may
            be left out.
        multilabel: for classification metrics, whether images hold several classes, or exactly one.
    """

    function: Callable[..., Any]
    passes: Callable[[Mapping[str, Any]], MetricPasses] = _free
    changed: Callable[[Mapping[str, Any]], Mapping[str, Any]] = _unchanged
    window: bool = False
    view: View | None = None
    multilabel: bool = False

    @property
    def summary(self) -> str:
        """First line of the function's docstring."""
        return (inspect.getdoc(self.function) or "").partition("\n")[0]

    @property
    def options(self) -> Mapping[str, Any]:
        """Keyword options a suite may set, with their defaults."""
        return options_of(self.function)


METRICS: Registry[Metric] = Registry("metric", "raybench.metrics")

Function = TypeVar("Function", bound=Callable[..., Any])


def _register(name: str, kind: Kind, **facts: Any) -> Callable[[Function], Function]:
    def register(function: Function) -> Function:
        words = facts.pop("words", "") or (inspect.getdoc(function) or "").partition("\n")[0]
        label = facts.pop("label", "") or name
        title = facts.pop("title", "") or label
        METRICS.add(
            Metric(name=name, kind=kind, label=label, title=title, words=words, function=function, **facts)
        )
        return function

    return register


def localisation_metric(
    name: str,
    *,
    label: str = "",
    title: str = "",
    words: str = "",
    aggregates: tuple[Aggregate, ...] = ("query_mean",),
    bounds: tuple[float, float] = (0.0, 100.0),
    higher_is_better: bool | None = True,
    chance: float | None = None,
    perfect: float | None = 100.0,
    judges_point: bool = False,
    outcomes: tuple[float, ...] = (),
    where: Where = "",
    may_lack: bool = False,
    window: bool = False,
    changed: Callable[[Mapping[str, Any]], Mapping[str, Any]] = _unchanged,
) -> Callable[[Function], Function]:
    """Register `function(batch: SaliencyBatch, *, ...) -> values` as the metric `name`.

    `values` is (N,) float64, in percent, one per query, all within `bounds`; `perfect` is what the region
    itself scores, or None. A query may have no value, NaN, only under `may_lack`. Keyword-only parameters
    are options of a suite. The other arguments are facts, see `Facts`; `words` are the docstring's first line
    by default; `changed` gives the facts that are others under some options.
    """
    return _register(
        name, "localisation", label=label, title=title, words=words, aggregates=aggregates, bounds=bounds,
        higher_is_better=higher_is_better, chance=chance, perfect=perfect, judges_point=judges_point,
        outcomes=outcomes, where=where, may_lack=may_lack, window=window,
        changed=changed,
    )  # fmt: skip


def map_metric(
    name: str,
    *,
    label: str = "",
    title: str = "",
    words: str = "",
    unit: Unit = "none",
    bounds: tuple[float, float] = (0.0, 1.0),
    group: Group = "complexity",
    higher_is_better: bool | None = None,
    chance: float | None = None,
) -> Callable[[Function], Function]:
    """Register `function(batch: SaliencyBatch, *, ...) -> values`, which reads the final maps alone.

    `values` is (N,) float64.
    """
    return _register(
        name, "map", label=label, title=title, words=words, unit=unit, bounds=bounds, group=group,
        higher_is_better=higher_is_better, chance=chance,
    )  # fmt: skip


def network_metric(
    name: str,
    *,
    label: str = "",
    title: str = "",
    words: str = "",
    unit: Unit = "probability",
    bounds: tuple[float, float] = (0.0, 1.0),
    group: Group = "faithfulness",
    higher_is_better: bool | None = True,
    chance: float | None = None,
    outcomes: tuple[float, ...] = (),
    passes: Callable[[Mapping[str, Any]], MetricPasses] = _free,
    changed: Callable[[Mapping[str, Any]], Mapping[str, Any]] = _unchanged,
    curve: str = "",
    curve_value: CurveValue = "area",
    curve_ends: tuple[float, float] = (0.0, 100.0),
    curve_in_ratios: bool = False,
) -> Callable[[Function], Function]:
    """Register `function(query: NetworkQuery, *, ...) -> value`, which asks the network again.

    `value` is a float, NaN where it is not defined, or a `Curve`, from which the value follows by
    `curve_value`; `curve` says then what the x axis is. `changed` gives the facts that are others under some
    options.
    """
    return _register(
        name, "network", label=label, title=title, words=words, unit=unit, bounds=bounds, group=group,
        higher_is_better=higher_is_better, chance=chance, outcomes=outcomes, passes=passes, changed=changed,
        curve=curve, curve_value=curve_value, curve_ends=curve_ends, curve_in_ratios=curve_in_ratios,
    )  # fmt: skip


def explanation_metric(
    name: str,
    *,
    label: str = "",
    title: str = "",
    words: str = "",
    unit: Unit = "ratio",
    bounds: tuple[float, float] = (0.0, float("inf")),
    group: Group = "robustness",
    higher_is_better: bool | None = False,
    passes: Callable[[Mapping[str, Any]], MetricPasses] = _free,
    changed: Callable[[Mapping[str, Any]], Mapping[str, Any]] = _unchanged,
    curve: str = "",
    curve_value: CurveValue = "area",
    alarm_above: float = float("inf"),
    alarm: str = "",
) -> Callable[[Function], Function]:
    """Register `function(query: ExplainedQuery, *, ...) -> value`, which runs the method again.

    `value` is as for `network_metric`.
    """
    return _register(
        name, "explanation", label=label, title=title, words=words, unit=unit, bounds=bounds, group=group,
        higher_is_better=higher_is_better, passes=passes, changed=changed, curve=curve,
        curve_value=curve_value, alarm_above=alarm_above, alarm=alarm,
    )  # fmt: skip


def set_metric(
    name: str,
    *,
    rule: str,
    label: str = "",
    title: str = "",
    words: str = "",
    unit: Unit = "percent",
    bounds: tuple[float, float] = (0.0, 100.0),
    group: Group = "localisation",
    higher_is_better: bool | None = True,
    perfect: float | None = None,
) -> Callable[[Function], Function]:
    """Register `function(batch: SaliencyBatch, *, ...) -> statistics`, of which only sums have a value.

    `statistics` is (N, K) int64, one row per query, kept in statistics.csv; the rule `rule` of
    `benchmark.statistics` turns sums (..., K) into values (...).
    """
    return _register(
        name, "set", rule=rule, label=label, title=title, words=words, unit=unit, bounds=bounds, group=group,
        higher_is_better=higher_is_better, perfect=perfect, aggregates=("whole_set",),
    )  # fmt: skip


def classification_metric(
    name: str,
    *,
    rule: str,
    aggregate: Aggregate,
    label: str = "",
    title: str = "",
    words: str = "",
    view: View = "crop",
    multilabel: bool = False,
) -> Callable[[Function], Function]:
    """Register `function(batch: PredictionBatch) -> statistics` as the metric `name`.

    `statistics` is (B, K) float64, one row per image, such that the sum over any images is sufficient: the
    rule `rule` of `benchmark.statistics` reads the same statistics from predictions.csv, and turns sums
    (..., K) into values (...), in percent.
    """
    return _register(
        name, "classification", rule=rule, label=label, title=title, words=words, aggregates=(aggregate,),
        group="accuracy", view=view, multilabel=multilabel,
    )  # fmt: skip
