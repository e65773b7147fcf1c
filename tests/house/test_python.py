"""What is imported and called is there in the oldest Python that the project claims."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

vermin = pytest.importorskip("vermin")

ROOT = Path(__file__).resolve().parents[2]
TOPS = ("raybench", "attributions", "benchmark", "checkpoints", "training", "perf")
CLAIMED = re.search(r'requires-python = ">=3\.(\d+)"', (ROOT / "pyproject.toml").read_text(encoding="utf-8"))


CONFIG = vermin.Config()
for name in ("long", "str.decode"):  # names of ours, which it takes for those of Python 2
    CONFIG.add_exclusion(name)


def lowest_python(text: str) -> int:
    """Return the minor version of Python 3 that a text needs, but for lines marked `novm`: they never run."""
    three = vermin.detect(text, config=CONFIG)[1]
    return int(three[1]) if three else 0


def test_newer_modules_are_noticed() -> None:
    assert lowest_python("from importlib.resources.abc import Traversable") == 11


def test_no_module_needs_a_newer_python() -> None:
    assert CLAIMED
    files = [file for top in TOPS for file in (ROOT / top).rglob("*.py")]
    needs = {str(file.relative_to(ROOT)): lowest_python(file.read_text(encoding="utf-8")) for file in files}
    assert {name: minor for name, minor in needs.items() if minor > int(CLAIMED[1])} == {}
