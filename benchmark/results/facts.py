"""What is known of a run's metrics: as its manifest says it, or as older folders leave it to the registry."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ...base import RaybenchError, UnknownNameError
from ..statistics import Facts
from .files.folder import ResultFolder

__all__ = ["facts_of", "registered_facts"]


def facts_of(metric: str, runs: Sequence[ResultFolder] = ()) -> Facts | None:
    """Return the facts of a metric as the first of some runs that names it says them.

    Folders that were measured before facts were written, and metrics that no run names, such as published
    ones, are looked up among the registered metrics.
    """
    for run in runs:
        described = _described(run).get(metric)
        if isinstance(described, dict):
            try:
                return Facts.read({**described, "name": metric})
            except (TypeError, ValueError):
                raise RaybenchError(
                    f"{run.path / 'run.json'}: the facts of metric {metric!r} are damaged"
                ) from None
    return registered_facts(metric)


def registered_facts(metric: str) -> Facts | None:
    """Return the facts of a registered metric, or None; loads the network library."""
    from ..metrics import METRICS

    try:
        return METRICS.get(metric)
    except UnknownNameError:  # measured by an extension that is not installed here, or only published
        return None


def _described(run: ResultFolder) -> dict[str, Any]:
    facts = run.manifest.get("facts")
    found = facts.get("metrics") if isinstance(facts, dict) else None
    return found if isinstance(found, dict) else {}
