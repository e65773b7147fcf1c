"""Which checkpoints there are: the cards that ship with raybench, and cards of one's own."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

from ..base import CodeFiles, RaybenchError, UnknownNameError, names_code
from .card import Card, read_card
from .libraries.names import card_of_name, names_network
from .own import card_of_function


def card_files() -> dict[str, Path]:
    """Return the files of all shipped cards by name, in alphabetical order; reads no card."""
    folder = files("raybench.checkpoints") / "cards"
    found = (Path(str(entry)) for entry in folder.iterdir() if entry.name.endswith(".yaml"))
    return dict(sorted((path.stem, path) for path in found))


def shipped_cards() -> list[Card]:
    """All shipped cards, in alphabetical order of their names."""
    return [read_card(path) for path in card_files().values()]


def find_card(name_or_path: str | Path, code: CodeFiles | None = None) -> Card:
    """Return a shipped card by its name, read one of one's own, or make one of a name or a function.

    Args:
        name_or_path: such as `resnet18`, `timm:resnet18.a1_in1k`, `mine.yaml` or `mine.py:my_network`; see
            `card_of_name` and `card_of_function`.
        code: where files with functions are looked for; by default they may not run.

    Raises:
        UnknownNameError: neither a shipped card nor the path of a YAML file; names the nearest.
        RaybenchError: the file cannot be read or is no valid card, as where it holds weights, or its code may
            not run.
    """
    text = str(name_or_path)
    if names_code(text):
        return card_of_function(text, code or CodeFiles())
    if names_network(text):
        return card_of_name(text, (code or CodeFiles()).folder)
    shipped = card_files()
    if text in shipped:
        return read_card(shipped[text])
    if Path(text).suffix in (".yaml", ".yml"):
        return read_card(Path(text).expanduser())
    if Path(text).expanduser().is_file():
        raise RaybenchError(
            f"checkpoint {text!r} is no card; if it holds weights, `raybench init FOLDER --checkpoint "
            f"{text}` writes a card, which says of which network they are, and of which classes"
        )
    from torchvision import models

    of_library = [f"torchvision:{name}" for name in models.list_models(module=models)]
    close = [name for name in of_library if name.partition(":")[2] == text]
    raise UnknownNameError("checkpoint", text, close or shipped)
