"""`raybench reproduce`: measure a published table again and judge the numbers."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Any

import typer

from ...base import RaybenchError
from ...benchmark.suite import Settings
from ..options import LogFile, Quiet, read_options, with_options

EXAMPLE = "Example: raybench reproduce torchray --columns 'voc-*' --limit 500 --data voc=~/VOC2007"

_CONTRADICTS, _MISSING = 1, 3


@with_options(Settings)
def reproduce(
    table: Annotated[
        str | None, typer.Argument(help="Name of a published table, or the YAML file of one's own.")
    ] = None,
    listed: Annotated[bool, typer.Option("--list", help="Say which tables there are, and stop.")] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what each cell needs and what it costs, and stop.")
    ] = False,
    columns: Annotated[
        list[str] | None, typer.Option(help="Measure these columns alone; patterns such as 'voc-*'.")
    ] = None,
    expensive: Annotated[
        bool | None,
        typer.Option(
            "--expensive/--no-expensive",
            help="Measure methods of thousands of passes too.",
            show_default="on a GPU, or with --limit",
        ),
    ] = None,
    offline: Annotated[bool, typer.Option("--offline", help="Download nothing.")] = False,
    skip_missing: Annotated[
        bool, typer.Option("--skip-missing", help="Measure what is there, and leave the rest out.")
    ] = False,
    quiet: Quiet = False,
    log_file: LogFile = None,
    **options: Any,
) -> None:
    """Measure a published table again, and say of each number whether it is that of the source.

    --limit draws a random sample of the pictures. Exits with 0 if nothing contradicts what was published, 1
    if a number does, 3 if something is missing.
    """
    from ...benchmark.reproduction import lines_of, look, open_table, planned_lines, write_reproduction
    from ...benchmark.reproduction import reproduce as measured
    from ...benchmark.running import leads, pick_device
    from ..reporting import reporter as telling

    if listed:
        typer.echo("\n".join(_tables()))
        return
    if table is None:
        raise RaybenchError("name a table, such as wsol-center, or ask for all of them by --list")
    for name in ("checkpoints", "attributions", "name"):
        if options.get(name):
            raise RaybenchError(
                f"a published table says itself which {name} it has; leave --{name.removesuffix('s')} out"
            )
    out = options["out"] or Path("runs") / Path(table).stem
    settings = read_options(Settings, {**options, "out": out})
    device = pick_device(settings.device).type
    wanted = expensive if expensive is not None else device == "cuda" or settings.limit is not None
    found = open_table(table, columns=columns or (), expensive=wanted)
    ready = look(
        found,
        settings.data,
        device=device,
        processes=settings.processes or os.cpu_count() or 1,
        images=settings.limit,
    )
    reporter = telling(quiet=quiet, log_file=log_file)
    if dry_run:
        typer.echo("\n".join(planned_lines(found, ready, settings.limit)))
        return
    lacking = [f"{lack.what}: {lack.how}" for lack in ready.lacks]
    lacking += [f"weights of {file.card}: {file.how}" for file in ready.weights if offline]
    for line in lacking:
        reporter.say(f"missing: {line}")
    columns_left = ready.columns(found, offline=offline)
    if lacking and (not skip_missing or not columns_left):
        raise typer.Exit(_MISSING)
    made = measured(found, settings, only=columns_left, reporter=reporter)
    if leads():
        paths = write_reproduction(made, settings.out)
        typer.echo("\n".join(lines_of(made)))
        reporter.say(f"written: {', '.join(map(str, paths))}")
    if made.contradicts:
        raise typer.Exit(_CONTRADICTS)


def _tables() -> list[str]:
    """Name the tables that ship, with how much of each is ready here."""
    from ...benchmark.reproduction import look, open_table
    from ...benchmark.tables import SOURCES

    lines = []
    for name, source in SOURCES.items():
        table = open_table(name)
        ready = look(table, {}, device="cpu", processes=1, images=None)
        possible, columns = len(table.cells) - len(table.impossible), ready.columns(table, offline=True)
        here = sum(len(group.cells) for group in table.groups if group.column in columns)
        lines.append(
            f"{name:12} {len(table.cells):3} cells, {possible:3} can be measured, {here:3} are ready here  "
            f"{source.title}"
        )
    return lines
