"""A metric, a method or a dataset is named in its own file alone; what others need to know are its facts."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from raybench.attributions import ATTRIBUTIONS
from raybench.benchmark.datasets import DATASETS
from raybench.benchmark.metrics import METRICS

ROOT = Path(__file__).resolve().parents[2]
TOPS = ("attributions", "benchmark", "raybench", "training")
OWN = {
    entry.name: entry.function.__module__.removeprefix("raybench.").replace(".", "/") + ".py"
    for registry in (ATTRIBUTIONS, DATASETS, METRICS)
    for entry in registry
}
ORDINARY = {
    "center": "where text stands in a picture",
    "random": "a choice by chance: which pixels go first, or which pictures a gallery keeps",
    "gradient": "what a network is asked, and the family of methods that ask it",
    "shapes": "a command",
}
"""Words that are no names where they do not stand beside a registry."""

EXCEPTIONS = {
    "attributions/adapters/torchray.py": "TorchRay's own functions, named as it names them",
    "benchmark/measuring/single.py": "what one picture is explained by unless the user chooses",
    "raybench/explaining.py": "the same choice",
    "benchmark/datasets/layouts/own/looking.py": "the options of the reader of a folder of one's own",
    "raybench/commands/making/explain.py": "the same choice, on the command line",
    "raybench/commands/making/doctor.py": "the method that is tried unless the user chooses",
    "raybench/commands/making/layers.py": "the method whose maps are drawn unless the user chooses",
    "benchmark/running/plan.py": "the metrics that a message proposes in place of one that does not fit",
    "training/loop/validation.py": "what a training run watches, with the numbers of the papers' tables",
    "training/recipe/recipe.py": "the method whose maps the consistency loss of the paper compares",
}
"""Files and rooms that name something on purpose."""


def names_in(file: Path) -> Iterator[tuple[int, str]]:
    """Yield the line and text of every literal that is a registered name, but for lists of exports."""
    tree = ast.parse(file.read_text(encoding="utf-8"))
    exports = [
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Assign)
        and any(isinstance(one, ast.Name) and one.id == "__all__" for one in node.targets)
    ]
    passed = {id(one) for value in exports for one in ast.walk(value)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and node.value in OWN and id(node) not in passed:
            yield node.lineno, node.value


def foreign_names() -> list[tuple[str, int, str]]:
    files = [file for top in TOPS for file in sorted((ROOT / top).rglob("*.py"))]
    return [
        (place, line, name)
        for file in files
        if (place := file.relative_to(ROOT).as_posix())
        for line, name in names_in(file)
        if place != OWN[name]
    ]


FOREIGN = foreign_names()


def is_excused(place: str) -> bool:
    return any(place == one or place.startswith(f"{one}/") for one in EXCEPTIONS)


def test_no_name_of_a_metric_method_or_dataset_stands_outside_its_own_file():
    assert [one for one in FOREIGN if one[2] not in ORDINARY and not is_excused(one[0])] == []


@pytest.mark.parametrize("room", ["board", "comparison", "pictures", "results", "tables"])
def test_rooms_that_read_results_name_nothing_at_all(room):
    found = [one for one in FOREIGN if one[0].startswith(f"benchmark/{room}/")]
    assert {name for _, _, name in found} <= {"center", "random"}


@pytest.mark.parametrize("word", ORDINARY)
def test_every_ordinary_word_is_still_needed(word):
    assert any(one[2] == word and not is_excused(one[0]) for one in FOREIGN)


@pytest.mark.parametrize("place", EXCEPTIONS)
def test_every_exception_is_still_needed(place):
    assert any(one[0] == place or one[0].startswith(f"{place}/") for one in FOREIGN)
