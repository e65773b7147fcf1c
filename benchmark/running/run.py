"""Runs a suite: every checkpoint and method over every image, into one folder that any run can resume."""

from __future__ import annotations

import contextlib
import hashlib
import sys
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from pathlib import Path

import pandas as pd
import torch
from filelock import FileLock, Timeout

from ...attributions import denormals_flushed
from ...base import RaybenchError
from ...checkpoints import Card, Network, compile_stages, load_network
from ..measuring import Outcome, Pass, add_costs, measure
from ..results import (
    Manifest,
    clear_results,
    disk_error,
    environment,
    open_results,
    peak_memory_mb,
    read_manifest,
    read_records,
    refuse_other_definition,
    results_in,
    save_picture,
    write_manifest,
    write_summary,
)
from ..suite import Settings, Suite
from .crew import Crew, drawn, joined_crew, was_restarted
from .fast import choose_fast
from .plan import Plan, pick_device
from .processes import Division, divide, measure_in_processes, threads_limited
from .progress import Reporter, Shown, SilentReporter
from .work import PassPlanner, notes_of

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
    asked, reporter = settings or Settings(), reporter or SilentReporter()
    if asked.fast:
        asked = choose_fast(suite, asked, evaluate, reporter)
    # before the first tensor operation: torch's own threads inherit the mode from the one that starts them
    with denormals_flushed(), joined_crew() as crew, contextlib.ExitStack() as stack:
        if not crew.leads:
            reporter = SilentReporter()
        device = crew.agree(lambda: crew.device(asked.device))
        division = crew.agree(lambda: divide(asked, pick_device(device), crew))
        stack.enter_context(threads_limited(division.threads))
        settings = replace(asked, device=device)
        plan = crew.agree(lambda: Plan.make(suite, settings, reporter))
        if plan.device.type == "cuda":
            stack.enter_context(torch.cuda.device(plan.device))  # events and page-locked memory go by it
        crew.lead(lambda: _lock(settings.out, stack))
        return _Run(plan, settings, reporter, crew, division).run()


def _lock(folder: Path, stack: contextlib.ExitStack) -> None:
    """Keep other runs from writing to the folder until the stack is closed."""
    for path in (folder, *folder.parents):
        if path.is_file():
            raise RaybenchError(f"--out {folder}: {path} is a file; name a folder, new or of an earlier run")
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
    stack.callback(lock.release)


class _Run:
    """One run of a plan in one folder, seen by one of the processes that work on it."""

    def __init__(
        self, plan: Plan, settings: Settings, reporter: Reporter, crew: Crew, division: Division
    ) -> None:
        self.plan = plan
        self.settings = settings
        self.reporter = reporter
        self.crew = crew
        self.division = division
        self.started = time.monotonic()
        self.outcome = Outcome()
        ids = [plan.dataset.image_ids[index] for index in plan.indices]
        by_hash = sorted(ids, key=lambda image_id: hashlib.blake2b(image_id.encode()).digest())
        self.gallery = frozenset(by_hash[: plan.suite.gallery])
        self.planner = PassPlanner(plan, settings, crew, division, self.gallery)
        self.manifest: Manifest = {}

    def run(self) -> Results:
        """Measure what is left, merge, summarise."""
        self.manifest = self.crew.lead(self._begin)
        self.outcome.without_queries.update(self.manifest["without_queries"])
        passes: Sequence[Card | None] = self.plan.cards or (None,)
        for number, card in enumerate(passes):
            self._measure(number, card)
        self.manifest = self.crew.lead(self._finish)
        return Results(self.settings.out, self.manifest)

    def _begin(self) -> Manifest:
        """Write the manifest, after a look at what lies in the folder."""
        out = self.settings.out
        old = self._old_manifest()
        manifest = self.plan.describe()
        unexplained = {} if old else results_in(out)
        if self.settings.fresh and not was_restarted():
            clear_results(out, old, manifest, unexplained)
            old = {}
        elif unexplained:
            raise RaybenchError(
                f"{out} holds results but no run.json that says by which rules they were measured: "
                "use another --out, or --fresh to measure anew"
            )
        if old:
            refuse_other_definition(old, manifest, out)
            for key in ("checkpoints", "attributions"):  # what an earlier run measured stays in the summary
                here = {entry["name"] for entry in manifest[key]}
                manifest[key] += [entry for entry in old[key] if entry["name"] not in here]
        manifest |= environment(self.plan.device) | {
            "status": "running",
            "command": ["raybench", *sys.argv[1:]],
            "started": datetime.now(timezone.utc).isoformat(timespec="seconds"),
            "limit": self.settings.limit,
            "batch_size": self.settings.batch_size,
            "compute": self._compute(old),
            "without_queries": sorted(old.get("without_queries", [])),
            "weights_sha256": old.get("weights_sha256", {}),
            "costs": old.get("costs", {}),
        }
        write_manifest(out, manifest)
        if self.plan.dataset.has_images:
            self._save_gallery_pictures()
        return manifest

    def _compute(self, old: Manifest) -> Manifest:
        """Say what was done for speed besides the fields of the protocol."""
        report = list(self.settings.fast_report) or old.get("compute", {}).get("fast", [])
        return {"compile": self.settings.compile, "fast": report}

    def _old_manifest(self) -> Manifest:
        try:
            return read_manifest(self.settings.out / "run.json")
        except RaybenchError:
            if self.settings.fresh:
                return {}  # a damaged one is about to be replaced
            raise

    def _measure(self, number: int, card: Card | None) -> None:
        """Measure one checkpoint, and with the first also the methods that need none."""
        work = self.planner.find(card, self.outcome.without_queries, with_free_methods=number == 0)
        outcomes: list[Outcome] = []
        network = self._load(card) if card and len(work.images) else None
        shown = Shown(self.reporter, self.crew.counter(f"done {number}"))
        title, total = card.name if card else "without a network", len(self.plan.indices)
        with shown.pass_over(title, total, total - len(work.images)):
            if len(work.images):
                outcomes = self._divide(number, work, network, shown)
            outcomes = [outcome for part in self.crew.gather(outcomes) for outcome in part]
        self.crew.lead(work.merge)
        self.outcome.add(outcomes)
        for outcome in outcomes:
            if card:
                add_costs(self.manifest, card.name, outcome.costs)

    def _divide(self, number: int, work: Pass, network: Network | None, shown: Shown) -> list[Outcome]:
        """Measure this process's images of a pass, alone or with helpers on the other cores."""
        images = len(work.images)
        processes = self.division.processes_for(images)
        if processes > 1:
            return measure_in_processes(work, network, processes, shown.advance)
        positions = drawn(self.crew.counter(f"images {number}"), images, work.at_once(network))
        return [measure(work, network, positions, shown.advance)]

    def _load(self, card: Card) -> Network:
        """Load a checkpoint in every process, and make sure that it is the one that was measured before."""
        network = self.crew.agree(
            lambda: load_network(
                card,
                device=self.plan.device,
                data=self.settings.data,
                trust_code=self.settings.trust_code,
            )
        )
        self.crew.agree(lambda: self._refuse_other_weights(card, network))
        compile_stages(network.module, self._watched_layers(network), self.settings.compile)
        self.manifest["weights_sha256"][card.name] = network.weights_sha256
        self.crew.lead(lambda: write_manifest(self.settings.out, self.manifest))
        return network

    def _watched_layers(self, network: Network) -> list[str]:
        """Name the layers that the methods of the run read."""
        options = [
            one.options.get(key) for one in self.plan.attributions for key in ("layer", "contrast_layer")
        ]
        layers = (network.target_layer, network.excitation_layer, network.contrast_layer, *options)
        return [layer for layer in layers if layer is not None]

    def _refuse_other_weights(self, card: Card, network: Network) -> None:
        known = self.manifest["weights_sha256"].get(card.name, network.weights_sha256)
        if known != network.weights_sha256:
            raise RaybenchError(
                f"the weights of {card.name!r} have changed since {self.settings.out} was begun: SHA-256 "
                f"{known[:12]} then, {network.weights_sha256[:12]} now; use another --out, or --fresh"
            )

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

    def _refuse_nothing_usable(self) -> None:
        """Raise `RaybenchError` if every image had to be skipped; the manifest lists them."""
        skipped = self.manifest["skipped"]
        if len(skipped) < len(self.plan.indices):
            return
        out = self.settings.out
        write_manifest(out, self.manifest)
        raise RaybenchError(
            f"none of the {len(skipped)} images could be used, the first for this reason: "
            f"{skipped[0]['reason']} (all are listed in {out / 'run.json'}); mend dataset "
            f"{self.plan.dataset.name!r}, or choose another folder by --data"
        )

    def _finish(self) -> Manifest:
        """Summarise and complete the manifest."""
        selected, out, outcome = self._selected_ids(), self.settings.out, self.outcome
        order = {image_id: index for index, image_id in enumerate(self.plan.dataset.image_ids)}
        self.manifest["skipped"] = sorted(outcome.skipped, key=lambda entry: order[entry["image_id"]])
        self._refuse_nothing_usable()
        write_summary(out, self.manifest, self.plan.metrics, selected, self.plan.dataset.classes)
        noted = Counter(note for image_id, _, note in notes_of(self.settings).rows() if image_id in selected)
        self.manifest |= {
            "status": "complete",
            "wall_seconds": round(time.monotonic() - self.started, 3),
            "measured_images": outcome.images,
            "measuring_seconds": round(outcome.seconds, 3),
            "images_per_second": round(outcome.images / max(outcome.seconds, 1e-9), 3),
            "processes": max(self.crew.size, outcome.processes),
            "largest_batch": outcome.largest_batch,
            "peak_memory_mb": round(max(outcome.peak_memory_mb, peak_memory_mb(self.plan.device)), 1),
            "notes": dict(noted),
            "without_queries": sorted(outcome.without_queries),
        }
        write_manifest(out, self.manifest)
        return self.manifest
