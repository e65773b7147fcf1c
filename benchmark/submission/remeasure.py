"""Measures images of a submission again, drawn by lot, on one's own data and with weights that one trusts."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ...base import RaybenchError, quoted
from ...checkpoints import Card, card_files, find_card
from ..results import (
    PREDICTION_COLUMNS,
    Manifest,
    ResultFiles,
    lists_file,
    prediction_batches,
    predictions_file,
    read_lists,
    read_manifest,
    read_predictions,
    read_records,
    records_file,
)
from ..running import Reporter, evaluate
from ..statistics import Facts
from ..suite import NamedChoice, Remeasuring, Settings, Suite
from .agreement import OTHER, SAME, Agreement, Column, compare_records
from .check import Checked, Further
from .definition import Definition, compare_with_card
from .own import Own, compare_lists, look_at_excuses, open_own_data, own_options
from .report import Findings, promises
from .run_facts import FILE, RunFacts


def remeasuring(how: Remeasuring, reporter: Reporter) -> Further:
    """Return the further check that measures images again, for `check`."""

    def further(checked: Checked, findings: Findings) -> Mapping[str, object]:
        agreement = remeasure(checked, how, findings, reporter=reporter)
        return {
            "measured again": f"{agreement.images} images, seed {how.seed}",
            "agreement": agreement.worded(),
            "together": agreement.together(),
            "what would pass": _promises(checked, agreement.images),
        }

    return further


def remeasure(
    checked: Checked, how: Remeasuring, findings: Findings, *, reporter: Reporter | None = None
) -> Agreement:
    """Look at every excuse, measure images with every row's method, and note each disagreement.

    Raises:
        RaybenchError: the data or the weights are not there, or do not fit the submission.
    """
    facts, definition = checked.facts, checked.definition
    if facts is None or definition is None or definition.protocol is None:
        raise RaybenchError("nothing can be measured again, since run.json does not say what was measured")
    options = own_options(facts)
    dataset = open_own_data(checked, how.data, definition.protocol, options, findings)
    cards = _trusted_cards(how.cards, facts, findings)
    own = Own(checked, facts, definition, definition.protocol, dataset, cards, how)
    look_at_excuses(own, findings)
    chosen = drawn(dataset.image_ids, how.images, checked.digest, how.seed)
    suite = _suite(facts, definition, cards, options)
    agreement = Agreement(images=len(chosen))
    if not chosen or not (suite.attributions or cards):
        return agreement
    with tempfile.TemporaryDirectory(prefix="raybench-remeasure-") as name:
        out = Path(name) / "out"
        settings = Settings(data=how.data, out=out, device=how.device, workers=0, trust_code=how.trust_code)
        evaluate(suite, settings, only=dict.fromkeys(sorted(chosen), ()), reporter=reporter)
        manifest = read_manifest(ResultFiles(out).manifest)
        agreement.allowance = SAME if _same_machine(facts, manifest) else OTHER
        _compare(own, out, manifest, chosen, findings, agreement)
    agreement.report(findings)
    return agreement


def drawn(image_ids: Sequence[str], count: int, digest: str, seed: object) -> frozenset[str]:
    """Draw images by a lot that is cast when the bundle's hash is known: nobody can prepare for it."""
    lot = hashlib.sha256(f"{digest} {seed}".encode()).digest()
    places = np.random.default_rng(list(lot)).choice(
        len(image_ids), size=min(count, len(image_ids)), replace=False
    )
    return frozenset(image_ids[place] for place in places)


def _same_machine(facts: RunFacts, manifest: Manifest) -> bool:
    """Whether rounding has to be the same: an equal kind of processor and equal versions."""
    kind = [
        tuple(device.get(key) for key in ("type", "name", "instructions"))
        for device in (facts.device, manifest["device"])
    ]
    return kind[0] == kind[1] and dict(facts.versions) == manifest["versions"]


def _promises(checked: Checked, count: int) -> list[str]:
    """Say with what chance the number of images drawn misses changes of a given size."""
    if checked.facts is None or checked.definition is None or not checked.records or not count:
        return []
    percent = [one.metric for one in checked.definition.metrics if one.metric.unit == "percent"]
    metrics = [metric for metric in percent if metric.per_query]
    frame = next(iter(checked.records.values()))
    return promises(frame, metrics, checked.facts.expected_images, count)


def _trusted_cards(paths: Sequence[str], facts: RunFacts, findings: Findings) -> dict[str, tuple[str, Card]]:
    """Cards of the checkpoints, by name, with what to load them by: given ones, then shipped ones."""
    given = {card.name: (str(path), card) for path in paths for card in (find_card(path),)}
    found = {}
    for name, stated in facts.card_facts.items():
        if name in given:
            found[name] = given[name]
        elif name in card_files():
            found[name] = (name, find_card(name))
        else:
            findings.remark(
                FILE, f"checkpoint {name} was not measured again: give a card that you trust by --checkpoint"
            )
            continue
        compare_with_card(found[name][1], stated, findings)
    for name in given.keys() - facts.card_facts.keys():
        raise RaybenchError(
            f"the submission has no checkpoint {name!r}; its checkpoints: {', '.join(facts.card_facts)}"
        )
    return found


def _suite(
    facts: RunFacts,
    definition: Definition,
    cards: Mapping[str, tuple[str, Card]],
    options: Mapping[str, Any],
) -> Suite:
    """The suite of the submission, as far as it can be run here."""
    assert definition.protocol is not None
    changes = {
        key: value for key, value in definition.protocol.fields.items() if key not in ("name", "version")
    }
    predicts = [one for one in definition.metrics if one.metric.per_query or cards]
    return Suite(
        name="remeasured",
        protocol=NamedChoice(name=definition.protocol.name, **changes),
        dataset=NamedChoice(name=facts.dataset.name, **options),
        checkpoints=[where for where, _ in cards.values()],
        attributions=[
            NamedChoice(name=entry.method, label=entry.name, **entry.options)
            for entry in facts.attributions
            if entry.name in definition.attributions
            and (cards or definition.attributions[entry.name].kind != "network")
        ],
        metrics=[NamedChoice(name=one.metric.name, **one.options) for one in predicts],
        seed=facts.seed,
        gallery=0,
    )


def _compare(
    own: Own,
    out: Path,
    manifest: Manifest,
    chosen: frozenset[str],
    findings: Findings,
    agreement: Agreement,
) -> None:
    """Compare everything that was measured with what was submitted."""
    metrics = [one.metric for one in own.definition.metrics]
    tie = agreement.allowance.tie
    for name, actual in manifest["weights_sha256"].items():
        if own.facts.weights_sha256.get(name) != actual:
            findings.problem(FILE, f"weights_sha256.{name} is not that of the weights here, {actual[:12]}…")
    for row, frame in own.checked.records.items():
        path = ResultFiles(out).records(row[0], row[1])
        if path.is_file():
            compare_records(
                records_file(*row),
                frame[frame["image_id"].isin(chosen)],
                read_records(path),
                [metric for metric in metrics if metric.per_query],
                lambda *asked, row=row: own.at_point(row, tie, *asked),
                agreement,
            )
    for (checkpoint, label, name), frame in own.checked.lists.items():
        path = ResultFiles(out).records(checkpoint, label).with_name(name)
        if path.is_file():
            compare_lists(
                lists_file(checkpoint, label, name),
                frame[frame["image_id"].isin(chosen)],
                read_lists(path),
                [metric for metric in metrics if metric.name in frame],
                agreement,
            )
    for checkpoint, frame in own.checked.predictions.items():
        path = ResultFiles(out).predictions(checkpoint)
        if path.is_file():
            compare_predictions(
                predictions_file(checkpoint),
                frame[frame["image_id"].isin(chosen)],
                read_predictions(path),
                [metric for metric in metrics if metric.of_predictions],
                len(own.network(checkpoint).classes),
                lambda *asked, checkpoint=checkpoint: own.as_high(checkpoint, tie, *asked),
                agreement,
            )


AsHigh = Callable[[str, str, Sequence[int]], bool]


def compare_predictions(
    name: str,
    given: pd.DataFrame,
    measured: pd.DataFrame,
    metrics: Sequence[Facts],
    n_classes: int,
    as_high: AsHigh,
    agreement: Agreement,
) -> None:
    """Compare the predictions for the measured images.

    Args:
        name: of the file, for messages.
        given: submitted rows of these images, by line.
        measured: the same images, measured anew.
        metrics: of predictions.
        n_classes: outputs of the network.
        as_high: for an image, a column and the classes given there: whether the logits measured here allow
            them, within rounding.
        agreement: counts and faults.
    """
    anew = measured.set_index("image_id")
    moved = 0
    for line, row in given.iterrows():
        number, image = int(str(line)), row["image_id"]
        if image not in anew.index:
            agreement.fault(name, number, f"{quoted(image)} is no image of the data")
            continue
        for column in PREDICTION_COLUMNS[1:]:
            found, expected = row[column], anew.loc[image, column]
            if agreement.same(found == expected):
                continue
            if column != "targets" and as_high(image, column, [int(word) for word in found.split()]):
                moved += 1
                continue
            agreement.fault(
                name, number, f"{column} of {quoted(image)} are {found!r}; measured anew {expected!r}"
            )
    for image in sorted(set(anew.index) - set(given["image_id"])):
        agreement.fault(name, 1, f"{quoted(image)} is missing")
    agreement.ties += moved
    agreement.outcomes[f"{name}\nlists of classes"] = (moved, 2 * len(given))
    common = given[given["image_id"].isin(anew.index)]
    if not len(common):
        return
    both = [common, measured[measured["image_id"].isin(common["image_id"])].sort_values("image_id")]
    for metric in metrics:
        values = [_of_images(frame, metric, n_classes) for frame in both]
        nothing = np.zeros(len(common), np.int64)
        agreement.columns.append(Column(name, metric, list(common["image_id"]), nothing, *values))


def _of_images(frame: pd.DataFrame, metric: Facts, n_classes: int) -> NDArray[np.float64]:
    """Value (n,) of a metric of predictions for each image alone; 0 where it has none."""
    batches = prediction_batches(frame, n_classes)
    with np.errstate(invalid="ignore", divide="ignore"):
        values = [metric.compute(np.asarray(metric.of_images(batch), dtype=np.float64)) for batch in batches]
    return np.nan_to_num(np.concatenate(values))
