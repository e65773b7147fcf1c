"""`raybench train`: make a checkpoint from a recipe."""

from __future__ import annotations

from pathlib import Path
from shlex import quote
from typing import Annotated, Any

import typer

from ...benchmark.suite import TrainingSettings
from ..options import LogFile, Quiet, read_options, with_options
from ..printing import print_tables

EXAMPLE = "Example: raybench train imagenet-gc --data imagenet=~/imagenet --set architecture=resnet50"


@with_options(TrainingSettings)
def train(
    recipe: Annotated[str, typer.Argument(help="Name of a shipped recipe, or path of a YAML file.")],
    change: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="Change a key, such as optimisation.epochs=10."),
    ] = None,
    quiet: Quiet = False,
    log_file: LogFile = None,
    **options: Any,
) -> None:
    """Train a checkpoint by a recipe; its card is ready for `raybench run --checkpoint`.

    A recipe that names a suite (--set suite=NAME) is measured by it in the end, beside its parent, and the
    table is printed. Exits with 130 after Ctrl-C and 143 after SIGTERM; --resume goes on.
    """
    from ...benchmark.running import leads
    from ...training import load_recipe, measure_trained
    from ...training import train as train_by
    from ..reporting import Terminated, ended_by_signal, reporter, training_reporter

    chosen = load_recipe(recipe, change or [])
    named = getattr(chosen.train, "dataset", None)  # whose folder is one that is given without a name
    data = [f"{named}={one}" if named and "=" not in one else one for one in options["data"] or ()]
    out = options["out"] or Path("runs") / "train" / chosen.name
    settings = read_options(TrainingSettings, {**options, "data": data, "out": out})
    told = training_reporter(quiet=quiet, log_file=log_file)
    try:
        with ended_by_signal():
            trained = train_by(chosen, settings, reporter=told)
            if told.leads:
                told.say(f"the log is {out / 'log.csv'}, its curves are {out / 'curves.png'}")
            if chosen.suite and trained.finished:
                report = reporter(quiet=quiet, log_file=log_file)
                measured = measure_trained(chosen, settings, trained.card, reporter=report).out
    except KeyboardInterrupt as stop:
        if told.leads:
            told.say("raybench: stopped; run the same command with --resume to go on from the last state")
        raise typer.Exit(143 if isinstance(stop, Terminated) else 130) from None
    if not leads():
        return
    if chosen.suite and trained.finished:
        if not quiet:
            _print_table(measured)
        named, plots = quote(str(measured)), quote(str(out / "plots"))
        told.say(f"next: raybench compare {named}    raybench plot {named} -o {plots}")
    else:
        told.say(f"next: raybench run SUITE --checkpoint {quote(str(trained.card))}")


def _print_table(folder: Path) -> None:
    """Print the rows of the trained checkpoint and its parent."""
    from ...benchmark.tables import comparison_table

    print_tables([comparison_table([folder], tied=True)])
