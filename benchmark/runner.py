"""Runs a suite: every checkpoint and method over every image, into one folder that any run can resume."""

from __future__ import annotations

import hashlib
import os
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path

import pandas as pd
from filelock import FileLock, Timeout

from ..attributions import BoundAttribution, denormals_flushed
from ..checkpoints import Card, Network, load_network
from ..errors import RaybenchError
from .clearing import clear_results
from .folder import NO_CHECKPOINT, open_results, read_manifest, read_records
from .gallery import save_picture
from .manifest import Manifest, environment, peak_memory_mb, refuse_other_definition, write_manifest
from .measuring import Job, Outcome, Pass, measure
from .plan import Plan, Settings
from .preparation import Needs, PreparedImages
from .records import NOTE_COLUMNS, PREDICTION_COLUMNS, RECORD_COLUMNS, RowStore, disk_error
from .reporting import Reporter, SilentReporter
from .scoring import Scorer
from .suite import Suite
from .summary import write_summary

__all__ = ["Results", "Settings", "evaluate"]


@dataclass(frozen=True)
class Results:
    """Where the results of a run are, and the results."""

    out: Path
    manifest: Manifest

    @property
    def summary(self) -> pd.DataFrame:
        """summary.csv: one row per checkpoint, method, metric and aggregate."""
        return open_results(self.out).summary

    def records(self, checkpoint: str, attribution: str) -> pd.DataFrame:
        """records.csv of one row of the comparison: one row per query."""
        return read_records(self.out / checkpoint / attribution / "records.csv")


def evaluate(
    suite: str | Path | Suite, settings: Settings | None = None, *, reporter: Reporter | None = None
) -> Results:
    """Run a suite, or what is left of it.

    Args:
        suite: name of a shipped suite, path of a YAML file, or a `Suite` made in Python.
        settings: where the data is and where results go.
        reporter: told of progress.

    Raises:
        RaybenchError: something is wrong with the suite, the data, a checkpoint or the result folder; what
            was measured before stays in the folder.
    """
    settings, reporter = settings or Settings(), reporter or SilentReporter()
    # before the first tensor operation: torch's own threads inherit the mode from the one that starts them
    with denormals_flushed():
        plan = Plan.make(suite, settings, reporter)
        with _only_run_in(settings.out):
            return _Run(plan, settings, reporter).run()


@contextmanager
def _only_run_in(folder: Path) -> Iterator[None]:
    lock = FileLock(folder / ".lock", timeout=0)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock.acquire()
    except Timeout:
        raise RaybenchError(
            f"another run is writing to {folder}: wait for it, or choose another --out"
        ) from None
    except OSError as error:
        raise disk_error(folder, error) from None
    try:
        yield
    finally:
        lock.release()


class _Run:
    """One run of a plan in one folder."""

    def __init__(self, plan: Plan, settings: Settings, reporter: Reporter) -> None:
        self.plan = plan
        self.settings = settings
        self.reporter = reporter
        self.started = time.monotonic()
        self.outcome = Outcome()
        self.notes = RowStore(settings.out / "notes.csv", NOTE_COLUMNS)
        ids = [plan.dataset.image_ids[index] for index in plan.indices]
        by_hash = sorted(ids, key=lambda image_id: hashlib.blake2b(image_id.encode()).digest())
        self.gallery = frozenset(by_hash[: plan.suite.gallery])
        self.manifest: Manifest = {}

    def run(self) -> Results:
        """Measure what is left, merge, summarise."""
        out = self.settings.out
        old = self._old_manifest()
        self.manifest = self.plan.describe()
        if self.settings.fresh:
            clear_results(out, old, self.manifest)
            old = {}
        if old:
            refuse_other_definition(old, self.manifest, out)
            self.outcome.without_queries.update(old.get("without_queries", []))
            for key in ("checkpoints", "attributions"):  # what an earlier run measured stays in the summary
                here = {entry["name"] for entry in self.manifest[key]}
                self.manifest[key] += [entry for entry in old[key] if entry["name"] not in here]
        self.manifest |= environment(self.plan.device) | {
            "status": "running",
            "command": ["raybench", *sys.argv[1:]],
            "started": datetime.now(timezone.utc).isoformat(timespec="seconds"),
            "limit": self.settings.limit,
            "batch_size": self.settings.batch_size,
            "without_queries": sorted(self.outcome.without_queries),
            "weights_sha256": old.get("weights_sha256", {}),
        }
        write_manifest(out, self.manifest)
        if self.plan.dataset.has_images:
            self._save_gallery_pictures()
        passes: Sequence[Card | None] = self.plan.cards or (None,)
        for number, card in enumerate(passes):
            self._measure(card, with_free_methods=number == 0)
        write_summary(out, self.manifest, self.plan.metrics, self._selected_ids(), self.plan.dataset.classes)
        self._finish()
        return Results(out, self.manifest)

    def _old_manifest(self) -> Manifest:
        try:
            return read_manifest(self.settings.out / "run.json")
        except RaybenchError:
            if self.settings.fresh:
                return {}  # a damaged one is about to be replaced
            raise

    def _measure(self, card: Card | None, *, with_free_methods: bool) -> None:
        """Measure one checkpoint, and with the first also the methods that need none."""
        work = self._plan_pass(card, with_free_methods=with_free_methods)
        title = card.name if card else "without a network"
        total = len(self.plan.indices)
        self.reporter.start(title, total, total - len(work.images))
        try:
            outcome = measure(work, self.reporter)
        finally:
            self.reporter.finish()
        for store in work.stores:
            store.merge()
        self._note(outcome)

    def _plan_pass(self, card: Card | None, *, with_free_methods: bool) -> Pass:
        """Find out what is left to measure for one checkpoint."""
        plan, settings = self.plan, self.settings
        metrics = [metric.metric for metric in plan.metrics]
        columns = (*RECORD_COLUMNS, *(metric.name for metric in metrics if metric.kind == "localisation"))
        jobs = []
        for attribution in plan.attributions:
            needs_network = attribution.attribution.kind == "network"
            if not (card if needs_network else with_free_methods):
                continue
            checkpoint = card.name if card and needs_network else NO_CHECKPOINT
            jobs.append(self._job(checkpoint, attribution, columns))
        predictions = None
        if card and plan.predicts:
            predictions = RowStore(settings.out / card.name / "predictions.csv", PREDICTION_COLUMNS)
        predicted = frozenset(predictions.measured()) if predictions else frozenset()
        kinds = {job.attribution.attribution.kind for job in jobs}
        needs = Needs(
            pixels="network" in kinds,
            masks=bool(kinds & {"network", "dense"}),
            crop=predictions is not None and any(metric.view == "crop" for metric in metrics),
            square=predictions is not None and any(metric.view == "square" for metric in metrics),
        )
        todo = [index for index in plan.indices if self._is_left(index, jobs, predictions, predicted)]
        return Pass(
            images=PreparedImages(plan.dataset, todo, plan.protocol, needs, plan.suite.seed),
            jobs=jobs,
            predictions=predictions,
            predicted=predicted,
            notes=self.notes,
            noted=frozenset(self.notes.measured()),
            network=(lambda: self._load(card)) if card else None,
            scorer=Scorer(plan.protocol, plan.metrics, plan.dataset.classes, plan.device),
            gallery=self.gallery,
            out=settings.out,
            device=plan.device,
            batch_size=settings.batch_size,
            workers=_workers(settings.workers, plan, len(todo)),
            strict=settings.strict,
        )

    def _job(self, checkpoint: str, attribution: BoundAttribution, columns: Sequence[str]) -> Job:
        store = RowStore(self.settings.out / checkpoint / attribution.label / "records.csv", columns)
        return Job(checkpoint, attribution, store, frozenset(store.measured()))

    def _is_left(
        self, index: int, jobs: Sequence[Job], predictions: RowStore | None, predicted: frozenset[str]
    ) -> bool:
        image_id = self.plan.dataset.image_ids[index]
        if predictions is not None and image_id not in predicted:
            return True
        if image_id in self.outcome.without_queries:
            return False
        return any(image_id not in job.measured for job in jobs)

    def _load(self, card: Card) -> Network:
        network = load_network(
            card,
            device=self.plan.device,
            data=self.settings.data,
            trust_code=self.settings.trust_code,
        )
        known = self.manifest["weights_sha256"].get(card.name, network.weights_sha256)
        if known != network.weights_sha256:
            raise RaybenchError(
                f"the weights of {card.name!r} have changed since {self.settings.out} was begun: SHA-256 "
                f"{known[:12]} then, {network.weights_sha256[:12]} now; use another --out, or --fresh"
            )
        self.manifest["weights_sha256"][card.name] = network.weights_sha256
        write_manifest(self.settings.out, self.manifest)
        return network

    def _save_gallery_pictures(self) -> None:
        """Keep a small picture and the ground truth of each query in the gallery."""
        for index in self.plan.indices:
            image_id = self.plan.dataset.image_ids[index]
            if image_id not in self.gallery:
                continue
            try:
                sample = self.plan.dataset[index]
            except RaybenchError:
                continue  # the pass reports it
            if sample.image is not None and sample.queries:
                query = sample.queries[0]
                regions = {query.class_index: query.region.mask()}
                save_picture(self.settings.out, image_id, sample.image.resize(sample.size[::-1]), regions)

    def _selected_ids(self) -> frozenset[str]:
        return frozenset(self.plan.dataset.image_ids[index] for index in self.plan.indices)

    def _note(self, outcome: Outcome) -> None:
        """Add what a pass noticed to the manifest; each image is reported once, whatever the passes."""
        known = {entry["image_id"] for entry in self.outcome.skipped}
        self.outcome.skipped += [entry for entry in outcome.skipped if entry["image_id"] not in known]
        self.outcome.without_queries |= outcome.without_queries
        self.outcome.images += outcome.images
        self.outcome.seconds += outcome.seconds

    def _finish(self) -> None:
        selected = self._selected_ids()
        self.manifest |= {
            "status": "complete",
            "wall_seconds": round(time.monotonic() - self.started, 3),
            "measured_images": self.outcome.images,
            "measuring_seconds": round(self.outcome.seconds, 3),
            "images_per_second": round(self.outcome.images / max(self.outcome.seconds, 1e-9), 3),
            "peak_memory_mb": round(peak_memory_mb(self.plan.device), 1),
            "skipped": self.outcome.skipped,
            "notes": dict(Counter(note for image_id, _, note in self.notes.rows() if image_id in selected)),
            "without_queries": sorted(self.outcome.without_queries),
        }
        write_manifest(self.settings.out, self.manifest)


def _workers(asked: int | None, plan: Plan, images: int) -> int:
    """Default number of loader processes: none for little work.

    Beside a GPU every core may load. Beside a network on the CPU a loader takes a core from it, and the
    network's threads then wait for each other: a quarter of the cores is enough to keep up.
    """
    if asked is not None:
        return asked
    if not plan.dataset.has_images or images < 64:
        return 0
    cores = os.cpu_count() or 1
    return max(1, min(16, cores - 1)) if plan.device.type == "cuda" else cores // 4
