"""`raybench train`: make a checkpoint from a recipe."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from ...benchmark.suite import TrainingSettings
from ..options import read_options, with_options

__all__ = ["EXAMPLE", "train"]

EXAMPLE = "Example: raybench train imagenet-gc --data imagenet=~/imagenet --set architecture=resnet50"


@with_options(TrainingSettings)
def train(
    recipe: Annotated[str, typer.Argument(help="Name of a shipped recipe, or path of a YAML file.")],
    change: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="Change a key, such as optimisation.epochs=10."),
    ] = None,
    **options: Any,
) -> None:
    """Train a checkpoint by a recipe; its card is ready for `raybench run --checkpoint`."""
    from ...training import load_recipe
    from ...training import train as train_by
    from ..progress import TrainingProgress

    chosen = load_recipe(recipe, change or [])
    named = getattr(
        chosen.train, "dataset", None
    )  # a folder without a name is that of the pictures to train on
    data = [f"{named}={one}" if named and "=" not in one else one for one in options["data"] or ()]
    out = options["out"] or Path("runs") / "train" / chosen.name
    settings = read_options(TrainingSettings, {**options, "data": data, "out": out})
    reporter = TrainingProgress()
    try:
        trained = train_by(chosen, settings, reporter=reporter)
    except KeyboardInterrupt:
        if reporter.leads:
            reporter.say("raybench: stopped; run the same command with --resume to go on from the last state")
        raise typer.Exit(130) from None
    if reporter.leads:
        reporter.say(f"the log is {out / 'log.csv'}, its curves are {out / 'curves.png'}")
        reporter.say(f"next: raybench run SUITE --checkpoint {trained.card}")
