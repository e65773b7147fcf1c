"""`raybench data`: what datasets there are, where to get them, and whether a folder holds one whole."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

EXAMPLE = "Example: raybench data check coco-val2014 --path ~/coco"


def data(
    what: Annotated[
        str, typer.Argument(help="list, where, check, or unpack (pictures of Hugging Face's tables).")
    ] = "list",
    names: Annotated[
        list[str] | None, typer.Argument(metavar="NAME...", help="Datasets; for unpack: FROM TO.")
    ] = None,
    path: Annotated[Path | None, typer.Option(help="Folder to check.", show_default="$RAYBENCH_DATA")] = None,
    full: Annotated[bool, typer.Option("--full", help="Decode every picture; takes minutes.")] = False,
) -> None:
    """Say where to get datasets, on which terms, and what of them is in a folder.

    check compares counts and classes with what is known, and exits with 1 where something is missing.
    """
    from ...base import UnknownNameError

    actions = {"list": _list, "where": _where, "check": _check, "unpack": _unpack}
    if what not in actions:
        raise UnknownNameError("action of raybench data", what, actions)
    actions[what](names or [], path, full)


def _list(_names: list[str], _path: Path | None, _full: bool) -> None:
    from ...benchmark.datasets import find_folder, known_data
    from ...benchmark.tables import SOURCES, known_datasets, load_published

    for name, known in known_data().items():
        folder = find_folder(known.entry, {})
        tables = [
            table
            for table in SOURCES
            for dataset in {value.dataset for value in load_published(table)}
            for choice in (known_datasets[dataset].choice, known_datasets[dataset].without_network)
            if (choice.get("name"), choice.get("split")) == (known.reader, known.options.get("split"))
        ]
        used = f"; used by {', '.join(dict.fromkeys(tables))}" if tables else ""
        typer.echo(f"{name:20} {known.images:7,} pictures  {_found(name, folder)}{used}")


def _found(name: str, folder: Path | None) -> str:
    """Say where a dataset is, and how much of it."""
    from ...base import RaybenchError
    from ...benchmark.datasets import known_data
    from ...benchmark.suite import PROTOCOLS

    if folder is None:
        return "not found"
    known = known_data()[name]
    try:
        count = len(known.open(folder, PROTOCOLS["aaai21-clamped"]))
    except RaybenchError:
        return f"not in {folder}: `raybench data check {name}` says why"
    return str(folder) if count == known.images else f"{count:,} of them in {folder}"


def _where(names: list[str], _path: Path | None, _full: bool) -> None:
    from ...benchmark.datasets import known_data, names_of_known

    known = known_data()
    for name in [name for text in names for name in names_of_known(text)] or known:
        one = known[name]
        typer.echo(f"{name}: {one.title}")
        typer.echo(f"  get it from {' '.join(one.where.split())}")
        typer.echo(f"  size: {one.size}; terms: {one.terms}")
        for file, md5 in one.archives.items():
            typer.echo(f"  {file} has MD5 {md5}")
        options = "".join(f", {key}: {value}" for key, value in one.options.items())
        typer.echo(
            f"  in a suite: dataset: {{name: {one.reader}{options}}}; its layouts: {one.entry.summary}"
        )


def _check(names: list[str], path: Path | None, full: bool) -> None:
    from ...base import RaybenchError
    from ...benchmark.datasets import check_data, find_folder, known_data, names_of_known
    from ...benchmark.suite import PROTOCOLS

    if not names:
        raise RaybenchError("name the dataset to check, such as imagenet or coco-val2014")
    wrong = 0
    for name in (name for text in names for name in names_of_known(text)[:1]):
        known = known_data()[name]
        root = path or find_folder(known.entry, {})
        if root is None:
            raise RaybenchError(f"dataset {name!r} was not found; give its folder by --path")
        typer.echo(f"{name} in {root}:")
        for fine, sentence in check_data(known, root.expanduser(), PROTOCOLS["aaai21-clamped"], full=full):
            typer.echo(f"  {'' if fine else 'not as known: '}{sentence}")
            wrong += not fine
    if wrong:
        raise typer.Exit(1)


def _unpack(names: list[str], _path: Path | None, _full: bool) -> None:
    from ...base import RaybenchError
    from ...benchmark.datasets import unpack_parquet

    if len(names) != 2:
        raise RaybenchError("give the folder of the tables and the one to write, as in: data unpack FROM TO")
    count = unpack_parquet(Path(names[0]).expanduser(), Path(names[1]).expanduser())
    typer.echo(f"{count:,} pictures are in {names[1]}")
