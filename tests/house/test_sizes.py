"""A folder listing explains the system: no long module, no crowded folder."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TOPS = ("raybench", "attributions", "benchmark", "checkpoints", "training", "perf")
LINES, MODULES = 300, 13
"""Modules of a folder: a dozen and its `__init__`."""


def modules() -> list[Path]:
    return [file for top in TOPS for file in (ROOT / top).rglob("*.py")]


def test_no_module_has_more_than_300_lines():
    assert {
        str(file.relative_to(ROOT)): lines
        for file in modules()
        if (lines := file.read_text(encoding="utf-8").count("\n")) > LINES
    } == {}


def test_no_folder_holds_more_than_a_dozen_modules():
    count = Counter(str(file.parent.relative_to(ROOT)) for file in modules())
    assert {folder: n for folder, n in count.items() if n > MODULES} == {}


def test_benchmark_holds_rooms_only():
    assert [file.name for file in (ROOT / "benchmark").glob("*.py")] == ["__init__.py"]
