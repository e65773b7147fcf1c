"""`raybench run`: measure a suite."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from shlex import join, quote
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from ...base import RaybenchError
from ...benchmark.suite import (
    PROTOCOLS,
    Settings,
    as_document,
    changed_fields,
    meant,
    protocol_key,
    shipped_default,
    words_of,
)
from ..options import LogFile, Quiet, read_options, with_options

if TYPE_CHECKING:
    import pandas as pd

EXAMPLE = "Example: raybench run real-small --data imagenet=~/imagenet --out runs/real-small"


@with_options(Settings)
def run(
    suite: Annotated[
        str | None,
        typer.Argument(help="Name of a shipped suite, or path of a YAML file; or say it all by options."),
    ] = None,
    protocol: Annotated[
        str | None,
        typer.Option(help="Follow this protocol instead of the suite's.", metavar="NAME", show_default=False),
    ] = None,
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
    quiet: Quiet = False,
    log_file: LogFile = None,
    **options: Any,
) -> None:
    """Measure every checkpoint and method of a suite; a run that was stopped goes on where it was.

    Without a suite: --dataset imagenet --checkpoint torchvision:resnet50 --attribution grad_cam --limit 200

    For several GPUs or machines: torchrun --nproc-per-node=N -m raybench run SUITE

    Exits with 0 if all is measured that can be, 2 for a mistake, 130 after Ctrl-C and 143 after SIGTERM; the
    same command goes on.
    """
    from ...attributions import shown_by
    from ...benchmark.running import evaluate, leads, planned
    from ..reporting import Terminated, ended_by_signal, reporter

    if suite is None and options["dataset"] is None:
        raise RaybenchError("nothing to run; name a suite (raybench list suites), or data by --dataset")
    rules = {"name": protocol, "precision": precision, "resize": resize, "decode": decode}
    source = suite or shipped_default
    out = options["out"] or Path("runs") / (options["name"] or Path(source).stem)
    departing = {key: value for key, value in rules.items() if value is not None}
    settings = read_options(Settings, {**options, "out": out}, protocol=departing)
    told = reporter(quiet=quiet, log_file=log_file)
    if dry_run:
        typer.echo("\n".join(planned(source, settings, reporter=told)))
        return
    try:
        with ended_by_signal(), shown_by(told.working):
            results = evaluate(source, settings, reporter=told)
    except KeyboardInterrupt as stop:
        if leads():
            after = f" after {told.where}" if told.where else ""
            told.say(f"raybench: stopped{after}; the same command goes on")
        raise typer.Exit(143 if isinstance(stop, Terminated) else 130) from None
    if leads():
        if suite is None:
            _keep_suite(source, settings, results.manifest, told.say)
        _tell(results.manifest, settings, told.say)
        for row in _degenerate_rows(results.summary):
            told.say(f"{row}: all maps are degenerate; they say nothing")


def _degenerate_rows(summary: pd.DataFrame) -> list[str]:
    """Name the rows of networks all of whose maps are degenerate; baselines such as a uniform map may be."""
    from ...benchmark.results import NO_CHECKPOINT

    maps = summary[
        (summary["checkpoint"] != NO_CHECKPOINT) & (summary["attribution"] != "") & (summary["n"] > 0)
    ]
    useless = maps[maps["degenerate"] >= maps["n"]]
    return list(dict.fromkeys((useless["checkpoint"] + "/" + useless["attribution"]).tolist()))


def _keep_suite(
    source: str, settings: Settings, manifest: Mapping[str, Any], say: Callable[[str], None]
) -> None:
    """Write the suite that the options meant beside the results, with the rules that were followed."""
    from ...base import CodeFiles
    from ...benchmark.datasets import find_folder, find_reader
    from ...benchmark.results import write_atomically

    path, (chosen, _) = settings.out / "suite.yaml", meant(source, settings)
    fields, data = manifest["protocol"]["fields"], chosen.dataset_choice
    name = protocol_key(fields["name"], fields["version"])
    protocol = {"name": name, **changed_fields(PROTOCOLS[name], fields)}
    write_atomically(path, as_document(chosen, settings, protocol))
    reader = find_reader(data.name, CodeFiles(trusted=settings.trust_code)).source(data.options)
    beside = reader.beside and find_folder(reader, settings.data) is None
    here = {reader.name: Path()} if beside else {}  # and not beside the file that was written
    again = replace(settings, data={**settings.data, **here}, compile=manifest["compute"]["compile"])
    say("kept as a suite, to go on with: " + join(["raybench", "run", str(path), *words_of(again)]))


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
    named, plots = quote(str(folder)), quote(str(folder / "plots"))
    say(f"next: raybench table {named} --intervals")
    say(f"      raybench plot {named} -o {plots}")
