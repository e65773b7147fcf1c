"""What is left to measure for one checkpoint, and what that needs."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from ...attributions import BoundAttribution
from ...checkpoints import Card
from ..datasets import subsets_of
from ..loading import Needs, PreparedImages, View, workers_beside
from ..measuring import CostMeter, Job, Ledger, Pass, Scorer
from ..results import (
    LIST_COLUMNS,
    NO_CHECKPOINT,
    NOTE_COLUMNS,
    PREDICTION_COLUMNS,
    RECORD_COLUMNS,
    SUBSET_COLUMNS,
    ResultFiles,
    RowStore,
)
from ..suite import Settings
from .machine.crew import Crew
from .machine.processes import Division
from .plan import Plan


def notes_of(settings: Settings) -> RowStore:
    """Return the store of the dataset's remarks on images."""
    return RowStore(ResultFiles(settings.out).notes, NOTE_COLUMNS)


def _subsets(plan: Plan) -> RowStore | None:
    """Name the file of the subsets that queries belong to, if the dataset sorts them and maps are scored."""
    if not subsets_of(plan.dataset) or not plan.attributions:
        return None
    return RowStore(ResultFiles(plan.settings.out).subsets, SUBSET_COLUMNS)


def stores_of(plan: Plan) -> list[RowStore]:
    """Return every file that rows of a plan go to, the remarks first."""
    subsets = _subsets(plan)
    found = [notes_of(plan.settings), *([subsets] if subsets else [])]
    for card in plan.cards or (None,):
        predictions = _predictions(plan, card)
        found += [predictions] if predictions else []
        found += [one.store for job in _jobs(plan, card) for one in job.files.values()]
    return found


def left_to_measure(
    plan: Plan,
    card: Card | None,
    without_queries: Collection[str],
    crew: Crew,
    division: Division,
    *,
    undefined: Collection[str] = (),
) -> Pass:
    """Compare what a plan asks of a checkpoint with what lies in the result folder.

    Methods that need no network are measured with the first checkpoint.

    Args:
        plan: of the run.
        card: the checkpoint, or None if there is none.
        without_queries: ids of images that are known to ask nothing.
        crew: this process of it writes rows to shards of its own.
        division: how the machine is used.
        undefined: labels of the methods that are not defined for the checkpoint; an empty one stands for
            its predictions.
    """
    settings, dataset = plan.settings, plan.dataset
    jobs = [job for job in _jobs(plan, card) if job.attribution.label not in undefined]
    stores = _predictions(plan, card) if "" not in undefined else None, _subsets(plan)
    predictions, subsets = (Ledger(store) if store else None for store in stores)
    notes, asked = Ledger(notes_of(settings)), [one for job in jobs for one in job.files.values()]
    ledgers = [*asked, notes, *filter(None, (predictions, subsets))]
    # read by one process for all: others may soon write
    found = crew.lead(lambda: [frozenset(ledger.store.measured()) for ledger in ledgers])
    for one, done in zip(ledgers, found, strict=True):
        one.done = done
    asked += [subsets] if subsets and jobs else []
    todo = [
        index
        for index, image_id in zip(plan.indices, plan.image_ids, strict=True)
        if (predictions and image_id not in predictions.done)
        or (image_id not in without_queries and any(image_id not in one.done for one in asked))
    ]
    views: set[View] = {"whole"} if any(of_checkpoints(plan, job.attribution) for job in jobs) else set()
    if predictions is not None:
        views |= {metric.metric.view for metric in plan.metrics if metric.metric.view is not None}
    needs = Needs(frozenset(views), masks=bool(jobs), middle=_middle_alone(plan, jobs))
    return Pass(
        images=PreparedImages(dataset, todo, plan.protocol, needs, plan.suite.seed, card),
        jobs=jobs,
        predictions=predictions,
        notes=notes,
        subsets=subsets,
        scorer=Scorer(plan.protocol, plan.metrics, dataset.classes, plan.device, card),
        gallery=plan.gallery,
        out=settings.out,
        device=plan.device,
        batch_size=settings.batch_size,
        workers=_workers(plan, len(todo), crew, division),
        strict=settings.strict,
        meter=CostMeter(plan.device),
    ).of_rank(crew.rank)


def of_checkpoints(plan: Plan, method: BoundAttribution) -> bool:
    """Whether a method has rows under each checkpoint: it reads the network, or metrics ask it again."""
    asked = bool(plan.cards) and any(metric.metric.asks_network for metric in plan.metrics)
    return asked or method.attribution.kind == "network"


def _jobs(plan: Plan, card: Card | None) -> list[Job]:
    """Name the methods of a pass and the files that their rows go to; not yet what these hold."""
    metrics = [metric.metric for metric in plan.metrics]
    names = [metric.name for metric in metrics if metric.per_query]
    sums = [metric.name for metric in metrics if metric.of_set]
    jobs, files = [], ResultFiles(plan.settings.out)
    for attribution in plan.attributions:
        asked = of_checkpoints(plan, attribution)
        if asked:
            checkpoint = card.name if card else None
        else:
            checkpoint = NO_CHECKPOINT if not card or card is plan.cards[0] else None
        if checkpoint is not None:
            row = checkpoint, attribution.label
            curves = [metric.name for metric in metrics if metric.curve and asked]
            stores = {"records": RowStore(files.records(*row), (*RECORD_COLUMNS, *names))}
            if sums:
                stores["statistics"] = RowStore(files.statistics(*row), (*LIST_COLUMNS, *sums))
            if curves:
                stores["curves"] = RowStore(files.curves(*row), (*LIST_COLUMNS, *curves))
            jobs.append(Job(checkpoint, attribution, {kind: Ledger(one) for kind, one in stores.items()}))
    return jobs


def _middle_alone(plan: Plan, jobs: Sequence[Job]) -> bool:
    """Whether nothing is read of any map but its middle pixel."""
    metrics = [one.metric for one in plan.metrics]
    return (
        not plan.gallery
        and plan.protocol.center == "pixel"  # the exact middle may lie near what no pixel beside it is near
        and all(job.attribution.attribution.middle for job in jobs)
        and all(metric.window or metric.of_predictions for metric in metrics)
    )


def _predictions(plan: Plan, card: Card | None) -> RowStore | None:
    """Name the file of a checkpoint's predictions, if any metric asks for them."""
    if card is None or not plan.predicts:
        return None
    return RowStore(ResultFiles(plan.settings.out).predictions(card.name), PREDICTION_COLUMNS)


def _workers(plan: Plan, images: int, crew: Crew, division: Division) -> int:
    """Default number of loader processes of each process that measures: none for little work.

    A process that computes with one thread of a CPU loads by itself: all cores are busy already.
    """
    if plan.settings.workers is not None:
        return plan.settings.workers
    if not plan.dataset.has_images or images < 64 or (plan.device.type == "cpu" and division.threads == 1):
        return 0
    return workers_beside(plan.device, processes=crew.local_size) // division.processes
