"""`raybench doctor`: is a network fit to be measured?"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from ..options import parse_data

if TYPE_CHECKING:
    from ...benchmark.doctor import Patient

__all__ = ["EXAMPLE", "doctor"]

EXAMPLE = "Example: raybench doctor --checkpoint mine.yaml --suite real-small --data imagenet=~/imagenet"


def doctor(
    checkpoint: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME|CARD.yaml|FILE.py:FUNCTION", help="Which network.  [default: the suite's]"
        ),
    ] = None,
    attribution: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME|FILE.py:FUNCTION", help="Methods to try.  [default: the suite's]"),
    ] = None,
    suite: Annotated[
        str | None, typer.Option(help="Suite whose pictures, classes and protocol are used.")
    ] = None,
    data: Annotated[
        list[str] | None, typer.Option(metavar="NAME=PATH", help="Folder of pictures or weights.")
    ] = None,
    images: Annotated[int, typer.Option(min=1, help="Pictures to look at.")] = 32,
    protocol: Annotated[
        str | None, typer.Option(help="Without a suite.  [default: what suits the network]")
    ] = None,
    format: Annotated[Literal["text", "json"], typer.Option(help="How to print.")] = "text",
    device: Annotated[str, typer.Option(help="auto, cpu or cuda.")] = "auto",
    trust_code: Annotated[bool, typer.Option("--trust-code", help="Run code that cards name.")] = False,
) -> None:
    """Look for what would spoil hours of measuring: loading, input, scores, layer, classes, methods, cost.

    Every line is ok, a warning or a refusal, with what to do; the exit code is 0, 1 or 2. Whether colours,
    range and classes are in order is told from labelled pictures: give a --suite and its --data.
    """
    from ...benchmark.doctor import as_json, examine, exit_code, printed

    code, listed = 0, []
    for patient in _patients(
        checkpoint or [], attribution or [], suite, data or [], images, protocol, device, trust_code
    ):
        findings = []
        if format == "text":
            typer.echo(patient.network.name)
        for finding in examine(patient):
            findings.append(finding)
            if format == "text":
                typer.echo("\n".join(f"  {line}" for line in printed([finding])))
        code = max(code, exit_code(findings))
        listed.append({"checkpoint": patient.network.name, "findings": as_json(findings)})
    if format == "json":
        typer.echo(json.dumps(listed, indent=2))
    raise typer.Exit(code)


def _patients(
    checkpoints: list[str],
    attributions: list[str],
    suite: str | None,
    data: list[str],
    images: int,
    protocol: str | None,
    device: str,
    trust_code: bool,
) -> Iterator[Patient]:
    from ...attributions import bind
    from ...base import CodeFiles, RaybenchError
    from ...benchmark.doctor import Patient, made_up_pictures, patients_of_suite
    from ...benchmark.measuring import usual_protocol
    from ...benchmark.running import pick_device
    from ...benchmark.suite import Settings, protocol_from
    from ...checkpoints import load_network
    from ..progress import ProgressReporter

    folders = parse_data(data)
    if suite is not None:
        settings = Settings(
            data=folders,
            device=device,
            checkpoints=checkpoints,
            attributions=attributions,
            trust_code=trust_code,
        )
        yield from patients_of_suite(suite, settings, images, ProgressReporter())
        return
    if not checkpoints:
        raise RaybenchError("nothing to look at; name a network by --checkpoint, or a --suite")
    code = CodeFiles(trusted=trust_code)
    methods = [bind(name, code=code) for name in attributions or ["grad_cam"]]
    for name in checkpoints:
        network = load_network(name, device=pick_device(device), data=folders, trust_code=trust_code)
        rules = protocol_from(protocol or usual_protocol(network))
        yield Patient(network, methods, rules, made_up_pictures(min(images, 4)))
