"""Which checkpoints there are: the cards that ship with raybench, and cards of one's own."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

from ..base import UnknownNameError
from .card import Card, read_card

__all__ = ["card_names", "find_card", "shipped_cards"]


def card_names() -> list[str]:
    """Names of all shipped cards, in alphabetical order; reads no card."""
    return sorted(_card_files())


def shipped_cards() -> list[Card]:
    """All shipped cards, in alphabetical order of their names."""
    return [read_card(path) for _, path in sorted(_card_files().items())]


def find_card(name_or_path: str | Path) -> Card:
    """Return a shipped card by its name, or read a card of one's own from a .yaml file.

    Raises:
        UnknownNameError: neither a shipped card nor the path of a YAML file; names the nearest.
        RaybenchError: the file cannot be read or is no valid card.
    """
    text = str(name_or_path)
    shipped = _card_files()
    if text in shipped:
        return read_card(shipped[text])
    if Path(text).suffix in (".yaml", ".yml"):
        return read_card(Path(text).expanduser())
    raise UnknownNameError("checkpoint", text, shipped)


def _card_files() -> dict[str, Path]:
    folder = files("raybench.checkpoints") / "cards"
    return {
        Path(entry.name).stem: Path(str(entry)) for entry in folder.iterdir() if entry.name.endswith(".yaml")
    }
