"""What is installed is what is in the checkout: a wheel, unpacked elsewhere, knows every file it needs."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
CODE = """
import raybench
import raybench.commands
from raybench.attributions import ATTRIBUTIONS
from raybench.benchmark.tables.published import load_published
from raybench.benchmark.suite.suite import load_suite, shipped_suites
from raybench.checkpoints import load_network, load_classes, shipped_cards
assert "unpacked" in raybench.__file__, raybench.__file__
assert len(load_classes("imagenet1k")) == 1000
assert len([load_suite(name) for name in shipped_suites()]) >= 7
assert len(shipped_cards()) >= 20
assert load_published("aaai21")
assert load_network("shapes-baseline").module is not None
print("whole", len(list(ATTRIBUTIONS)))
"""


@pytest.fixture(scope="module")
def tracked() -> list[Path]:
    """The files that git knows of, from the root."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if listed.returncode:
        pytest.skip("not a git checkout")
    return [Path(name) for name in filter(None, listed.stdout.split("\0")) if (ROOT / name).is_file()]


@pytest.fixture(scope="module")
def wheel(tracked: list[Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A wheel built from a copy of those files, so that no stale build folder can hide a missing one."""
    source, out = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("wheel")
    for name in tracked:
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        (source / name).write_bytes((ROOT / name).read_bytes())
    command = [
        sys.executable,
        "-m",
        "pip",
        "wheel",
        "--quiet",
        "--no-deps",
        "--wheel-dir",
        str(out),
        str(source),
    ]
    subprocess.run(command, check=True, capture_output=True)
    return next(out.glob("*.whl"))


def test_every_code_and_data_file_reaches_the_wheel(tracked: list[Path], wheel: Path) -> None:
    packed = set(zipfile.ZipFile(wheel).namelist())
    folders = ("attributions", "benchmark", "checkpoints", "results", "suites", "training")
    for path in tracked:
        if path.parts[0] in (*folders, "raybench") and path.name != "README.md":
            inside = "" if path.parts[0] == "raybench" else "raybench/"
            assert f"{inside}{path.as_posix()}" in packed
    assert not [name for name in packed if name.split("/")[0] in ("tests", "perf", "docs", "benchmark")]


def test_unpacked_wheel_works_outside_the_checkout(wheel: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path / "unpacked")
    code = f"import sys; sys.path.insert(0, {str(tmp_path / 'unpacked')!r})\n" + CODE
    done = subprocess.run(
        [sys.executable, "-I", "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.stdout.startswith("whole"), done.stderr
