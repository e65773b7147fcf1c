"""The training loop: from a recipe to a checkpoint, on one device or many, stopped and resumed at will."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from ...attributions import generator
from ...base import RaybenchError, seed_for
from ...benchmark.loading import workers_beside
from ...benchmark.suite import TrainingSettings
from ..data.loading import Batch, Share, TrainingSamples, Turns, make_loader
from ..data.pictures import Pictures
from ..data.problems import Problems
from ..recipe.recipe import Recipe
from ..step.optimisation import learning_rate, make_optimiser, set_learning_rate
from ..step.step import TrainingStep, fill_grids, normalise
from .beginning import set_out
from .devices import add_up, launch, take_buffers_of_first
from .log import LogRow, Tally, TrainingLog
from .reporting import SilentTraining, TrainingReporter
from .result import card_of, target_layer_of, write_result
from .state import TrainingState, prepare_folder, restore, save_state
from .validation import LOCALISATION_METRICS, localise, metrics_for, validate

if TYPE_CHECKING:
    from lightning_fabric import Fabric

_SHOWN_EVERY_S = 0.5


@dataclass(frozen=True)
class Trained:
    """What a training ended with.

    Attributes:
        network: in eval mode, on the CPU.
        card: path of its card, beside the weights.
        rows: of the log.
        finished: whether the recipe was followed to its end, not to an earlier one that the settings name.
    """

    network: nn.Module
    card: Path
    rows: tuple[LogRow, ...]
    finished: bool


def train(recipe: Recipe, settings: TrainingSettings, *, reporter: TrainingReporter | None = None) -> Trained:
    """Train a network by a recipe, or go on with it, and write its checkpoint.

    On the CPU, the same recipe gives the same weights on the same machine with the same number of threads
    and processes, however often it was stopped and resumed.

    Raises:
        RaybenchError: recipe, data, device or states do not fit, training diverged, or the disk is full; the
            states written before stay.
    """
    fabric = launch(settings.device, recipe.precision)
    loud = reporter or SilentTraining()
    return _Training(recipe, settings, fabric, loud).run()


class _Training:
    """One process's part of a training."""

    def __init__(
        self, recipe: Recipe, settings: TrainingSettings, fabric: Fabric, loud: TrainingReporter
    ) -> None:
        self.recipe, self.settings, self.fabric = recipe, settings, fabric
        # one process speaks for all, except of pictures, which the others do not see
        self.reporter = loud if fabric.is_global_zero else SilentTraining()
        self.skipped = Problems("skipped", loud.say)
        self.share = Share(fabric.global_rank, fabric.world_size)
        self.states = settings.out / "states"
        self.start = set_out(recipe, settings, self.share, self.reporter.say)
        self.network, self.end = self.start.network, self.start.end
        if fabric.is_global_zero:
            prepare_folder(self.states)
        self.step_module = TrainingStep(
            self.network,
            target_layer_of(recipe),
            resize_maps=recipe.resize_maps,
            frozen_batch_norm=recipe.frozen_batch_norm,
        ).train()
        if recipe.compile:
            self.step_module.compile()
        self.optimiser = make_optimiser(recipe.optimisation, self.network)
        self.wrapped: Any
        self.wrapped, self.wrapped_optimiser = fabric.setup(self.step_module, self.optimiser)
        self.done, tally = 0, [0.0] * 4
        if (state := self.start.state) is not None:
            restore(state, self.network, self.optimiser, self.states)
            fabric.strategy.precision.load_state_dict(state.precision)
            self.done, tally = state.step, state.tally
        self.tally = Tally.of(tally, fabric.device)
        names = metrics_for(multilabel=self.start.pictures.targets.target(0).ndim == 1)
        names += LOCALISATION_METRICS if recipe.localisation else ()
        self.log = TrainingLog(settings.out, names, before=self.done)
        self.shown = self.clock = 0.0

    def run(self) -> Trained:
        """Do the steps that are left, and write the result."""
        recipe, reporter = self.recipe, self.reporter
        reporter.start(recipe.name, self.end, self.done, recipe.optimisation.batch_size)
        try:
            self._log_if_due()  # a run that was killed between a state and its row
            self.clock = time.perf_counter()
            for batch in self._batches():
                self._step(batch)
                self._save_if_due()
                self._log_if_due()
        except torch.OutOfMemoryError:
            raise RaybenchError(
                f"{self.fabric.device} has too little memory; lower optimisation.batch_size, or set "
                "precision: bf16"
            ) from None
        finally:
            reporter.finish()
            self.skipped.tell_rest()
            self.step_module.close()
        card = self.settings.out / f"{recipe.name}.yaml"
        if self.fabric.is_global_zero:
            card = write_result(
                self.settings.out, recipe, self.network, self.log.rows[-1].measured, steps=self.done
            )
        self.fabric.barrier()
        network = self.network.eval().cpu().to(memory_format=torch.contiguous_format)
        finished = self.done == recipe.optimisation.epochs * self.start.steps_per_epoch
        return Trained(network, card, tuple(self.log.rows), finished)

    def _batches(self) -> Iterable[Batch]:
        recipe, pictures = self.recipe, self.start.pictures
        with_grids = recipe.consistency_weight > 0 and recipe.negatives == "loader"
        samples = TrainingSamples(pictures, recipe.seed, with_grids=with_grids)
        steps, batch_size = range(self.done, self.end), recipe.optimisation.batch_size
        turns = Turns(len(pictures.trainable), batch_size, recipe.seed, steps, self.share)
        pin_memory = self.fabric.device.type == "cuda"
        return make_loader(samples, turns, workers=self._workers(pictures), pin_memory=pin_memory)

    def _workers(self, pictures: Pictures) -> int:
        if self.settings.workers is not None:
            return self.settings.workers
        if pictures.in_memory:
            return 0
        local = int(os.environ.get("LOCAL_WORLD_SIZE", "1"))
        return workers_beside(self.fabric.device, processes=local)

    def _step(self, batch: Batch) -> None:
        recipe = self.recipe
        if batch.error:
            raise RaybenchError(batch.error)
        self.skipped.tell(batch.problems)
        batch = batch.moved(self.fabric.to_device)
        # dropout: each step and process has its own draws, whatever came before
        torch.manual_seed(seed_for(recipe.seed, "step", self.done, self.share.rank))
        set_learning_rate(
            self.optimiser, learning_rate(recipe.optimisation, self.done, self.start.steps_per_epoch)
        )
        images = normalise(batch.images)
        grids = None
        if self._consistency_is_on():
            draws = generator(recipe.seed, "grids", self.done, self.share.rank)
            grids = fill_grids(batch, images, draws)
        losses: Tensor = self.wrapped(images, batch.targets, grids)
        self.optimiser.zero_grad()
        self.fabric.backward(recipe.classification_weight * losses[0] + recipe.consistency_weight * losses[1])
        self.wrapped_optimiser.step()
        self.done += 1
        self._show(losses)
        now = time.perf_counter()
        self.tally.add(losses, now - self.clock)  # with the wait for the batch
        self.clock = now

    def _consistency_is_on(self) -> bool:
        epochs = self.recipe.consistency_start * self.recipe.optimisation.epochs
        return self.recipe.consistency_weight > 0 and self.done // self.start.steps_per_epoch + 1 > epochs

    def _show(self, losses: Tensor) -> None:
        """Tell the progress; only now and then, since reading the losses waits for the device."""
        terms = None
        if time.monotonic() - self.shown > _SHOWN_EVERY_S:
            self.shown = time.monotonic()
            classification, consistency = losses.tolist()
            terms = {"classification": classification}
            if self.recipe.consistency_weight:
                terms["consistency"] = consistency
        self.reporter.advance(terms)

    def _at_epoch_end(self) -> bool:
        return self.done % self.start.steps_per_epoch == 0 or self.done == self.end

    def _save_if_due(self) -> None:
        if not (self._at_epoch_end() or self.done % self.recipe.save_every == 0):
            return
        self._refuse_divergence()
        tally = replace(self.tally, losses=self._mean_losses())
        if self.fabric.is_global_zero:
            state = TrainingState(
                step=self.done,
                recipe=self.recipe.model_dump(mode="json"),
                network=self.network.state_dict(),
                optimiser=self.optimiser.state_dict(),
                precision=self.fabric.strategy.precision.state_dict(),
                tally=tally.values(),
                steps_per_epoch=self.start.steps_per_epoch,
                processes=self.share.processes,
            )
            save_state(state, self.states)

    def _log_if_due(self) -> None:
        if self.tally.steps == 0 or not (self._at_epoch_end() or self.done % self.recipe.log_every == 0):
            return
        self._refuse_divergence()
        classification, consistency = (self._mean_losses() / self.tally.steps).tolist()
        row = LogRow(
            step=self.done,
            epoch=round(self.done / self.start.steps_per_epoch, 6),
            classification=classification,
            consistency=consistency,
            learning_rate=learning_rate(self.recipe.optimisation, self.done - 1, self.start.steps_per_epoch),
            images_per_second=self.tally.steps
            * self.recipe.optimisation.batch_size
            / max(self.tally.seconds, 1e-9),
            measured=self._measure() if self._at_epoch_end() else {},
        )
        self.tally = Tally.of([0.0] * 4, self.fabric.device)
        self.clock = time.perf_counter()
        if self.fabric.is_global_zero:
            self.log.add(row, last=self.done == self.end)
        else:
            self.log.rows.append(row)
        self.reporter.row(row)

    def _mean_losses(self) -> Tensor:
        """Sums of the losses since the last row, averaged over the processes."""
        return add_up(self.fabric, self.tally.losses.double()) / self.share.processes

    def _refuse_divergence(self) -> None:
        if not bool(torch.isfinite(self.tally.losses).all()):
            epoch = (self.done - 1) // self.start.steps_per_epoch + 1
            raise RaybenchError(f"training {self.recipe.name} diverged in epoch {epoch}; lower learning_rate")

    def _measure(self) -> dict[str, float]:
        take_buffers_of_first(self.fabric, self.network)  # each process has averaged its own pictures
        self.step_module.eval()
        measured = validate(
            self.network,
            self.start.validation,
            self.start.classes,
            device=self.fabric.device,
            share=self.share,
            add_up=lambda sums: add_up(self.fabric, sums),
            workers=0 if self.start.validation.in_memory else self._workers(self.start.validation),
            say=lambda problem: self.skipped.tell((problem,)),
        )
        choice = self.recipe.localisation
        if choice and self.fabric.is_global_zero:
            measured |= localise(
                self.network, card_of(self.recipe), choice, self.settings.data, self.fabric.device
            )
        self.step_module.train()
        self.fabric.barrier()
        return measured
