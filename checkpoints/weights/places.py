"""Where the weight files of a card are, or would be: looked at without fetching or reading any."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from ...base import RaybenchError
from ..card import Card
from ..libraries import hugging_face, timm
from .download import cached_path
from .files import fetched, local_file, verified_sha256

_CACHED = {"timm": timm.cached_weights, "hf": hugging_face.cached_weights}


class WeightFile(NamedTuple):
    """One weight file.

    Attributes:
        card: name of the card.
        url: its address, as the card writes it; empty for a file of one's own.
        path: where it is, or would be kept; None if nothing says where.
        there: whether it is.
        how: what to do where it is not.
    """

    card: str
    url: str
    path: Path | None
    there: bool
    how: str = ""


def weight_files(card: Card, data: Mapping[str, Path] | None = None) -> tuple[WeightFile, ...]:
    """Return the weight files of a card.

    Args:
        card: with its paths anchored.
        data: data folders by name.
    """
    found = []
    for source in card.weights:
        if source.random is not None:
            continue
        if source.url:
            library, _, name = source.url.partition(":")
            by_library = library in _CACHED
            path = _of_library(library, name) if by_library else cached_path(source.url)
            way = "has the library get" if by_library else "gets it from"
            how = f"raybench fetch {way} {source.url}"
            found.append(WeightFile(card.name, source.url, path, path.exists(), how))
            continue
        try:
            path = local_file(source.path or "", card.name, data or {})
            found.append(WeightFile(card.name, "", path, there=True))
        except RaybenchError as error:
            found.append(WeightFile(card.name, "", None, there=False, how=str(error)))
    return tuple(found)


def _of_library(library: str, name: str) -> Path:
    """Where a library keeps weights, if they are here; else a name for them that is no path."""
    try:
        path = _CACHED[library](name)
    except RaybenchError:  # the library is not installed; whoever wants its weights is told
        path = None
    return path or Path(f"{library}:{name}")


def fetch_weights(card: Card) -> tuple[Path, ...]:
    """Get the weight files of a card that have an address, and check their hashes.

    A file whose whole hash the card does not say is pinned to the one that it has now.

    Raises:
        RaybenchError: a file cannot be fetched, or has another hash than the card or the pin says.
    """
    paths = []
    for source in card.weights:
        if source.url:
            paths.append(fetched(source))
            verified_sha256(paths[-1], source)
    return tuple(paths)
