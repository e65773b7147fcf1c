"""What a metric is: a registered function, by what it reads, with the facts that results carry about it."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal, TypeVar

from ...base import CodeFiles, Registry, check_options, names_code, options_of
from ..statistics import Aggregate, Facts, Group, Kind, Unit, Where

__all__ = [
    "METRICS",
    "BoundMetric",
    "Metric",
    "MetricPasses",
    "View",
    "bind_metric",
    "classification_metric",
    "explanation_metric",
    "localisation_metric",
    "map_metric",
    "network_metric",
    "set_metric",
]

View = Literal["crop", "square"]


@dataclass(frozen=True)
class MetricPasses:
    """What a metric costs for each query, beside the map.

    Attributes:
        forwards: passes of single pictures through the network.
        runs: of the attribution method.
    """

    forwards: float = 0
    runs: float = 0


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


@dataclass(frozen=True)
class BoundMetric:
    """A metric with its options fixed."""

    metric: Metric
    options: Mapping[str, Any] = field(default_factory=dict)

    def __call__(self, *args: Any) -> Any:
        """Call the metric with its positional arguments and the bound options."""
        return self.metric.function(*args, **self.options)

    @property
    def passes(self) -> MetricPasses:
        """What a query costs beside its map."""
        return self.metric.passes({**self.metric.options, **self.options})


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
    passes: Callable[[Mapping[str, Any]], MetricPasses] = _free,
    changed: Callable[[Mapping[str, Any]], Mapping[str, Any]] = _unchanged,
    curve: str = "",
) -> Callable[[Function], Function]:
    """Register `function(query: NetworkQuery, *, ...) -> value`, which asks the network again.

    `value` is a float, NaN where it is not defined, or a `Curve`, whose area is the value; `curve` says then
    what the x axis is. `changed` gives the facts that are others under some options.
    """
    return _register(
        name, "network", label=label, title=title, words=words, unit=unit, bounds=bounds, group=group,
        higher_is_better=higher_is_better, passes=passes, changed=changed, curve=curve,
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
    curve: str = "",
) -> Callable[[Function], Function]:
    """Register `function(query: ExplainedQuery, *, ...) -> value`, which runs the method again.

    `value` is as for `network_metric`.
    """
    return _register(
        name, "explanation", label=label, title=title, words=words, unit=unit, bounds=bounds, group=group,
        higher_is_better=higher_is_better, passes=passes, curve=curve,
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


def bind_metric(
    name: str, options: Mapping[str, Any] | None = None, *, code: CodeFiles | None = None
) -> BoundMetric:
    """Look up the metric `name` and fix its options.

    Args:
        name: a registered metric, or a function in a file: `mine.py:my_metric`, of saliency maps unless it is
            registered as something else.
        options: by name.
        code: where files are looked for; by default they may not run.

    Raises:
        UnknownNameError: no such metric.
        RaybenchError: an option that the metric does not have, or of another type.
    """
    metric = (code or CodeFiles()).find(METRICS, name, _plain_metric)
    if names_code(name):
        METRICS.refuse_taken(metric.name, name)
    check_options(f"metric {name!r}", metric.function, options or {})
    facts = metric.changed({**metric.options, **(options or {})})
    return BoundMetric(replace(metric, **facts), dict(options or {}))


def _plain_metric(name: str, function: Callable[..., Any]) -> Metric:
    label = name.rpartition(":")[2]
    words = (inspect.getdoc(function) or "").partition("\n")[0]
    return Metric(name=label, label=label, title=label, words=words, function=function)
