"""Reading results loads no network library, so that tables start at once."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

SHIPPED = Path(__file__).resolve().parents[2] / "results" / "measured" / "demo"


def run_python(code: str) -> None:
    """Run code in a process of its own; fails the test if it fails."""
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120)


@pytest.mark.parametrize("room", ["results", "comparison", "tables", "pictures", "board"])
def test_a_room_that_reads_results_never_loads_torch(room: str) -> None:
    run_python(f"import sys, raybench.benchmark.{room}; assert 'torch' not in sys.modules")


@pytest.mark.parametrize(
    "command",
    [
        ["table", str(SHIPPED)],
        ["table", str(SHIPPED), "--format", "csv"],
        ["list", "suites"],
        ["run", "--help"],
    ],
)
def test_commands_that_read_never_load_torch(command: list[str]) -> None:
    run_python(
        "import sys\n"
        "from typer.testing import CliRunner\n"
        "from raybench.commands import app\n"
        f"result = CliRunner().invoke(app, {command!r})\n"
        "assert result.exit_code == 0, result.output\n"
        "assert 'torch' not in sys.modules"
    )
