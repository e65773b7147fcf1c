"""The example in every command's help is one that the command takes; every public name is documented."""

from __future__ import annotations

import inspect
import re
import shlex
from pathlib import Path

import pytest
import typer.main

import raybench
from raybench.commands import app

COMMANDS = typer.main.get_command(app).commands  # type: ignore[attr-defined]
PAGE = Path(__file__).resolve().parents[2] / "docs" / "python.md"


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_example_has_only_words_that_the_command_takes(name: str) -> None:
    command = COMMANDS[name]
    lines = re.sub(r"\\\s*\n", " ", command.epilog).removeprefix("Example: ").splitlines()
    for part in " && ".join(lines).split(" && "):
        words = shlex.split(part.split(" > ")[0])
        if words[:2] == ["raybench", name]:
            with command.make_context(name, words[2:]) as context:
                assert context.params


def test_page_shows_every_public_name() -> None:
    members = re.search(r"members: \[(.*)\]", PAGE.read_text(encoding="utf-8"))
    assert members is not None
    assert set(members[1].split(", ")) == set(raybench.__all__) - {"__version__"}


@pytest.mark.parametrize("name", sorted(set(raybench.__all__) - {"__version__"}))
def test_public_name_says_what_it_is(name: str) -> None:
    public = getattr(raybench, name)
    text = inspect.getdoc(public) or ""
    assert len(text.split()) > 5
    if inspect.isfunction(public):
        missing = [one for one in inspect.signature(public).parameters if not re.search(rf"\b{one}\b", text)]
        assert not missing
