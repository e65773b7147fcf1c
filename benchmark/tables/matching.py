"""Finds what was published of a measured row."""

from __future__ import annotations

from dataclasses import replace

from ..results import NO_CHECKPOINT, Column, ResultFolder, Score, column_for, dataset_label
from .published import SOURCES, Described, PublishedValue, known_datasets, known_metrics, load_published


def published_dataset(label: str) -> str | None:
    """Return the name under which published files hold a measured dataset; None if they do not hold it.

    Args:
        label: name of the dataset with its split; see `dataset_label`.
    """
    return next((name for name, one in known_datasets.items() if label in one.measured), None)


def published_title(dataset: str) -> str:
    """Name a published dataset as people do."""
    return known_datasets[dataset].label if dataset in known_datasets else dataset


def published_column(metric: str) -> Column:
    """Return the column of a metric of published rows; not all of them can be measured here."""
    known = known_metrics.get(metric)
    column = column_for(metric, "")
    return replace(column, label=known.label, title=known.title) if known else column


def normal_training(training: str | None) -> str:
    """Return the name of a training recipe as published files write it: `GMP+GC` becomes `gmp_gc`."""
    return (training or "").lower().replace("+", "_").replace("-", "_").replace(" ", "")


def find_published(
    *,
    dataset: str | None,
    checkpoint: str,
    architecture: str | None,
    weights_sha256: str | None,
    attribution: str,
    metric: str,
    protocol: str | None = None,
) -> PublishedValue | None:
    """Return the published value of a measured row, if there is one.

    Args:
        dataset: as `published_dataset` gives it; None matches nothing.
        checkpoint: name of the card, which must be the published one; empty for a method that needs no
            network.
        architecture: what the card says; another one is another checkpoint of that name.
        weights_sha256: of the weights that were measured, if that is known: where a table says which they
            must be, others are another checkpoint.
        attribution: name of the method; `torchray.` before it is passed over. Empty for accuracy and F1,
            which do not depend on a method.
        metric: name of the metric.
        protocol: name of the protocol measured by; only sources that follow it match. None for any.
    """
    method = attribution.removeprefix("torchray.")
    found = [
        value
        for name, source in SOURCES.items()
        if protocol in (None, source.protocol) and not source.protocol_changes
        for value in load_published(name)
        if value.metric == metric
        and value.dataset == dataset
        and value.checkpoint == checkpoint
        and (not checkpoint or _is_same(source.checkpoints[checkpoint], architecture, weights_sha256))
        and (not method or value.attribution == method)
        and method not in source.protocol_of  # measured by a protocol of its own
    ]
    return found[0] if found and len({value.value for value in found}) == 1 else None


def published_beside(
    score: Score, run: ResultFolder, checkpoint: str, attribution: str, column: Column
) -> Score:
    """Put what was published of it, if anything, beside the score of a row that a run measured."""
    found = find_published(
        dataset=published_dataset(dataset_label(run)),
        checkpoint="" if checkpoint == NO_CHECKPOINT else checkpoint,
        architecture=run.checkpoints.get(checkpoint, {}).get("architecture"),
        weights_sha256=run.weights.get(checkpoint),
        attribution="" if column.about_checkpoint else method_of(attribution, run),
        metric=f"{column.metric}_{run.subset}" if run.subset else column.metric,
        protocol=run.protocol,
    )
    if found is None:
        return score
    return replace(score, published=found.value, source=SOURCES[found.source].title, mark=found.mark)


def method_of(attribution: str, run: ResultFolder) -> str:
    """Return the registered method behind the label of a row."""
    return str(run.attributions.get(attribution, {}).get("method", attribution))


def _is_same(described: Described, architecture: str | None, weights_sha256: str | None) -> bool:
    same_weights = not weights_sha256 or weights_sha256.startswith(described.sha256)
    return architecture == (described.built_by or described.architecture) and same_weights


_TRAINING = {"baseline": "baseline", "gc": "GC", "gmp": "GMP", "gmp_gc": "GMP + GC"}


def training_name(training: str) -> str:
    """Return the name of a training recipe as people write it: `gmp_gc` becomes `GMP + GC`."""
    return _TRAINING.get(normal_training(training), training)
