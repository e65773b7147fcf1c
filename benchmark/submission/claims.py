"""What files a submission has to have, and what must agree between them: queries, images, classes."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from ...base import quoted
from ..results import (
    CURVES,
    NO_CHECKPOINT,
    STATISTICS,
    SUMMARY,
    Key,
    SummaryRow,
    predictions_file,
    records_file,
)
from .definition import Definition, queries_sha256
from .report import Findings
from .run_facts import RunFacts

Query = tuple[str, int]
Frames = Mapping[tuple[str, str], pd.DataFrame]
_MOST_NAMED = 5


def expected_files(folder: Path, facts: RunFacts, definition: Definition) -> Iterator[tuple[str, str]]:
    """Yield checkpoint and attribution (empty for predictions) of every file that a complete run has.

    Of a method that is not installed here, the files that are there.
    """
    predicts = any(one.metric.of_predictions for one in definition.metrics)
    asked = bool(facts.checkpoints) and any(one.metric.asks_network for one in definition.metrics)
    for checkpoint in (*(entry.name for entry in facts.checkpoints), NO_CHECKPOINT):
        if predicts and checkpoint != NO_CHECKPOINT:
            yield checkpoint, ""
        for entry in facts.attributions:
            method = definition.attributions.get(entry.name)
            there = (folder / records_file(checkpoint, entry.name)).is_file()
            under = asked or (method is not None and method.kind == "network")
            reads = under == (checkpoint != NO_CHECKPOINT) if method else there
            if reads and entry.name not in facts.not_defined.get(checkpoint, {}):
                yield checkpoint, entry.name


def expected_lists(
    definition: Definition, rows: Iterable[tuple[str, str]]
) -> dict[tuple[str, str, str], list[str]]:
    """Name the lists that rows have beside their records, with the metrics that are in each."""
    metrics = [one.metric for one in definition.metrics]
    sums = [metric.name for metric in metrics if metric.of_set]
    curves = [metric.name for metric in metrics if metric.curve]
    found = {(*row, STATISTICS): sums for row in rows if sums}
    return found | {(*row, CURVES): curves for row in rows if curves and row[0] != NO_CHECKPOINT}


def check_across(
    records: Frames,
    predictions: Mapping[str, pd.DataFrame],
    rows: Mapping[Key, SummaryRow],
    facts: RunFacts,
    definition: Definition,
    findings: Findings,
) -> None:
    """Compare the files with each other, with run.json, and with what is known about the data.

    Args:
        records: by checkpoint and attribution, of the files that could be read.
        predictions: by checkpoint, likewise.
        rows: of the summary.
        facts: of the run.
        definition: its names, resolved.
        findings: where differences are noted.
    """
    queries = {
        records_file(*row): frozenset(zip(frame["image_id"], frame["class_index"], strict=True))
        for row, frame in records.items()
    }
    _same_queries(queries, definition, findings)
    _all_images(queries, predictions, facts, findings)
    _same_targets(records, predictions, definition, findings)
    _points_inside(records, definition, findings)
    _same_uniform_maps(records, definition, findings)
    _known_values(rows, facts, definition, findings)


def _same_queries(
    queries: Mapping[str, frozenset[Query]], definition: Definition, findings: Findings
) -> None:
    """Every row answers the same queries; those of known data are known."""
    if not queries:
        return
    usual = Counter(queries.values()).most_common(1)[0][0]
    reference = next(name for name, found in queries.items() if found == usual)
    for name, found in queries.items():
        for difference, here, there in ((usual - found, "lacks", "has"), (found - usual, "has", "lacks")):
            if difference:
                few = _few(f"{quoted(image)} class {index}" for image, index in sorted(difference))
                message = f"{here} {len(difference)} queries that {reference} {there}: {few}"
                findings.problem(name, message)
    known = definition.known
    if known and queries_sha256(usual) != known.queries_sha256:
        findings.problem(
            reference,
            f"its {len(usual)} queries are not those of {known.title}: each has to be there once",
        )


def _all_images(
    queries: Mapping[str, frozenset[Query]],
    predictions: Mapping[str, pd.DataFrame],
    facts: RunFacts,
    findings: Findings,
) -> None:
    """Records and predictions cover all images of the data but those that run.json excuses."""
    skipped, without = {entry.image_id for entry in facts.skipped}, set(facts.without_queries)
    asked = {name: {image for image, _ in found} for name, found in queries.items()}
    seen = {predictions_file(checkpoint): set(frame["image_id"]) for checkpoint, frame in predictions.items()}
    for name, images in (asked | seen).items():
        excuses = skipped if name in seen else skipped | without
        expected = facts.expected_images - len(skipped) - (0 if name in seen else len(without))
        if len(images) != expected:
            findings.problem(
                name,
                f"{len(images)} images; expected {expected}: run.json says {facts.expected_images}, of "
                f"which {len(skipped)} skipped and {len(without)} without queries",
            )
        if excused := images & excuses:
            findings.problem(name, f"has rows of images that run.json excuses: {_few_names(excused)}")
    for name, images in seen.items():
        if missing := set[str]().union(*asked.values()) - images:
            findings.problem(name, f"lacks {len(missing)} images that records have: {_few_names(missing)}")


def _same_targets(
    records: Frames, predictions: Mapping[str, pd.DataFrame], definition: Definition, findings: Findings
) -> None:
    """What images show does not depend on the checkpoint, and queries ask about it."""
    targets: dict[str, str] = {}
    for checkpoint, frame in predictions.items():
        faults = []
        for line, image, text in frame[["image_id", "targets"]].itertuples(name=None):
            first = targets.setdefault(image, text)
            if text != first:
                faults.append((line, f"targets of {quoted(image)} are {text!r}; elsewhere {first!r}"))
        findings.lines(predictions_file(checkpoint), faults)
    if not targets or definition.protocol is None or definition.multilabel is None:
        return
    if not definition.multilabel and definition.protocol.queries != "first_object":
        return  # a query may ask about an object that is not the label
    shown = {image: {int(word) for word in text.split()} for image, text in targets.items()}
    for row, frame in records.items():
        faults = [
            (line, f"asks about class {index}, but {quoted(image)} shows {targets[image]}")
            for line, image, index in frame[["image_id", "class_index"]].itertuples(name=None)
            if image in shown and index not in shown[image]
        ]
        findings.lines(records_file(*row), faults)


def _points_inside(records: Frames, definition: Definition, findings: Findings) -> None:
    """A middle pixel gives away the size of each image; every point lies inside."""
    centers = [
        frame.drop_duplicates("image_id").set_index("image_id")[["point_x", "point_y"]]
        for (_, label), frame in records.items()
        if (method := definition.attributions.get(label)) and method.middle
    ]
    if not centers:
        return
    last = 2 * centers[0]  # a width of 2 c or 2 c + 1 has its middle pixel at c
    for row, frame in records.items():
        for axis in ("point_x", "point_y"):
            most = frame["image_id"].map(last[axis])
            beyond = pd.DataFrame({"value": frame[axis], "most": most})[frame[axis] > most]
            faults = [
                (line, f"{axis} is {value}; the image has at most {size + 1:.0f} pixels that way")
                for line, value, size in beyond.itertuples(name=None)
            ]
            findings.lines(records_file(*row), faults)


def _same_uniform_maps(records: Frames, definition: Definition, findings: Findings) -> None:
    """A degenerate map is scored as uniform, so that its values depend on the query alone."""
    metrics = [one.metric.name for one in definition.metrics if one.metric.kind in ("localisation", "map")]
    first: dict[Query, tuple[str, tuple[float, ...]]] = {}
    for row, frame in records.items():
        name, faults = records_file(*row), []
        degenerate = frame.loc[frame["status"] != "ok", ["image_id", "class_index", *metrics]]
        for line, image, index, *values in degenerate.itertuples(name=None):
            other, expected = first.setdefault((image, index), (name, tuple(values)))
            if not np.allclose(values, expected, rtol=1e-4, atol=1e-4):
                message = f"a degenerate map of {quoted(image)} has other values than in {quoted(other)}"
                faults.append((line, message))
        findings.lines(name, faults)


def _known_values(
    rows: Mapping[Key, SummaryRow], facts: RunFacts, definition: Definition, findings: Findings
) -> None:
    """The middle pixel has known values on known data."""
    known = definition.known
    if known is None or definition.protocol is None or facts.skipped:
        return
    values = known.center.get(definition.protocol.id, {})
    for (_, label, metric, aggregate), row in rows.items():
        method, expected = definition.attributions.get(label), values.get(f"{metric} {aggregate}")
        if method and method.middle and expected is not None and not abs(row["value"] - expected) < 1e-6:
            findings.problem(
                SUMMARY,
                f"value of {label}, {metric} is {row['value']!r}; it is known to be {expected!r} on "
                f"{known.title}",
                line=row["line"],
            )


def _few_names(names: Iterable[str]) -> str:
    return _few(quoted(name) for name in sorted(names))


def _few(words: Iterable[str]) -> str:
    first = list(itertools.islice(words, _MOST_NAMED + 1))
    return ", ".join(first[:_MOST_NAMED]) + " …" * (len(first) > _MOST_NAMED)
