"""A metric with its options fixed: what the runner calls."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from ...base import CodeFiles, check_options, names_code
from .interface import METRICS, Metric, MetricPasses


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
