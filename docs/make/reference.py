"""Writes docs/reference.md: the keys of suites, cards, recipes and protocols, and the options of datasets."""

from __future__ import annotations

import dataclasses
import inspect
import re
from collections.abc import Iterator
from typing import Any

from pydantic import BaseModel
from shared import DOCS

from raybench.benchmark.datasets import DATASETS
from raybench.benchmark.suite import Protocol, Suite
from raybench.benchmark.tables import escape_markdown
from raybench.checkpoints import Card, WeightSource
from raybench.checkpoints.input import Input
from raybench.training.recipe.recipe import Localisation, Optimisation, PictureFolder, Recipe, ShapesScenes

KINDS: dict[str, tuple[str, type]] = {
    "Suites": ("`raybench run SUITE.yaml`; `raybench schema suite` writes it as a JSON schema", Suite),
    "Cards": (
        "`--checkpoint CARD.yaml`; `raybench schema card`; in words: [checkpoints](checkpoints.md)",
        Card,
    ),
    "Weights of a card": ("`weights: {…}`, or a list of them", WeightSource),
    "Input of a card": ("`input: {…}`", Input),
    "Protocols": ("`protocol: {name: aaai21, …}`; in words: [protocols](protocols.md)", Protocol),
    "Recipes": ("`raybench train RECIPE.yaml`; in words: [training](training.md)", Recipe),
    "Optimisation of a recipe": ("`optimisation: {…}`", Optimisation),
    "Pictures of a recipe": ("`train: {…}` and `validation: {…}`", PictureFolder),
    "Scenes of a recipe": ("`train: {…}` and `validation: {…}` of generated scenes", ShapesScenes),
    "Localisation of a recipe": ("`localisation: {…}`", Localisation),
}
NOTHING = object()


def entries(text: str, title: str) -> dict[str, str]:
    """Read what a docstring says under a title, such as `Attributes`, by name."""
    found: dict[str, str] = {}
    lines = text.partition(f"{title}:\n")[2].splitlines()
    names: list[str] = []
    for line in lines:
        if line and not line.startswith(" "):
            break
        match = re.match(r"    ([a-z]\w*(?:, [a-z]\w*)*): (.*)", line)
        if match:
            names = match[1].split(", ")
            found |= dict.fromkeys(names, match[2])
        elif line.strip():
            found |= {name: f"{found[name]} {line.strip()}" for name in names}
    return found


def fields_of(kind: Any) -> Iterator[tuple[str, Any]]:
    """Yield the keys of a document with their defaults; `NOTHING` for those that are needed."""
    if issubclass(kind, BaseModel):
        for name, info in kind.model_fields.items():
            yield name, NOTHING if info.is_required() else info.get_default(call_default_factory=True)
        return
    for one in dataclasses.fields(kind):
        yield one.name, NOTHING if one.default is dataclasses.MISSING else one.default


def written(value: Any) -> str:
    """A default as YAML would have it."""
    if value is NOTHING:
        return "needed"
    if isinstance(value, BaseModel):
        return "below"
    if value in (None, "", (), {}, []):
        return ""
    plain = {True: "true", False: "false"}.get(value) if isinstance(value, bool) else None
    return f"`{plain or (list(value) if isinstance(value, tuple) else value)}`"


def table(rows: dict[str, tuple[str, str]], what: str = "key") -> list[str]:
    """A table of names, defaults and words."""
    lines = [f"| {what} | default | what it is |", "|---|---|---|"]
    return lines + [
        f"| `{name}` | {default} | {escape_code(words)} |" for name, (default, words) in rows.items()
    ]


def escape_code(text: str) -> str:
    """Escape what a table acts on, and leave code as it is but for the bar."""
    parts = text.split("`")
    parts[::2] = map(escape_markdown_kept, parts[::2])
    return "`".join(part.replace("|", "\\|") if at % 2 else part for at, part in enumerate(parts))


def escape_markdown_kept(text: str) -> str:
    """Escape a text, with the blanks at its ends."""
    ends = [" " if text[:1] == " " else "", " " if text.strip() and text[-1:] == " " else ""]
    return ends[0] + escape_markdown(text) + ends[1]


def page() -> str:
    """The reference as Markdown."""
    lines = ["# Reference", "", "`python docs/make/reference.py` writes this page from the code.", ""]
    for title, (where, kind) in KINDS.items():
        words = entries(inspect.getdoc(kind) or "", "Attributes")
        needed = "of the name" if kind is Protocol else "needed"
        rows = {
            name: (needed if default is NOTHING else written(default), words.get(name, ""))
            for name, default in fields_of(kind)
        }
        lines += [f"## {title}", "", f"{where}.", "", *table(rows), ""]
    lines += ["## Datasets", ""]
    lines += [
        "`dataset: {name: NAME, …}`; every dataset takes `label` (for tables), `classes` (a class list "
        "in place of the usual one) and `list` (a text file with the ids of the pictures to use). In words: "
        "[datasets](datasets.md).",
        "",
    ]
    for reader in DATASETS:
        parameters = inspect.signature(reader.function).parameters
        words = entries(inspect.getdoc(reader.function) or "", "Args")
        rows = {
            name: (
                written(NOTHING if parameter.default is inspect.Parameter.empty else parameter.default),
                words.get(name, ""),
            )
            for name, parameter in parameters.items()
            if parameter.kind is inspect.Parameter.KEYWORD_ONLY
        }
        lines += [f"### {reader.name}", "", f"{reader.summary}", ""]
        lines += [*table(rows, "option"), ""] if rows else []
    return "\n".join(lines)


if __name__ == "__main__":
    (DOCS / "reference.md").write_text(page(), encoding="utf-8")
