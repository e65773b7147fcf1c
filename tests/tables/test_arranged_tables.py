"""A table as its reader wants it: best rows first, fewer digits, half-widths, a file."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from raybench.base import RaybenchError
from raybench.benchmark.tables import comparison_table
from raybench.commands import app

DEMO = Path(__file__).resolve().parents[2] / "results" / "measured" / "demo"


def table(*words: object) -> str:
    result = CliRunner().invoke(app, ["table", str(DEMO), *map(str, words)], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


def test_sorted_rows_fall_and_baselines_stay_last() -> None:
    rows = json.loads(table("--sort", "ch", "--format", "json"))
    values = [row["content_heatmap"] for row in rows if row["checkpoint"] != "none"]
    assert values == sorted(values, reverse=True)
    assert [row["checkpoint"] == "none" for row in rows] == [False] * len(values) + [True] * (
        len(rows) - len(values)
    )
    with pytest.raises(RaybenchError, match="--sort: unknown column 'CHI'; did you mean 'CH'"):
        table("--sort", "CHI")


def test_half_width_is_half_the_interval_with_the_digits_asked_for(tmp_path: Path) -> None:
    table("--half-width", "--digits", 1, "--format", "markdown", "-o", tmp_path / "table.md")
    cell = comparison_table([DEMO]).rows[0].cells[1]
    expected = f"{cell.value:.1f} ± {(cell.high - cell.low) / 2:.1f}"
    assert expected in (tmp_path / "table.md").read_text(encoding="utf-8").replace("*", "")
