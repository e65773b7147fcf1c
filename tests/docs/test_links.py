"""Documents name files, headings and commands that are there."""

from __future__ import annotations

import importlib
import inspect
import re
from pathlib import Path

import pytest
import typer.main
import yaml

from raybench.attributions import ATTRIBUTIONS
from raybench.benchmark.metrics import METRICS
from raybench.commands import app

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
COMMANDS = set(typer.main.get_command(app).commands)  # type: ignore[attr-defined]


def anchors(page: Path) -> set[str]:
    """Ids of a page's headings, as GitHub and mkdocs make them."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(), flags=re.MULTILINE)
    plain = [re.sub(r"[`*]|\[([^]]*)\]\([^)]*\)", r"\1", heading).strip().lower() for heading in headings]
    return {re.sub(r"[^\w\- ]", "", heading).replace(" ", "-") for heading in plain}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_links_lead_somewhere(page: Path) -> None:
    text = re.sub(r"```.*?```|`[^`\n]*`", "", page.read_text(), flags=re.DOTALL)
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if re.match(r"[a-z]+:", target):
            continue
        path, _, anchor = target.partition("#")
        file = (page.parent / path).resolve() if path else page
        assert file.exists(), target
        if anchor and file.suffix == ".md":
            assert anchor in anchors(file), target


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_commands_exist(page: Path) -> None:
    for word in re.findall(r"^\$ (?:\w+=\S+ )*raybench ([a-z]\S*)", page.read_text(), flags=re.MULTILINE):
        assert word in COMMANDS, word


OF_GROUP = {"robustness": "sanity", "accuracy": "../protocols"}


@pytest.mark.parametrize("name", [one.name for one in METRICS])
def test_every_metric_has_a_definition_a_source_and_what_it_does_not_say(name: str) -> None:
    metric = METRICS.get(name)
    page = ROOT / "docs" / "metrics" / f"{OF_GROUP.get(metric.group, metric.group)}.md"
    text = page.read_text()
    rows = [line for line in text.splitlines() if line.startswith("|") and f"`{name}`" in line.split("|")[1]]
    assert rows, f"no row of a table in {page.name}"
    if metric.group == "accuracy":
        return
    assert rows[0].strip("| ").split("|")[-1].strip(), "nothing that it is checked against"
    assert re.search(r"^!\[.+\]\(.+\.(jpg|png)\)$", text, flags=re.MULTILINE), "no picture"
    about = [part for part in re.split(r"^#+ ", text, flags=re.MULTILINE) if f"`{name}`" in part]
    assert any("not say*" in part for part in about), "nothing on what it does not say"
    assert any(re.search(r"\b(19|20)\d\d\b", part) for part in about), "no source"


def test_glossary_is_what_the_registries_say(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(ROOT / "docs" / "make")
    page = importlib.import_module("glossary").page()
    assert (ROOT / "docs" / "glossary.md").read_text(encoding="utf-8") == page, "python docs/make/glossary.py"
    own = [one.name for one in ATTRIBUTIONS if "." not in one.name]
    assert [name for name in own if f"| `{name}` |" not in page] == []
    assert [one.name for one in METRICS if f"| `{one.name}` |" not in page] == []


def test_reference_is_what_the_code_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(ROOT / "docs" / "make")
    reference = importlib.import_module("reference")
    page = reference.page()
    assert (ROOT / "docs" / "reference.md").read_text(encoding="utf-8") == page, (
        "python docs/make/reference.py"
    )
    for _, kind in reference.KINDS.values():
        words = reference.entries(inspect.getdoc(kind), "Attributes")
        said = {name for name, _ in reference.fields_of(kind)} - {"description"}
        assert said <= words.keys(), kind


def test_every_page_stands_in_the_site() -> None:
    nav = (ROOT / "mkdocs.yml").read_text()
    listed = set(re.findall(r": ([\w/-]+\.md)$", nav, flags=re.MULTILINE))
    assert yaml.safe_load(nav)["docs_dir"] == "docs"
    assert listed <= {page.relative_to(ROOT / "docs").as_posix() for page in PAGES if "docs" in page.parts}
    assert {page.name for page in (ROOT / "docs").glob("*.md")} <= listed
