"""What a run's manifest knows of its metrics, methods, classes and dataset, for those who read results.

Folders that were measured before facts were written are looked up in the registries, or keep plain names.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ...base import RaybenchError, UnknownNameError, checked_label
from ..statistics import Facts
from .files.folder import NO_CHECKPOINT, ResultFolder
from .files.manifest import mapping


def facts_of(metric: str, runs: Sequence[ResultFolder] = ()) -> Facts | None:
    """Return the facts of a metric as the first of some runs that names it says them.

    Folders that were measured before facts were written, and metrics that no run names, such as published
    ones, are looked up among the registered metrics.
    """
    for run in runs:
        described = _facts_of(run, "metrics").get(metric)
        if isinstance(described, dict):
            try:
                return Facts.read({**described, "name": metric})
            except (TypeError, ValueError):
                raise RaybenchError(
                    f"{run.files.manifest}: the facts of metric {metric!r} are damaged"
                ) from None
    return registered_facts(metric)


def alarms(runs: Iterable[ResultFolder]) -> dict[tuple[str, str], str]:
    """Say of rows, by checkpoint and attribution, which sanity check they fail: `survives randomisation`."""
    found: dict[tuple[str, str], str] = {}
    for run in runs:
        known = {name: facts_of(name, [run]) for name in run.metric_options}
        for row in run.rows:
            facts = known.get(row["metric"])
            if facts is not None and row["ci_low"] > facts.alarm_above:
                words = f"{facts.alarm} ({facts.label} {row['value']:.2f}, above {facts.alarm_above:g})"
                found[row["checkpoint"], row["attribution"]] = words
    return found


def registered_facts(metric: str) -> Facts | None:
    """Return the facts of a registered metric, or None; loads the network library."""
    from ..metrics import METRICS

    try:
        return METRICS.get(metric)
    except UnknownNameError:  # measured by an extension that is not installed here, or only published
        return None


def method_words(method: str, runs: Iterable[ResultFolder]) -> str:
    """Say in one sentence how a method makes its maps, as the runs that measured it say it."""
    for run in runs:
        words = _facts_of(run, "methods").get(method)
        if isinstance(words, str):
            return words
    return ""


def label_of(kind: str, name: str, run: ResultFolder) -> str:
    """Return what people call a checkpoint or a method: its label, if no other of the run bears it too.

    Args:
        kind: `checkpoint` or `attribution`.
        name: as files have it.
        run: that measured it.
    """
    labels = _facts_of(run, f"{kind}_labels")
    label = labels.get(name)
    if not isinstance(label, str) or list(labels.values()).count(label) > 1:
        return name
    try:
        return name if label == NO_CHECKPOINT else checked_label(label)
    except ValueError:
        return name


def shows_the_truth(method: str, run: ResultFolder) -> bool:
    """Say whether the maps of a method are the ground truth itself, the ceiling of every metric."""
    return _facts_of(run, "truth").get(method) is True


def class_label(run: ResultFolder, name: str) -> str:
    """Return the label of the class that the records call `name`; the first of several words for it."""
    labels = _facts_of(run, "classes")
    return str(labels[name]).split(",")[0] if name in labels else name


def dataset_label(run: ResultFolder) -> str:
    """Name the dataset as suites do, with its split if the manifest says it: `NAME` or `NAME SPLIT`.

    A label that the suite gave to it stands in for its name.
    """
    if _facts_of(run, "dataset").get("own") is True:
        return dataset_title(run)
    return _with_split(str(run.summary["dataset"].iloc[0]) if len(run.summary) else "", run)


def dataset_title(run: ResultFolder) -> str:
    """Name the dataset as people do, with its split if the manifest says it."""
    label = _facts_of(run, "dataset").get("label")
    return _with_split(label, run) if isinstance(label, str) and label else dataset_label(run)


def _with_split(name: str, run: ResultFolder) -> str:
    options = run.dataset.get("options")
    split = options.get("split") if isinstance(options, dict) else None
    return f"{name} {split}" if split else name


def _facts_of(run: ResultFolder, kind: str) -> Mapping[str, Any]:
    return mapping(mapping(run.manifest.get("facts")).get(kind))
