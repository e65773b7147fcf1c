"""What a metric is: a registered function, by what it reads, with the facts that results carry about it."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from math import inf
from typing import TYPE_CHECKING, Any, Literal, TypedDict, TypeVar

from ...base import CodeFiles, RaybenchError, Registry, check_options, names_code, options_of
from ..statistics import Aggregate, CurveValue, Facts, Group, Kind, Unit, Where

if TYPE_CHECKING:
    from typing import Unpack  # novm: of Python 3.11, for type checkers alone

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


class Given(TypedDict, total=False):
    """Facts that decorators take, see `Facts` and `Metric`; `words` are else the docstring's first line."""

    label: str
    title: str
    words: str
    aggregates: tuple[Aggregate, ...]
    higher_is_better: bool | None
    bounds: tuple[float, float]
    unit: Unit
    group: Group
    chance: float | None
    perfect: float | None
    curve: str
    curve_value: CurveValue
    curve_ends: tuple[float, float]
    curve_in_ratios: bool
    judges_point: bool
    outcomes: tuple[float, ...]
    where: Where
    may_lack: bool
    alarm_above: float
    alarm: str
    passes: Callable[[Mapping[str, Any]], MetricPasses]
    changed: Callable[[Mapping[str, Any]], Mapping[str, Any]]
    window: bool
    view: View
    multilabel: bool


def _register(
    name: str, kind: Kind, usual: Mapping[str, Any], given: Mapping[str, Any]
) -> Callable[[Function], Function]:
    if kind == "localisation" and given.get("unit", "percent") != "percent":
        raise RaybenchError(
            f"metric {name!r} is a localisation metric, which are in percent; leave out `unit`"
        )

    def register(function: Function) -> Function:
        facts = {**usual, **given}
        facts.setdefault("words", (inspect.getdoc(function) or "").partition("\n")[0])
        facts.setdefault("label", name)
        facts.setdefault("title", facts["label"])
        METRICS.add(Metric(name=name, kind=kind, function=function, **facts))
        return function

    return register


def localisation_metric(name: str, **facts: Unpack[Given]) -> Callable[[Function], Function]:
    """Register `function(batch: SaliencyBatch, *, ...) -> values` as the metric `name`.

    `values` is (N,) float64, in percent, one per query, all within `bounds`; `perfect` is what the region
    itself scores, 100 unless said, or None. A query may have no value, NaN, only under `may_lack`.
    Keyword-only parameters are options of a suite; `changed` gives the facts that are others under some.
    """
    return _register(name, "localisation", {"perfect": 100.0}, facts)


def map_metric(name: str, **facts: Unpack[Given]) -> Callable[[Function], Function]:
    """Register `function(batch: SaliencyBatch, *, ...) -> values`, which reads the final maps alone.

    `values` is (N,) float64, unless said without a unit, from 0 to 1, none better than another.
    """
    usual = {"unit": "none", "bounds": (0.0, 1.0), "group": "complexity", "higher_is_better": None}
    return _register(name, "map", usual, facts)


def network_metric(name: str, **facts: Unpack[Given]) -> Callable[[Function], Function]:
    """Register `function(query: NetworkQuery, *, ...) -> value`, which asks the network again.

    `value` is a float, unless said a probability; NaN where it is not defined; or a `Curve`, from which the
    value follows by `curve_value`; `curve` says then what the x axis is.
    """
    usual = {"unit": "probability", "bounds": (0.0, 1.0), "group": "faithfulness"}
    return _register(name, "network", usual, facts)


def explanation_metric(name: str, **facts: Unpack[Given]) -> Callable[[Function], Function]:
    """Register `function(query: ExplainedQuery, *, ...) -> value`, which runs the method again.

    `value` is as for `network_metric`; unless said a ratio from 0 on, lower is better.
    """
    usual = {"unit": "ratio", "bounds": (0.0, inf), "group": "robustness", "higher_is_better": False}
    return _register(name, "explanation", usual, facts)


def set_metric(name: str, *, rule: str, **facts: Unpack[Given]) -> Callable[[Function], Function]:
    """Register `function(batch: SaliencyBatch, *, ...) -> statistics`, of which only sums have a value.

    `statistics` is (N, K) int64, one row per query, kept in statistics.csv; the rule `rule` of
    `benchmark.statistics` turns sums (..., K) into values (...).
    """
    return _register(name, "set", {"rule": rule, "aggregates": ("whole_set",)}, facts)


def classification_metric(
    name: str, *, rule: str, aggregate: Aggregate, **facts: Unpack[Given]
) -> Callable[[Function], Function]:
    """Register `function(batch: PredictionBatch) -> statistics` as the metric `name`.

    `statistics` is (B, K) float64, one row per image, such that the sum over any images is sufficient: the
    rule `rule` of `benchmark.statistics` reads the same statistics from predictions.csv, and turns sums
    (..., K) into values (...), in percent.
    """
    usual = {"rule": rule, "aggregates": (aggregate,), "group": "accuracy", "view": "crop"}
    return _register(name, "classification", usual, facts)


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
