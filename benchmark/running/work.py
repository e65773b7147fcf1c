"""What is left to measure for one checkpoint, and what that needs."""

from __future__ import annotations

import os
from collections.abc import Collection, Sequence
from dataclasses import replace

from ...checkpoints import Card
from ..loading import Needs, PreparedImages, View
from ..measuring import CostMeter, Job, Pass, Scorer
from ..results import NO_CHECKPOINT, NOTE_COLUMNS, PREDICTION_COLUMNS, RECORD_COLUMNS, RowStore
from ..suite import Settings
from .crew import Crew
from .plan import Plan
from .processes import Division

__all__ = ["PassPlanner", "notes_of"]


def notes_of(settings: Settings) -> RowStore:
    """Return the store of the dataset's remarks on images."""
    return RowStore(settings.out / "notes.csv", NOTE_COLUMNS)


class PassPlanner:
    """Compares what a plan asks for with what lies in the result folder."""

    def __init__(
        self, plan: Plan, settings: Settings, crew: Crew, division: Division, gallery: frozenset[str]
    ) -> None:
        """Plan passes for this process of the crew."""
        self.plan = plan
        self.settings = settings
        self.crew = crew
        self.division = division
        self.gallery = gallery

    def find(self, card: Card | None, without_queries: Collection[str], *, with_free_methods: bool) -> Pass:
        """Find out what is left to measure for a checkpoint.

        Args:
            card: the checkpoint, or None.
            without_queries: ids of images that are known to ask nothing.
            with_free_methods: measure also the methods that need no network.
        """
        plan, settings = self.plan, self.settings
        metrics = [metric.metric for metric in plan.metrics]
        jobs, predictions = self._outputs(card, with_free_methods=with_free_methods)
        # read by one process for all: others may soon write
        measured, predicted, noted = self.crew.lead(
            lambda: (
                [frozenset(job.store.measured()) for job in jobs],
                frozenset(predictions.measured() if predictions else ()),
                frozenset(notes_of(settings).measured()),
            )
        )
        jobs = [replace(job, measured=ids) for job, ids in zip(jobs, measured, strict=True)]
        todo = [
            index
            for index in plan.indices
            if _is_left(
                plan.dataset.image_ids[index], jobs, predicted if predictions else None, without_queries
            )
        ]
        kinds = {job.attribution.attribution.kind for job in jobs}
        views: set[View] = {"whole"} if "network" in kinds else set()
        if predictions is not None:
            views |= {metric.view for metric in metrics if metric.view is not None}
        needs = Needs(frozenset(views), masks=bool(kinds & {"network", "dense"}))
        return Pass(
            images=PreparedImages(plan.dataset, todo, plan.protocol, needs, plan.suite.seed),
            jobs=jobs,
            predictions=predictions,
            predicted=predicted,
            notes=notes_of(settings),
            noted=noted,
            scorer=Scorer(plan.protocol, plan.metrics, plan.dataset.classes, plan.device),
            gallery=self.gallery,
            out=settings.out,
            device=plan.device,
            batch_size=settings.batch_size,
            workers=self._workers(len(todo)),
            strict=settings.strict,
            meter=CostMeter(plan.device),
        ).of_rank(self.crew.rank)

    def _outputs(self, card: Card | None, *, with_free_methods: bool) -> tuple[list[Job], RowStore | None]:
        """Name the files that the pass writes; nothing is said yet of what they hold."""
        out, metrics = self.settings.out, [metric.metric for metric in self.plan.metrics]
        columns = (*RECORD_COLUMNS, *(metric.name for metric in metrics if metric.kind == "localisation"))
        jobs = []
        for attribution in self.plan.attributions:
            needs_network = attribution.attribution.kind == "network"
            if not (card if needs_network else with_free_methods):
                continue
            checkpoint = card.name if card and needs_network else NO_CHECKPOINT
            store = RowStore(out / checkpoint / attribution.label / "records.csv", columns)
            jobs.append(Job(checkpoint, attribution, store, frozenset()))
        if card and self.plan.predicts:
            return jobs, RowStore(out / card.name / "predictions.csv", PREDICTION_COLUMNS)
        return jobs, None

    def _workers(self, images: int) -> int:
        """Default number of loader processes of each process that measures: none for little work.

        Beside a GPU every core may load. A process that computes with one thread of a CPU loads by itself:
        all cores are busy already. Beside a network on many threads a quarter of the cores keeps up; more
        would take cores from it, and its threads then wait for each other.
        """
        if self.settings.workers is not None:
            return self.settings.workers
        if not self.plan.dataset.has_images or images < 64:
            return 0
        cores = (os.cpu_count() or 1) // self.crew.local_size
        if self.plan.device.type == "cuda":
            return max(1, min(16, cores - 1))
        return 0 if self.division.threads == 1 else cores // 4 // self.division.processes


def _is_left(
    image_id: str, jobs: Sequence[Job], predicted: Collection[str] | None, without_queries: Collection[str]
) -> bool:
    """Say whether anything is left to measure of an image; `predicted` is None if nothing is predicted."""
    if predicted is not None and image_id not in predicted:
        return True
    return image_id not in without_queries and any(image_id not in job.measured for job in jobs)
