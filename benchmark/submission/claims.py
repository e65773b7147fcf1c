"""What files a submission has to have, and what must agree between them: queries, images, classes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from ...base import quoted
from ..results import (
    CURVES,
    NO_CHECKPOINT,
    PREDICTIONS,
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

__all__ = ["SUMMARY", "Frames", "check_across", "expected_files", "expected_lists"]

Row = tuple[str, str]
Frames = Mapping[Row, pd.DataFrame]
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
        row: list(zip(frame["image_id"], frame["class_index"], strict=True)) for row, frame in records.items()
    }
    _same_queries(queries, definition, findings)
    _all_images(queries, predictions, facts, findings)
    _same_targets(records, predictions, facts, definition, findings)
    _points_inside(records, definition, findings)
    _same_uniform_maps(records, definition, findings)
    _known_values(rows, facts, definition, findings)


def _same_queries(
    queries: Mapping[Row, list[tuple[str, int]]], definition: Definition, findings: Findings
) -> None:
    """Every row answers the same queries; those of known data are known."""
    if not queries:
        return
    sets = {row: frozenset(found) for row, found in queries.items()}
    counted = pd.Series(list(sets.values())).value_counts()
    usual = counted.index[0]
    reference = next(row for row, found in sets.items() if found == usual)
    for row, found in sets.items():
        for difference, verb in ((usual - found, "lacks"), (found - usual, "has")):
            if difference:
                findings.problem(
                    records_file(*row),
                    f"{verb} {len(difference)} queries that {records_file(*reference)} "
                    f"{'has' if verb == 'lacks' else 'lacks'}: {_few_queries(difference)}",
                )
    known = definition.known
    if known and queries_sha256(usual) != known.queries_sha256:
        findings.problem(
            records_file(*reference),
            f"its {len(usual)} queries are not those of {known.title}: each has to be there once",
        )


def _all_images(
    queries: Mapping[Row, list[tuple[str, int]]],
    predictions: Mapping[str, pd.DataFrame],
    facts: RunFacts,
    findings: Findings,
) -> None:
    """Records and predictions cover all images of the data but those that run.json excuses."""
    skipped = {entry.image_id for entry in facts.skipped}
    without = set(facts.without_queries)
    found = {records_file(*row): {image for image, _ in entries} for row, entries in queries.items()}
    expected = dict.fromkeys(found, facts.expected_images - len(skipped) - len(without))
    for checkpoint, frame in predictions.items():
        found[predictions_file(checkpoint)] = set(frame["image_id"])
        expected[predictions_file(checkpoint)] = facts.expected_images - len(skipped)
    for name, images in found.items():
        if len(images) != expected[name]:
            findings.problem(
                name,
                f"{len(images)} images; expected {expected[name]}: run.json says {facts.expected_images}, of "
                f"which {len(skipped)} skipped and {len(without)} without queries",
            )
        excused = images & (skipped if name.endswith(PREDICTIONS) else skipped | without)
        if excused:
            findings.problem(name, f"has rows of images that run.json excuses: {_few(excused)}")
    seen = {name: images for name, images in found.items() if name.endswith(PREDICTIONS)}
    for name, images in seen.items():
        asked = frozenset().union(*(images for other, images in found.items() if other not in seen))
        missing = asked - images
        if missing:
            findings.problem(name, f"lacks {len(missing)} images that records have: {_few(missing)}")


def _same_targets(
    records: Frames,
    predictions: Mapping[str, pd.DataFrame],
    facts: RunFacts,
    definition: Definition,
    findings: Findings,
) -> None:
    """What images show does not depend on the checkpoint, and queries ask about it."""
    targets: dict[str, str] = {}
    for checkpoint, frame in predictions.items():
        faults = []
        values = (frame.index.tolist(), frame["image_id"].tolist(), frame["targets"].tolist())
        for line, image, text in zip(*values, strict=True):
            first = targets.setdefault(image, text)
            if text != first:
                faults.append((int(line), f"targets of {quoted(image)} are {text!r}; elsewhere {first!r}"))
        findings.lines(predictions_file(checkpoint), faults)
    if not targets or definition.protocol is None or definition.multilabel is None:
        return
    if not definition.multilabel and definition.protocol.queries != "first_object":
        return  # a query may ask about an object that is not the label
    shown = {image: {int(word) for word in text.split()} for image, text in targets.items()}
    for row, frame in records.items():
        faults = []
        asked = (frame.index.tolist(), frame["image_id"].tolist(), frame["class_index"].tolist())
        for line, image, index in zip(*asked, strict=True):
            if image in shown and index not in shown[image]:
                faults.append(
                    (int(line), f"asks about class {index}, but {quoted(image)} shows {targets[image]}")
                )
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
        known = frame[frame["image_id"].isin(last.index)]
        for axis in ("point_x", "point_y"):
            most = known["image_id"].map(last[axis])
            beyond = known[known[axis] > most]
            if beyond.empty:
                continue
            findings.lines(
                records_file(*row),
                [
                    (int(line), f"{axis} is {value}; the image has at most {size} pixels that way")
                    for line, value, size in zip(
                        beyond.index, beyond[axis], most[beyond.index] + 1, strict=True
                    )
                ],
            )


def _same_uniform_maps(records: Frames, definition: Definition, findings: Findings) -> None:
    """A degenerate map is scored as uniform, so that its values depend on the query alone."""
    metrics = [one.metric.name for one in definition.metrics if one.metric.kind in ("localisation", "map")]
    first: dict[tuple[str, int], tuple[str, tuple[float, ...]]] = {}
    for row, frame in records.items():
        name, faults = records_file(*row), []
        degenerate = frame[frame["status"] != "ok"]
        values = degenerate[metrics].to_numpy(np.float64)
        queries = zip(
            degenerate.index, degenerate["image_id"], degenerate["class_index"], values, strict=True
        )
        for line, image, index, found in queries:
            other, expected = first.setdefault((image, index), (name, tuple(found)))
            if not np.allclose(found, expected, rtol=1e-4, atol=1e-4):
                faults.append(
                    (
                        int(line),
                        f"a degenerate map of {quoted(image)} has other values than in {quoted(other)}",
                    )
                )
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


def _few(names: set[str] | frozenset[str]) -> str:
    listed = ", ".join(quoted(name) for name in sorted(names)[:_MOST_NAMED])
    return listed + " …" * (len(names) > _MOST_NAMED)


def _few_queries(queries: frozenset[tuple[str, int]]) -> str:
    listed = ", ".join(f"{quoted(image)} class {index}" for image, index in sorted(queries)[:_MOST_NAMED])
    return listed + " …" * (len(queries) > _MOST_NAMED)
