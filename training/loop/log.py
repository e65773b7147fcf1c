"""The log of a training: one CSV, a row at a time, and its curves."""

from __future__ import annotations

import csv
import importlib.util
import io
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from matplotlib.figure import Figure
from torch import Tensor

from ...base import RaybenchError
from ...benchmark.metrics import METRICS
from ...benchmark.pictures import looks_of, save_figure, tidy
from ...benchmark.results import write_atomically
from .state import GO_ON

_PLAIN = ("step", "epoch", "classification", "consistency", "learning_rate", "images_per_second")
_REDRAWN_AFTER_S = 20.0


@dataclass
class Tally:
    """Sums over the steps since the last row of the log.

    Attributes:
        losses: (2,) float32, the classification and the consistency loss, without their weights.
        steps: how many.
        seconds: that they took.
    """

    losses: Tensor
    steps: int = 0
    seconds: float = 0.0

    @classmethod
    def of(cls, values: Sequence[float], device: torch.device) -> Tally:
        """Make a tally from its `values`."""
        classification, consistency, steps, seconds = values
        return cls(torch.tensor([classification, consistency], device=device), int(steps), seconds)

    def add(self, losses: Tensor, seconds: float) -> None:
        """Count a step; nothing waits for the device."""
        self.losses = self.losses + losses.detach()
        self.steps += 1
        self.seconds += seconds

    def values(self) -> list[float]:
        """All of it as plain numbers, exactly."""
        return [*self.losses.tolist(), self.steps, self.seconds]


@dataclass(frozen=True)
class LogRow:
    """How training went since the row before.

    Attributes:
        step: steps done, through all epochs.
        epoch: epochs done, with the part of the running one.
        classification: mean classification loss, without its weight.
        consistency: mean consistency loss, without its weight; 0 where it is off.
        learning_rate: of the last step.
        images_per_second: over all processes, without validation.
        measured: validation values by name of the metric, in percent; empty within an epoch.
    """

    step: int
    epoch: float
    classification: float
    consistency: float
    learning_rate: float
    images_per_second: float
    measured: Mapping[str, float] = field(default_factory=dict)


class TrainingLog:
    """log.csv and curves.png in the folder of a training; events for TensorBoard where it is installed."""

    def __init__(self, folder: Path, metrics: Sequence[str], *, before: int = 0) -> None:
        """Begin a log, or go on with the rows of steps below `before`."""
        self.path = folder / "log.csv"
        self.curves = folder / "curves.png"
        self.events = folder / "tensorboard"
        self.metrics = tuple(metrics)
        self.rows = [row for row in _read(self.path) if row.step < before] if before else []
        self._drawn = -_REDRAWN_AFTER_S
        self._before = before
        self._writer: Any = None

    def add(self, row: LogRow, *, last: bool = False) -> None:
        """Write a row; draw the curves if they are old, or if it is the last row."""
        self.rows.append(row)
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow([*_PLAIN, *self.metrics])
        for each in self.rows:
            values = [getattr(each, name) for name in _PLAIN]
            writer.writerow([*values, *(each.measured.get(name, "") for name in self.metrics)])
        write_atomically(self.path, text.getvalue(), GO_ON)
        self._add_events(row)
        if last or time.monotonic() - self._drawn > _REDRAWN_AFTER_S:
            self.draw()
            self._drawn = time.monotonic()

    def _add_events(self, row: LogRow) -> None:
        """Hand a row to TensorBoard; what a stopped run wrote of steps that come again is hidden."""
        if importlib.util.find_spec("tensorboard") is None:
            return
        if self._writer is None:
            from torch.utils.tensorboard import SummaryWriter

            self._writer = SummaryWriter(str(self.events), purge_step=self._before)
        losses = {f"loss/{name}": getattr(row, name) for name in _PLAIN[2:4]}
        measured = {f"validation/{METRICS.get(name).label}": value for name, value in row.measured.items()}
        rates = {name: getattr(row, name) for name in _PLAIN[4:]}
        for name, value in {**losses, **measured, **rates}.items():
            self._writer.add_scalar(name, value, row.step)
        self._writer.flush()

    def draw(self) -> None:
        """Draw the losses and the validation values over epochs."""
        measured = [row for row in self.rows if row.measured]
        panels = ["classification", *(["consistency"] if any(row.consistency for row in self.rows) else [])]
        figure = Figure(figsize=(4.2 * (len(panels) + bool(measured)), 3.4), layout="constrained")
        axes = figure.subplots(1, len(panels) + bool(measured), squeeze=False, sharex=True)[0]
        for place, name in enumerate(panels):
            # a consistency loss of 0 is one that has not set in yet
            values = [(row.epoch, getattr(row, name)) for row in self.rows]
            points = [(epoch, value) for epoch, value in values if value or name != "consistency"]
            marker = "." if len(points) < 30 else ""
            axes[place].plot(*zip(*points, strict=True), marker=marker, color=looks_of([name])[name].colour)
            axes[place].set_ylabel(f"{name} loss")
        if measured:
            for name, look in looks_of(self.metrics).items():
                points = [(row.epoch, row.measured[name]) for row in measured if name in row.measured]
                label, colour = METRICS.get(name).label, look.colour
                axes[-1].plot(*zip(*points, strict=True), marker=".", label=label, color=colour)
            axes[-1].set_ylabel("validation (%)")
            axes[-1].legend(frameon=False)
        for each in axes:
            each.set_xlabel("epoch")
            tidy(each, grid="y")
        save_figure(figure, self.curves)


def _read(path: Path) -> list[LogRow]:
    if not path.exists():
        return []
    with path.open(newline="", encoding="utf-8") as file:
        try:
            return [_row(record) for record in csv.DictReader(file)]
        except (KeyError, TypeError, ValueError):
            raise RaybenchError(f"{path} is damaged; move it away to go on without its rows") from None


def _row(record: dict[str, str]) -> LogRow:
    step, epoch, classification, consistency, rate, speed = (float(record.pop(name)) for name in _PLAIN)
    measured = {name: float(value) for name, value in record.items() if value}
    return LogRow(int(step), epoch, classification, consistency, rate, speed, measured)
