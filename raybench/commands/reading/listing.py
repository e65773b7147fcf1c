"""`raybench list`: what there is to choose from."""

from __future__ import annotations

import fnmatch
import json
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from ..printing import wide_console

if TYPE_CHECKING:
    from ...attributions import Passes

EXAMPLE = "Example: raybench list attributions"


Library = Literal["torchvision", "timm"]
Noun = Literal["checkpoints", "attributions", "metrics", "datasets", "protocols", "suites"]


def list_names(
    noun: Annotated[Noun, typer.Argument(help="What to list.")],
    library: Annotated[
        Library | None, typer.Option(help="With checkpoints: the networks of a library instead of cards.")
    ] = None,
    match: Annotated[
        str, typer.Option(metavar="PATTERN", help="Only names like it, such as 'convnext*'.")
    ] = "*",
    form: Annotated[
        Literal["terminal", "json"], typer.Option("--format", help="How to print it.")
    ] = "terminal",
) -> None:
    """List what suites and options can name; `raybench show NAME` says more of one."""
    from rich.markup import escape
    from rich.table import Table

    from ...base import RaybenchError, looking_only

    if library and noun != "checkpoints":
        raise RaybenchError(f"--library lists networks: raybench list checkpoints --library {library}")
    if library:
        columns, rows = _networks(library)
    else:
        with looking_only(noun):
            columns, rows = _LISTS[noun]()
    rows = [row for row in rows if fnmatch.fnmatchcase(row[0].rpartition(":")[2], match)]
    if not rows and match != "*":
        raise RaybenchError(f"none of the {noun} has a name like {match!r}")
    if form == "json":
        typer.echo(json.dumps([dict(zip(columns, row, strict=True)) for row in rows], indent=1))
        return
    table = Table(*columns, box=None, pad_edge=False, header_style="bold")
    for row in rows:
        table.add_row(*map(escape, row))
    wide_console().print(table)


Listing = tuple[tuple[str, ...], Sequence[tuple[str, ...]]]


def _networks(library: Library) -> Listing:
    from ...checkpoints import library_names

    return ("name",), [(f"{library}:{name}",) for name in library_names(library)]


def _checkpoints() -> Listing:
    from ...checkpoints import shipped_cards

    rows = [
        (
            card.name,
            card.architecture,
            card.pooling,
            card.training or "",
            card.classes,
            card.source.partition(";")[0],
        )
        for card in shipped_cards()
    ]
    return ("name", "architecture", "pooling", "training", "classes", "source"), rows


def _attributions() -> Listing:
    from ...attributions import ATTRIBUTIONS, bound

    # by family, those of other libraries behind ours
    entries = sorted(ATTRIBUTIONS, key=lambda one: ("." in one.name, one.family, one.name))
    rows = [
        (
            entry.family,
            entry.name,
            _cost(bound(entry).passes),
            "" if entry.kind == "dense" else entry.fits,
            entry.summary,
        )
        for entry in entries
    ]
    return ("family", "name", "passes", "networks", "what it is"), rows


def _cost(passes: Passes) -> str:
    """Word how many passes, forward (f) and backward (b), a method takes by default: 50f/image 50b/class."""
    counted = {
        "f/image": passes.forwards_per_image,
        "f/channel": passes.forwards_per_channel,
        "f/class": passes.forwards_per_query,
        "b/image": passes.backwards_per_image,
        "b/class": passes.backwards_per_query,
    }
    return " ".join(f"{number:.4g}{unit}" for unit, number in counted.items() if number)


def _metrics() -> Listing:
    from ...benchmark.metrics import METRICS

    rows = [(entry.name, entry.label, entry.summary, ", ".join(entry.aggregates)) for entry in METRICS]
    return ("name", "label", "what it is", "aggregates"), rows


def _datasets() -> Listing:
    from ...benchmark.datasets import DATASETS

    rows = [(entry.name, entry.classes, entry.summary) for entry in DATASETS]
    return ("name", "classes", "what it reads"), rows


def _protocols() -> Listing:
    from ...benchmark.suite import PROTOCOLS

    rows = [(key, one.id, str(one.short_side), one.fit, one.queries) for key, one in PROTOCOLS.items()]
    return ("name", "id", "short side", "fit", "queries"), rows


def _suites() -> Listing:
    from ...benchmark.suite import load_suite, shipped_suites

    rows = []
    for name in sorted(shipped_suites()):
        suite, _ = load_suite(name)
        size = f"{len(suite.checkpoints)} x {len(suite.attributions)}"
        rows.append((name, suite.dataset_choice.name, size, suite.description))
    return ("name", "dataset", "checkpoints x methods", "what it measures"), rows


_LISTS: dict[Noun, Callable[[], Listing]] = {
    "checkpoints": _checkpoints,
    "attributions": _attributions,
    "metrics": _metrics,
    "datasets": _datasets,
    "protocols": _protocols,
    "suites": _suites,
}
