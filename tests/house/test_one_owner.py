"""The room of results alone knows what its files are called."""

from __future__ import annotations

import ast
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
NAMES = {
    *("run.json", "summary.csv", "notes.csv", "predictions.csv"),
    *("records.csv", "statistics.csv", "curves.csv", "gallery.json"),
}


def test_no_other_room_names_a_file_of_a_result_folder():
    own = ROOT / "benchmark" / "results" / "files"
    found = [
        (str(file.relative_to(ROOT)), node.lineno, node.value)
        for top in ("benchmark", "raybench", "training")
        for file in sorted((ROOT / top).rglob("*.py"))
        if own not in file.parents
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(node, ast.Constant) and node.value in NAMES
    ]
    assert found == []
