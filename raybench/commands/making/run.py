"""`raybench run`: measure a suite."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from ...benchmark.suite import Settings
from ..options import read_options, with_options

__all__ = ["EXAMPLE", "run"]

EXAMPLE = "Example: raybench run real-small --data imagenet=~/imagenet --out runs/real-small"


@with_options(Settings)
def run(
    suite: Annotated[str, typer.Argument(help="Name of a shipped suite, or path of a YAML file.")],
    precision: Annotated[
        Literal["float32", "tf32", "bfloat16", "float16"] | None,
        typer.Option(help="Of the network's arithmetic; makes a protocol of its own.", show_default=False),
    ] = None,
    resize: Annotated[
        Literal["pillow", "device"] | None,
        typer.Option(help="Who resizes pictures; makes a protocol of its own.", show_default=False),
    ] = None,
    decode: Annotated[
        Literal["pillow", "device"] | None,
        typer.Option(help="Who decodes JPEG files; makes a protocol of its own.", show_default=False),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would be measured and what it costs, and stop.")
    ] = False,
    **options: Any,
) -> None:
    """Measure every checkpoint and method of a suite; a run that was stopped goes on where it was.

    For several GPUs or machines: torchrun --nproc-per-node=N -m raybench run SUITE
    """
    from ...attributions import shown_by
    from ...benchmark.running import evaluate, leads, planned
    from ..progress import ProgressReporter

    rules = {"precision": precision, "resize": resize, "decode": decode}
    out = options["out"] or Path("runs") / Path(suite).stem
    protocol = {key: value for key, value in rules.items() if value is not None}
    settings = read_options(Settings, {**options, "out": out}, protocol=protocol)
    reporter = ProgressReporter()
    if dry_run:
        typer.echo("\n".join(planned(suite, settings, reporter=reporter)))
        return
    try:
        with shown_by(reporter.working):
            results = evaluate(suite, settings, reporter=reporter)
    except KeyboardInterrupt:
        if leads():
            reporter.say("raybench: stopped; run the same command again to go on")
        raise typer.Exit(130) from None
    if leads():
        _tell(results.manifest, settings, reporter.say)


def _tell(manifest: Mapping[str, Any], settings: Settings, say: Callable[[str], None]) -> None:
    """Say what the user may not expect, and what comes next."""
    from ...benchmark.results import ResultFiles

    folder = settings.out
    if manifest["skipped"]:
        first = manifest["skipped"][0]["reason"]
        say(
            f"{len(manifest['skipped'])} images could not be used; the first: {first} "
            f"(all are listed in {ResultFiles(folder).manifest})"
        )
    if manifest["largest_batch"]:
        say(
            f"batches of {settings.batch_size} did not fit into memory and were halved; --batch-size "
            f"{manifest['largest_batch']} does"
        )
    say(f"{manifest['wall_seconds']:.1f} s; results are in {folder}")
    say(f"next: raybench table {folder}    raybench plot {folder} -o {folder / 'plots'}")
