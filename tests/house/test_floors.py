"""Rooms stand on floors: imports go down, and enter a room by its door."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).resolve().parents[2]
TOPS = ("raybench", "attributions", "benchmark", "checkpoints", "training")
FLOORS = (
    "base",
    "attributions checkpoints statistics suite",
    "metrics datasets results",
    "loading comparison tables",
    "measuring pictures",
    "running board",
    "submission training reproduction doctor",
    "commands",
)
FLOOR = {room: floor for floor, rooms in enumerate(FLOORS) for room in rooms.split()}


class Import(NamedTuple):
    """A relative import from one room into another; `depth` counts the names below the room's door."""

    file: str
    importer: str
    imported: str
    depth: int


def files() -> list[Path]:
    return [file for top in TOPS for file in sorted((ROOT / top).rglob("*.py"))]


def package_of(file: Path) -> list[str]:
    parts = list(file.relative_to(ROOT).parent.parts)
    return parts if parts[0] == "raybench" else ["raybench", *parts]


def room_of(package: list[str]) -> tuple[str, int]:
    """Return the room that a module lies in, and how deep below its door; no room for the porch."""
    start = 2 if package[1:2] == ["benchmark"] else 1
    return (package[start] if len(package) > start else "", len(package) - start - 1)


def imports_of(file: Path) -> Iterator[Import]:
    package = package_of(file)
    importer, _ = room_of(package)
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if not isinstance(node, ast.ImportFrom) or not node.level:
            continue
        target = package[: len(package) - node.level + 1] + (node.module.split(".") if node.module else [])
        imported, depth = room_of(target)
        if importer in FLOOR and imported in FLOOR and importer != imported:
            yield Import(str(file.relative_to(ROOT)), importer, imported, depth)


IMPORTS = [found for file in files() for found in imports_of(file)]
# tables and pages ask the registry for what folders of results do not say of a metric
SAME_FLOOR = {("results", "metrics")}


@pytest.mark.parametrize(("importer", "imported"), sorted({(one.importer, one.imported) for one in IMPORTS}))
def test_imports_go_down_and_enter_by_the_door(importer, imported):
    here = [one for one in IMPORTS if (one.importer, one.imported) == (importer, imported)]
    assert FLOOR[imported] < FLOOR[importer] or (importer, imported) in SAME_FLOOR, here
    assert [one for one in here if one.depth] == []


def test_benchmark_holds_rooms_alone():
    assert [file.name for file in (ROOT / "benchmark").glob("*.py")] == ["__init__.py"]
    rooms = {folder.parent.name for folder in (ROOT / "benchmark").glob("*/__init__.py")}
    assert rooms <= FLOOR.keys()


def test_the_plan_in_contributing_shows_every_room_on_its_floor() -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    plan = [line for line in text.splitlines() if re.match(r"\| (porch|\d|ground) \|", line)]
    rooms = [set(re.findall(r"`(\w+)`", line)) for line in reversed(plan)]
    assert rooms == [set(floor.split()) for floor in FLOORS]
