"""The checker's own data and networks: what they say about excuses, single images, and lists of numbers."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray

from ...base import RaybenchError, quoted
from ...checkpoints import Card, Network, load_network
from ..datasets import DATASETS, Dataset, asks_anything, open_dataset
from ..loading import Needs, Prepared, PreparedImages, View
from ..measuring import explain_image, logits_of
from ..metrics import SaliencyBatch
from ..results import LIST_COLUMNS, predictions_file, read_integers, read_numbers, records_file
from ..running import pick_device
from ..statistics import Facts
from ..suite import Protocol, Remeasuring
from .agreement import SAME, Agreement, Column
from .check import Checked
from .definition import Definition
from .report import Findings
from .run_facts import FILE, RunFacts


@dataclass
class Own:
    """One's own data and networks, and answers about single images."""

    checked: Checked
    facts: RunFacts
    definition: Definition
    protocol: Protocol
    dataset: Dataset
    cards: Mapping[str, tuple[str, Card]]
    how: Remeasuring
    _networks: dict[str, Network] = field(default_factory=dict)

    @cached_property
    def places(self) -> Mapping[str, int]:
        """Place of each image in the data."""
        return {image_id: place for place, image_id in enumerate(self.dataset.image_ids)}

    def prepared(self, image_id: str) -> Prepared:
        """Read an image as a run does; `error` says why it would be skipped."""
        needs = Needs(frozenset({"whole"}) if self.facts.checkpoints else frozenset(), masks=True)
        place = [self.places[image_id]]
        return PreparedImages(self.dataset, place, self.protocol, needs, self.facts.seed)[0]

    def network(self, checkpoint: str) -> Network:
        """Load a network, once."""
        if checkpoint not in self._networks:
            self._networks[checkpoint] = load_network(
                self.cards[checkpoint][0],
                device=pick_device(self.how.device),
                data=self.how.data,
                trust_code=self.how.trust_code,
            )
        return self._networks[checkpoint]

    def at_point(
        self, row: tuple[str, str], tie: float, image_id: str, class_index: int, x: int, y: int
    ) -> dict[str, float] | None:
        """Values that metrics of the peak have at a pixel; None if it is not as salient as any."""
        checkpoint, label = row
        found = self.prepared(image_id)
        inside = y < found.size[0] and x < found.size[1]
        if checkpoint not in self.cards or not inside or class_index not in found.class_index:
            return None
        image = self.dataset[self.places[image_id]].image
        if image is None or found.masks is None or found.near is None:
            return None
        saliency = explain_image(
            self.network(checkpoint),
            image,
            class_index,
            attribution=self.definition.attributions[label].name,
            protocol=self.protocol,
            seed=self.facts.seed,
            image_id=image_id,
            **next(dict(entry.options) for entry in self.facts.attributions if entry.name == label),
        ).saliency.cpu()
        if not saliency[0, y, x] >= (1 - tie) * saliency.max():
            return None
        place = [found.class_index.tolist().index(class_index)]
        spike = torch.zeros_like(saliency)
        spike[0, y, x] = 1
        regions = (torch.from_numpy(found.masks[place]), torch.from_numpy(found.near[place]))
        peaks = [one for one in self.definition.metrics if one.metric.judges_point and one.metric.outcomes]
        return {one.metric.name: float(one(SaliencyBatch(spike, *regions))[0]) for one in peaks}

    def as_high(self, checkpoint: str, tie: float, image_id: str, column: str, found: Sequence[int]) -> bool:
        """Say whether the logits allow a list of classes, within rounding: ranks, or those above 0."""
        image = self.dataset[self.places[image_id]].image
        assert image is not None, "a network has no predictions without pictures"
        view: View = "crop" if column == "top5" else "square"
        logits = logits_of(self.network(checkpoint), image, view, self.protocol).cpu()
        if len(set(found)) < len(found) or any(index >= len(logits) for index in found):
            return False
        slack = tie * float(logits.abs().max())
        if column == "top5":
            best = logits.topk(min(5, len(logits)))[0]
            return len(found) == len(best) and bool((logits[list(found)] >= best - slack).all())
        given = torch.zeros(len(logits), dtype=torch.bool)
        given[list(found)] = True
        return bool((logits[given != (logits > 0)].abs() <= slack).all())


def look_at_excuses(own: Own, findings: Findings) -> None:
    """Look at every image that the submission leaves out, and that every other one is in it."""
    facts, ids = own.facts, set(own.dataset.image_ids)
    skipped = {entry.image_id for entry in facts.skipped}
    for image_id in sorted(skipped & ids):
        if not own.prepared(image_id).error:
            findings.problem(FILE, f"image {quoted(image_id)} was skipped, but can be measured here")
    for image_id in sorted(set(facts.without_queries) & ids):
        if asks_anything(own.dataset, [own.places[image_id]]):
            findings.problem(FILE, f"image {quoted(image_id)} is said to have no query, but has one here")
    for image_id in sorted((skipped | set(facts.without_queries)) - ids)[:5]:
        findings.problem(FILE, f"image {quoted(image_id)} is excused, but is none of the data")
    excused = {records_file(*row): skipped | set(facts.without_queries) for row in own.checked.records}
    files = {records_file(*row): frame for row, frame in own.checked.records.items()}
    files |= {predictions_file(name): frame for name, frame in own.checked.predictions.items()}
    for name, frame in files.items():
        left = ids - set(frame["image_id"]) - excused.get(name, skipped)
        if left:
            findings.problem(name, f"lacks {len(left)} images of the data, such as {quoted(min(left))}")


def own_options(facts: RunFacts) -> dict[str, Any]:
    """Return the dataset's options but for those that name files: a stranger's path is not followed.

    Raises:
        RaybenchError: another option is unknown, or more than a plain word.
    """
    reader = DATASETS.get(facts.dataset.name)
    options = {key: value for key, value in facts.dataset.options.items() if key not in ("list", "classes")}
    for key, value in options.items():
        plain = not isinstance(value, str) or re.fullmatch(r"[A-Za-z0-9_-]{1,80}", value)
        if key not in reader.options or not plain:
            raise RaybenchError(
                f"run.json: dataset option {quoted(key)} is {quoted(value)}; not used to open files here"
            )
    return options


def open_own_data(
    checked: Checked,
    data: Mapping[str, Path],
    protocol: Protocol,
    options: Mapping[str, Any],
    findings: Findings,
) -> Dataset:
    """Open the data, and note whether its images and fingerprint are those of the submission.

    A submission on a selection of the images (option `list`) names them by its records.
    """
    facts = checked.facts
    assert facts is not None
    dataset = open_dataset(facts.dataset.name, data, protocol, options)
    if "list" in facts.dataset.options:
        named = {image for frame in checked.records.values() for image in frame["image_id"]}
        named |= {entry.image_id for entry in facts.skipped} | set(facts.without_queries)
        missing = named - set(dataset.image_ids)
        if missing == named:
            raise RaybenchError("none of the submission's images is in the data")
        if missing:
            findings.problem(
                FILE, f"{len(missing)} images are not in the data, such as {quoted(min(missing))}"
            )
        with tempfile.TemporaryDirectory(prefix="raybench-list-") as name:
            listed = Path(name) / "images.txt"
            listed.write_text("".join(f"{one}\n" for one in sorted(named - missing)), encoding="utf-8")
            dataset = open_dataset(facts.dataset.name, data, protocol, {**options, "list": str(listed)})
    if len(dataset) != facts.dataset.images:
        findings.problem(FILE, f"dataset.images is {facts.dataset.images}; the data here has {len(dataset)}")
    given, actual = facts.dataset.fingerprint, dataset.fingerprint()
    if given != actual:
        findings.problem(FILE, f"dataset.fingerprint is {given[:12]}…; the data here: {actual[:12]}…")
    return dataset


def compare_lists(
    name: str, given: pd.DataFrame, measured: pd.DataFrame, metrics: Sequence[Facts], agreement: Agreement
) -> None:
    """Compare the statistics, or the curves, of the measured images: each list, and the values of sets.

    Of a list of counts, rounding moves few of them to the number beside, so that running sums are compared.

    Args:
        name: of the file, for messages.
        given: submitted rows of these images, by line.
        measured: the same queries, measured anew.
        metrics: that the file has a column of.
        agreement: counts and faults.
    """
    allowed = agreement.allowance.relative if agreement.allowance is SAME else agreement.allowance.outcomes
    anew = measured.set_index(list(LIST_COLUMNS))
    common = given[pd.MultiIndex.from_frame(given[list(LIST_COLUMNS)]).isin(anew.index)]
    for metric in metrics:
        both = []
        for line, image, index, text in zip(
            common.index, common["image_id"], common["class_index"], common[metric.name], strict=True
        ):
            read = read_integers if metric.of_set else read_numbers
            pair = [np.array(read(one), np.float64) for one in (text, anew.loc[(image, index), metric.name])]
            both.append(pair)
            if agreement.same(len(pair[0]) == len(pair[1]) and bool((pair[0] == pair[1]).all())):
                continue
            if len(pair[0]) != len(pair[1]) or not _apart(*pair) <= allowed:
                agreement.fault(
                    name,
                    int(str(line)),
                    f"{metric.name} of {quoted(image)} class {index} is not as measured anew",
                )
        if metric.of_set and both and len({len(one) for pair in both for one in pair}) == 1:
            with np.errstate(invalid="ignore", divide="ignore"):
                values = [np.nan_to_num(metric.compute(np.stack(side))) for side in zip(*both, strict=True)]
            classes = common["class_index"].to_numpy(np.int64)
            agreement.columns.append(Column(name, metric, list(common["image_id"]), classes, *values))


def _apart(given: NDArray[np.float64], measured: NDArray[np.float64]) -> float:
    """How far the running sums of two lists are apart, as a share of all that is in the second."""
    return float(np.abs(np.cumsum(given - measured)).max(initial=0) / max(np.abs(measured).sum(), 1e-9))
