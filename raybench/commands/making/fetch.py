"""`raybench fetch`: get weights ahead of a run, as for a cluster without internet."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from ...checkpoints import Card

EXAMPLE = "Example: raybench fetch torchray resnet50"

_FROM_HUB = ("timm:", "hf:")


def fetch(
    names: Annotated[
        list[str],
        typer.Argument(metavar="NAME...", help="Published tables, suites, checkpoints or their cards."),
    ],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be fetched, and stop.")] = False,
) -> None:
    """Get the weights of tables, suites and checkpoints into the cache; what broke off goes on.

    Sizes are said before, as far as servers say them, and hashes are checked after. Set RAYBENCH_CACHE to a
    folder that the machines without internet see.
    """
    from ...base import RaybenchError
    from ...checkpoints import cache_folder, fetch_weights, remote_size, weight_files

    cards = _cards(names)
    found = [(card, file) for card in cards for file in weight_files(card) if not file.there]
    missing = {file.path or file.how: (card, file) for card, file in reversed(found)}  # by its first card
    sizes = {file.url: remote_size(file.url) / 1e6 for _, file in missing.values() if file.url}
    for card, file in missing.values():
        size = f"{sizes[file.url]:,.0f} MB, " if sizes.get(file.url) else ""
        typer.echo(f"{card.name}: {size}{file.url}" if file.url else f"{card.name}: {file.how}")
    cache = cache_folder()
    typer.echo("\n".join(_sums(sizes, cache)) if missing else "everything is here")
    if dry_run or not missing:
        return
    cache.mkdir(parents=True, exist_ok=True)
    known, free = sum(sizes.values()), shutil.disk_usage(cache).free / 1e6
    if known > free:
        raise RaybenchError(
            f"{cache} has {free:,.0f} MB left, too few for {known:,.0f}; set RAYBENCH_CACHE to another folder"
        )
    failed = []
    for card in {card.name: card for card, file in missing.values() if file.url}.values():
        try:
            for path in fetch_weights(card):
                typer.echo(f"{card.name}: {path}")
        except RaybenchError as error:
            failed.append(str(error))
    if failed:
        several = "\n".join([f"{len(failed)} checkpoints were not fetched:", *(f"- {one}" for one in failed)])
        raise RaybenchError(failed[0] if len(failed) == 1 else several)


def _sums(sizes: Mapping[str, float], cache: Path) -> Iterator[str]:
    """Say how many files go where, and how large they are as far as that is known."""
    hub = [url for url in sizes if url.startswith(_FROM_HUB)]
    for urls, place in (([*sizes.keys() - hub], str(cache)), (hub, "the Hugging Face hub's own cache")):
        lacks = sum(not sizes[url] for url in urls)
        known = f"{sum(sizes[url] for url in urls):,.0f} MB"
        size = "of unknown size" if lacks == len(urls) else f"({known})"
        if 0 < lacks < len(urls):
            size = f"({known} and {lacks} of unknown size)"
        if urls:
            yield f"{len(urls)} file{'s' if len(urls) > 1 else ''} {size} into {place}"


def _cards(names: list[str]) -> list[Card]:
    """Return the cards of tables, suites and checkpoints, each once."""
    from ...base import RaybenchError, UnknownNameError
    from ...benchmark.suite import load_suite, shipped_suites
    from ...benchmark.tables import SOURCES
    from ...checkpoints import card_files, find_card

    found = {}
    for name in names:
        if name in SOURCES:
            wanted = [one for one in SOURCES[name].checkpoints if one in card_files()]
        elif name in shipped_suites():
            wanted = load_suite(name)[0].checkpoints
        else:
            wanted = [name]
        for one in wanted:
            try:
                card = find_card(one)
            except UnknownNameError as error:
                known = {*SOURCES, *shipped_suites(), *card_files()}
                raise UnknownNameError("table, suite or checkpoint", error.name, known) from None
            found[card.name] = card
    if not found:
        raise RaybenchError(f"{' and '.join(names)}: no checkpoint to fetch weights of")
    return list(found.values())
