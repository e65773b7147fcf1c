"""`raybench run`: measure a suite."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from .options import parse_data

__all__ = ["EXAMPLE", "run"]

EXAMPLE = "Example: raybench run real-small --data imagenet=~/imagenet --out runs/real-small"


def run(
    suite: Annotated[str, typer.Argument(help="Name of a shipped suite, or path of a YAML file.")],
    data: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME=PATH", help="Folder of a dataset; default: $RAYBENCH_DATA/NAME."),
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Result folder.  [default: runs/SUITE]")] = None,
    device: Annotated[str, typer.Option(help="auto, cpu or cuda.")] = "auto",
    batch_size: Annotated[int, typer.Option(min=1, help="Images per forward pass on a GPU.")] = 32,
    workers: Annotated[
        int | None, typer.Option(min=0, help="Loader processes of each process.  [default: by machine]")
    ] = None,
    processes: Annotated[
        int | None,
        typer.Option(min=1, help="Processes that measure side by side on a CPU.  [default: one per core]"),
    ] = None,
    threads: Annotated[
        int | None,
        typer.Option(min=1, help="Threads of each process; changes the last digits.  [default: 1 on a CPU]"),
    ] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="Measure only the first N images.")] = None,
    fresh: Annotated[bool, typer.Option("--fresh", help="Measure anew instead of resuming.")] = False,
    checkpoint: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME|CARD.yaml", help="Measure these checkpoints instead of the suite's."),
    ] = None,
    trust_code: Annotated[
        bool, typer.Option("--trust-code", help="Let cards name code of installed packages as architecture.")
    ] = False,
    strict: Annotated[
        bool, typer.Option("--strict", help="Stop at the first image that cannot be used.")
    ] = False,
    fast: Annotated[
        bool,
        typer.Option(
            "--fast", help="Try on a sample what is faster and moves no number by 0.1 point, and use that."
        ),
    ] = False,
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
    compile: Annotated[
        Literal["no", "stages", "graphs"],
        typer.Option(help="Compile networks on CUDA, also with CUDA graphs; changes the last digits."),
    ] = "no",
) -> None:
    """Measure every checkpoint and method of a suite; a run that was stopped goes on where it was.

    For several GPUs or machines: torchrun --nproc-per-node=N -m raybench run SUITE
    """
    from ..benchmark.running import evaluate, leads
    from ..benchmark.suite import Settings
    from .progress import ProgressReporter

    reporter = ProgressReporter()
    folder = out or Path("runs") / Path(suite).stem
    settings = Settings(
        data=parse_data(data or []),
        out=folder,
        device=device,
        batch_size=batch_size,
        workers=workers,
        processes=processes,
        threads=threads,
        limit=limit,
        fresh=fresh,
        strict=strict,
        checkpoints=tuple(checkpoint or ()),
        trust_code=trust_code,
        protocol={
            key: value
            for key, value in (("precision", precision), ("resize", resize), ("decode", decode))
            if value is not None
        },
        compile=compile,
        fast=fast,
    )
    try:
        results = evaluate(suite, settings, reporter=reporter)
    except KeyboardInterrupt:
        if leads():
            typer.echo("raybench: stopped; run the same command again to go on", err=True)
        raise typer.Exit(130) from None
    if not leads():
        return
    manifest = results.manifest
    if manifest["skipped"]:
        first = manifest["skipped"][0]["reason"]
        reporter.say(
            f"{len(manifest['skipped'])} images could not be used; the first: {first} "
            f"(all are listed in {folder / 'run.json'})"
        )
    if manifest["largest_batch"]:
        reporter.say(
            f"batches of {batch_size} did not fit into memory and were halved; --batch-size "
            f"{manifest['largest_batch']} does"
        )
    reporter.say(f"{manifest['wall_seconds']:.1f} s; results are in {folder}")
    reporter.say(f"next: raybench table {folder}    raybench plot {folder} -o {folder / 'plots'}")
