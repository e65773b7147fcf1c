"""Runs the commands with the lowest version of every dependency that pyproject.toml declares.

`make lowest`, or `python tests/acceptance/lowest_versions.py python3.10 python3.13` with uv installed: a
fresh environment for each Python, with some 3 GB of downloads the first time. It exits with 1 at the first
command that fails.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[2]
COMMANDS = (
    "shapes pictures --images 24",
    "run demo --data shapes=pictures --out out",
    "table out",
    "compare out/shapes-baseline out/shapes-gmp",
    "plot out -o plots",
    "gallery out --data shapes=pictures",
    "leaderboard out -o site",
    "report out -o report.html",
    "submit out -o bundle.zip",
    "check bundle.zip",
    "train shapes-gc --steps 1 --set train.images=256 --set validation.images=8 --out trained",
)


def try_with(python: str, folder: Path) -> None:
    """Install the lowest versions for one Python and run every command."""
    uv = [sys.executable, "-m", "uv", "--quiet"]
    environment = folder / "environment"
    subprocess.run([*uv, "venv", "--python", python, environment], check=True)
    # a version that has no wheel for this Python was never meant for it
    rules = ["--resolution", "lowest-direct", "--only-binary", ":all:", "--no-binary", "raybench"]
    rules += ["--python", environment / "bin" / "python"]
    wanted = f"{CHECKOUT}[leaderboard,train,timm]"
    subprocess.run([*uv, "pip", "install", *rules, "--editable", wanted], check=True)
    inside = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    for command in COMMANDS:
        print(f"{python}: raybench {command}", flush=True)
        words = [environment / "bin" / "raybench", *command.split()]
        ran = subprocess.run(words, cwd=folder, env=inside, capture_output=True, text=True)
        if ran.returncode:
            sys.exit(f"{python}: raybench {command} fails:\n{ran.stdout}{ran.stderr}")


if __name__ == "__main__":
    for asked in sys.argv[1:]:
        with tempfile.TemporaryDirectory(prefix="raybench-lowest-") as place:
            try_with(asked, Path(place))
    print(f"the lowest versions do with {', '.join(sys.argv[1:]) or 'no Python: name some'}")
