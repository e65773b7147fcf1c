"""Runs a suite: every checkpoint and method over every image, into one folder that any run can resume."""

from __future__ import annotations

import contextlib
import functools
import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pandas as pd
import torch

from ...attributions import denormals_flushed
from ...checkpoints import Card, Network
from ..measuring import Outcome, Pass, add_costs
from ..results import Manifest, ResultFiles, columns_of, open_results, read_records
from ..suite import Settings, Suite
from ..tables import comparison_table, render_table
from .account import begin, finish, locked, note_weights
from .fast import choose_fast
from .forecast import costly
from .integrity import keep_rows
from .machine.crew import joined_crew
from .machine.devices import device_of, pick_device
from .machine.processes import divide, measure_network, threads_limited
from .networks import verified
from .plan import Plan
from .preflight import rehearse_all
from .progress import Reporter, SilentReporter, passing
from .work import left_to_measure

_BETTER = {(True, True): "higher", (True, False): "lower", (False, True): "", (False, False): ""}


@dataclass(frozen=True)
class Results:
    """Where the results of a run are, and the results."""

    out: Path
    manifest: Manifest

    def __repr__(self) -> str:
        said = self.manifest
        return (
            f"Results of suite {said['suite']['name']!r} in {self.out}: "
            f"checkpoints {len(said['checkpoints'])}, methods {len(said['attributions'])}\n"
            ".frame holds the numbers, .records(checkpoint, method) every query; .table() and .plot(folder) "
            "show them"
        )

    @property
    def summary(self) -> pd.DataFrame:
        """summary.csv: one row per checkpoint, method, metric and aggregate."""
        return open_results(self.out).summary

    @property
    def frame(self) -> pd.DataFrame:
        """The numbers to quote, a line each: value with its 95 % interval, unit, which way is better, counts.

        `n` is how many queries or images a value is of, `degenerate` how many of its maps said nothing.
        """
        run = open_results(self.out)
        columns = {column.metric: column for column in columns_of((run, row) for row in run.rows)}
        lines = [
            {
                **{key: row[key] for key in ("checkpoint", "attribution", "metric")},
                "label": columns[row["metric"]].label,
                **{key: row[key] for key in ("value", "ci_low", "ci_high")},
                "unit": columns[row["metric"]].unit,
                "better": _BETTER[columns[row["metric"]].ranked, columns[row["metric"]].higher_is_better],
                **{key: row[key] for key in ("n", "degenerate")},
            }
            for row in run.rows
            if row["aggregate"] == columns[row["metric"]].aggregate
        ]
        return pd.DataFrame(lines)

    def _repr_html_(self) -> str:
        return str(self.frame.to_html(index=False, float_format="{:.2f}".format))

    def table(self, form: str = "markdown", **arranging: Any) -> str:
        """The comparison as `raybench table` prints it.

        Args:
            form: markdown, latex, csv, html or json.
            arranging: `rows`, `columns`, `pivot`, `with_published` and `subset`, as of that command.
        """
        return render_table(comparison_table([self.out], tied=True, **arranging), form)

    def plot(self, out: str | Path, **choices: Any) -> tuple[Path, ...]:
        """Draw what `raybench plot` draws into a folder, and return the files that were written.

        Args:
            out: the folder.
            choices: `only`, `formats` and `width` in inches, as of that command.
        """
        from ..pictures import plot_all  # brings matplotlib

        return tuple(plot_all([self.out], Path(out), **choices))

    def records(self, checkpoint: str, attribution: str) -> pd.DataFrame:
        """records.csv of one row of the comparison: one row per query."""
        return read_records(ResultFiles(self.out).records(checkpoint, attribution))


def evaluate(
    suite: str | Path | Suite,
    settings: Settings | None = None,
    *,
    networks: Sequence[Network] = (),
    only: Mapping[str, Collection[int]] | None = None,
    held: Mapping[str, Any] | None = None,
    reporter: Reporter | None = None,
) -> Results:
    """Run a suite, or what is left of it.

    Args:
        suite: name of a shipped suite, path of a YAML file, or a `Suite` made in Python.
        settings: where the data is and where results go.
        networks: in memory, such as `raybench.load_checkpoint` or `network_from_module` return them; measured
            in place of the suite's checkpoints, after those that the settings name. `run.json` keeps a hash
            of their tensors.
        only: ids of the images to measure, with the classes whose maps are kept; None for all images, and a
            gallery that is drawn by lot.
        held: functions of methods and metrics, and readers of datasets, that are in memory, by the names that
            the suite calls them.
        reporter: told of progress.

    Raises:
        RaybenchError: something is wrong with the suite, the data, a checkpoint or the result folder; what
            was measured before stays in the folder.
    """
    started = time.monotonic()
    asked, reporter = settings or Settings(), reporter or SilentReporter()
    if asked.fast:
        asked = choose_fast(suite, asked, functools.partial(evaluate, networks=networks), reporter)
    # before the first tensor operation: torch's own threads inherit the mode from the one that starts them
    with denormals_flushed(), joined_crew() as crew, contextlib.ExitStack() as stack:
        reporter = reporter if crew.leads else SilentReporter()
        device = crew.agree(lambda: device_of(crew.device(asked.device), networks))
        division = crew.agree(lambda: divide(asked, pick_device(device), crew))
        stack.enter_context(threads_limited(division.threads))
        plan = crew.agree(
            lambda: Plan.make(suite, replace(asked, device=device), reporter, networks, only, held)
        )
        if plan.device.type == "cuda":
            stack.enter_context(torch.cuda.device(plan.device))  # events and page-locked memory go by it
        for line in costly(plan):
            reporter.say(line)
        crew.lead(lambda: stack.enter_context(locked(asked.out)))
        manifest = crew.lead(lambda: begin(plan, reporter.say))
        noticed = Outcome(without_queries=set(manifest["without_queries"]))

        def left(card: Card | None) -> Pass:
            undefined = manifest["not_defined"].get(card.name, {}) if card else {}
            return left_to_measure(plan, card, noticed.without_queries, crew, division, undefined=undefined)

        loaded = rehearse_all(plan, manifest, crew, left, reporter)
        for card in plan.cards or (None,):
            work, network = left(card), None
            if card and len(work.images):
                network = loaded.pop(card.name, None) or crew.agree(
                    functools.partial(verified, plan, card, manifest)
                )
                work = work.seen_by(network)
                crew.lead(functools.partial(note_weights, plan, manifest, network))
            title = card.name if card else "without a network"
            with passing(
                reporter, crew.counter(f"done of {title}"), title, len(plan.indices), len(work.images)
            ) as advance:
                images = crew.counter(f"images of {title}")
                parts = crew.gather(measure_network(work, network, division, images, advance))
                outcomes = [one for part in parts for one in part]
            crew.lead(functools.partial(keep_rows, plan, manifest, work))
            noticed.add(outcomes)
            for outcome in outcomes:
                if card:
                    add_costs(manifest, card.name, outcome.costs)
        seconds = time.monotonic() - started
        manifest = crew.lead(
            lambda: finish(plan, manifest, noticed, wall_seconds=seconds, processes=crew.size)
        )
        return Results(asked.out, manifest)
