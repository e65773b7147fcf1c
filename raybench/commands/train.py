"""`raybench train`: make a checkpoint from a recipe."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from .options import parse_data

if TYPE_CHECKING:
    from rich.live import Live
    from rich.progress import Progress

    from ..training import LogRow, Recipe

__all__ = ["EXAMPLE", "train"]

EXAMPLE = "Example: raybench train imagenet-gc --data imagenet=~/imagenet --set architecture=resnet50"


def train(
    recipe: Annotated[str, typer.Argument(help="Name of a shipped recipe, or path of a YAML file.")],
    data: Annotated[
        list[str] | None,
        typer.Option(
            metavar="[NAME=]PATH",
            help="Folder of a dataset, by default of the one trained on, or $RAYBENCH_DATA/NAME.",
        ),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="Folder of the checkpoint and the log.  [default: runs/train/NAME]")
    ] = None,
    device: Annotated[str, typer.Option(help="auto, cpu or cuda; torchrun gives each process one.")] = "auto",
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on where training stopped, or begin if it has not begun.")
    ] = False,
    steps: Annotated[int | None, typer.Option(min=1, help="Stop after so many steps in all.")] = None,
    change: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="Change a key, such as optimisation.epochs=10."),
    ] = None,
    workers: Annotated[
        int | None, typer.Option(min=0, help="Loader processes.  [default: by machine]")
    ] = None,
    trust_code: Annotated[
        bool,
        typer.Option("--trust-code", help="Let the recipe name code of installed packages as architecture."),
    ] = False,
) -> None:
    """Train a checkpoint by a recipe; its card is ready for `raybench run --checkpoint`."""
    from ..training import TrainingSettings, load_recipe
    from ..training import train as train_by

    chosen = load_recipe(recipe, change or [])
    folder = out or Path("runs") / "train" / chosen.name
    settings = TrainingSettings(
        out=folder,
        data=parse_data(_with_names(data or [], chosen)),
        device=device,
        resume=resume,
        steps=steps,
        workers=workers,
        trust_code=trust_code,
    )
    reporter = TrainingProgress()
    try:
        trained = train_by(chosen, settings, reporter=reporter)
    except KeyboardInterrupt:
        if reporter.leads:
            reporter.say("raybench: stopped; run the same command with --resume to go on from the last state")
        raise typer.Exit(130) from None
    if reporter.leads:
        reporter.say(f"the log is {folder / 'log.csv'}, its curves are {folder / 'curves.png'}")
        reporter.say(f"next: raybench run SUITE --checkpoint {trained.card}")


def _with_names(folders: list[str], recipe: Recipe) -> list[str]:
    """Let a folder without a name be that of the pictures to train on."""
    name = getattr(recipe.train, "dataset", None)
    return [f"{name}={folder}" if name and "=" not in folder else folder for folder in folders]


class TrainingProgress:
    """A bar with images per second and time left, and below it losses and accuracy or F1, on standard error.

    Attributes:
        leads: whether this process was told anything, as one of several is.
    """

    def __init__(self) -> None:
        """Draw on standard error."""
        from rich.console import Console

        self.console = Console(stderr=True)
        self.leads = False
        self._progress: Progress | None = None
        self._live: Live | None = None
        self._measured = ""

    def start(self, title: str, total: int, done: int, images_per_step: int) -> None:
        """See `raybench.training.TrainingReporter.start`."""
        from rich.console import Group
        from rich.live import Live
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
        from rich.text import Text

        self.leads = True
        if done:
            self.say(f"{title}: {done} of {total} steps are done already; going on")
        self._images_per_step = images_per_step
        self._progress = Progress(
            TextColumn("[bold]{task.description}"),
            BarColumn(bar_width=20),
            MofNCompleteColumn(),
            TextColumn("[cyan]{task.fields[speed]}"),
            TimeRemainingColumn(),
        )
        self._task = self._progress.add_task(title, total=total, completed=done, speed="")
        self._below = Text(no_wrap=True, overflow="ellipsis")
        self._live = Live(Group(self._progress, self._below), console=self.console)
        self._live.start()

    def advance(self, terms: dict[str, float] | None) -> None:
        """See `raybench.training.TrainingReporter.advance`."""
        if self._progress is None:
            return
        self._progress.advance(self._task)
        if terms is not None:
            words = [f"{name} {value:.4g}" for name, value in terms.items()]
            self._below.plain = "  ".join([*words, self._measured])
            speed = self._progress.tasks[0].speed
            self._progress.update(
                self._task, speed=f"{speed * self._images_per_step:.1f} images/s" if speed else ""
            )

    def row(self, row: LogRow) -> None:
        """See `raybench.training.TrainingReporter.row`."""
        if not row.measured:
            return
        from ..benchmark.metrics import METRICS

        measured = [f"{METRICS.get(name).label} {value:.1f}" for name, value in row.measured.items()]
        self._measured = "  ".join(measured)
        consistency = f"consistency {row.consistency:.6f}, " if row.consistency else ""
        self.say(
            f"epoch {row.epoch:.4g}: classification {row.classification:.4f}, {consistency}"
            f"{', '.join(measured)}, {row.images_per_second:.1f} images/s"
        )

    def finish(self) -> None:
        """See `raybench.training.TrainingReporter.finish`."""
        if self._live:
            self._live.stop()
            if not self.console.is_interactive:
                self.console.print()  # rich leaves the last line open there
            self._live = self._progress = None

    def say(self, message: str) -> None:
        """See `raybench.training.TrainingReporter.say`."""
        self.console.print(message, highlight=False, markup=False, soft_wrap=True)
