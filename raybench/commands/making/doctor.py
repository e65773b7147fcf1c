"""`raybench doctor`: is a network fit to be measured?"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from ..options import NETWORK, Data, Device, TrustCode, parse_data

if TYPE_CHECKING:
    from ...benchmark.doctor import Patient
    from ...benchmark.suite import Settings
    from ..reporting import Told

EXAMPLE = "Example: raybench doctor --checkpoint mine.yaml --suite real-small --data imagenet=~/imagenet"


def doctor(
    checkpoint: Annotated[
        list[str] | None,
        typer.Option(metavar=NETWORK, help="Which network.", show_default="the suite's"),
    ] = None,
    attribution: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME|FILE.py:FUNCTION", help="Methods to try.", show_default="the suite's"),
    ] = None,
    suite: Annotated[
        str | None, typer.Option(help="Suite whose pictures, classes and protocol are used.")
    ] = None,
    data: Data = None,
    images: Annotated[int, typer.Option(min=1, help="Pictures to look at.")] = 32,
    protocol: Annotated[
        str | None, typer.Option(help="Without a suite.", show_default="what suits the network")
    ] = None,
    format: Annotated[Literal["text", "json"], typer.Option(help="How to print.")] = "text",
    device: Device = "auto",
    trust_code: TrustCode = False,
) -> None:
    """Look for what would spoil hours of measuring: loading, input, scores, layer, classes, methods, cost.

    Every line is ok, a warning or a refusal, with what to do; the exit code is 0, 1 or 2. Whether colours,
    range and classes are in order is told from labelled pictures: give a --suite and its --data.
    """
    from ...attributions import shown_by
    from ...benchmark.doctor import as_json, examine, exit_code, printed
    from ...benchmark.suite import Settings
    from ..reporting import reporter

    settings = Settings(
        data=parse_data(data or []),
        device=device,
        checkpoints=checkpoint or (),
        attributions=attribution or (),
        trust_code=trust_code,
    )
    code, listed, told = 0, [], reporter()
    for patient in _patients(settings, suite, images, protocol, told):
        findings = []
        if format == "text":
            typer.echo(patient.network.name)
        with shown_by(told.working):
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
    settings: Settings, suite: str | None, images: int, protocol: str | None, told: Told
) -> Iterator[Patient]:
    from ...attributions import bind
    from ...base import CodeFiles, RaybenchError
    from ...benchmark.doctor import Patient, made_up_pictures, patients_of_suite
    from ...benchmark.measuring import usual_protocol
    from ...benchmark.running import pick_device
    from ...benchmark.suite import protocol_from
    from ...checkpoints import load_network

    if suite is not None:
        told.say("opening the suite and its pictures")
        yield from patients_of_suite(suite, settings, images, told)
        return
    if not settings.checkpoints:
        raise RaybenchError("nothing to look at; name a network by --checkpoint, or a --suite")
    code, device = CodeFiles(trusted=settings.trust_code), pick_device(settings.device)
    methods = [bind(name, code=code) for name in settings.attributions or ["grad_cam"]]
    for name in settings.checkpoints:
        network = load_network(name, device=device, data=settings.data, trust_code=settings.trust_code)
        rules = protocol_from(protocol or usual_protocol(network))
        yield Patient(network, methods, rules, made_up_pictures(min(images, 4)))
