"""`raybench show`: what one name stands for."""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Callable, Mapping
from typing import Annotated, Any

import typer

from ...base import UnknownNameError, looking_only

EXAMPLE = "Example: raybench show grad_cam"


def show(
    name: Annotated[str, typer.Argument(help="A method, metric, dataset, protocol, suite or checkpoint.")],
) -> None:
    """Say what a name of a suite stands for: what it does, its options and their defaults, or its file."""
    with looking_only("attributions", "metrics", "datasets"):
        texts = _texts(name)
    typer.echo("\n\n".join(texts))


def _texts(name: str) -> list[str]:
    from ...attributions import ATTRIBUTIONS
    from ...benchmark.datasets import DATASETS
    from ...benchmark.metrics import METRICS
    from ...benchmark.suite import PROTOCOLS, shipped_suites
    from ...checkpoints import card_files

    registered: dict[str, Any] = {"attribution": ATTRIBUTIONS, "metric": METRICS, "dataset": DATASETS}
    texts = [
        _of_function(kind, entry)
        for kind, registry in registered.items()
        for entry in registry
        if name in (entry.name, getattr(entry, "label", None))
    ]
    files: dict[str, tuple[Mapping[str, Any], Callable[[str], str]]] = {
        "suite": (shipped_suites(), lambda one: shipped_suites()[one].read_text(encoding="utf-8")),
        "checkpoint": (card_files(), lambda one: card_files()[one].read_text("utf-8")),
        "protocol": (PROTOCOLS, lambda one: _fields(PROTOCOLS[one])),
    }
    texts += [
        f"{kind} {name}\n\n{read(name).rstrip()}" for kind, (known, read) in files.items() if name in known
    ]
    if not texts:
        known = [entry.name for registry in registered.values() for entry in registry]
        raise UnknownNameError("name", name, [*known, *(one for names, _ in files.values() for one in names)])
    return texts


def _of_function(kind: str, entry: Any) -> str:
    words = inspect.getdoc(entry.function) or ""
    options = "\n".join(f"  {name}: {value!r}" for name, value in entry.options.items())
    facts = f"\n\noptions, with their defaults:\n{options}" if options else ""
    return f"{kind} {entry.name}\n\n{words}{facts}"


def _fields(protocol: Any) -> str:
    fields = {**dataclasses.asdict(protocol), "id": protocol.id}
    return "\n".join(f"{key}: {value}" for key, value in fields.items())
