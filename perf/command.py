"""Runs suites by the command line of raybench."""

from __future__ import annotations

import contextlib
import io
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest import mock

from .apart import ROOT, environment
from .options import Options

TOO_LONG = -9


@dataclass(frozen=True)
class Ran:
    """What `raybench run` did: what it printed, its seconds with imports, and `run.json` if it succeeded."""

    code: int
    output: str
    seconds: float
    manifest: Mapping[str, Any] = field(default_factory=dict)

    @property
    def failure(self) -> str:
        """What went wrong, in one line; empty if nothing did."""
        if not self.code:
            return ""
        if self.code == TOO_LONG:
            return "took too long"
        lines = [line.strip(" │╭╮╰╯─") for line in self.output.splitlines()]
        lines = [line for line in lines if line]
        told = [line for line in lines if "rror" in line or line.startswith(("raybench:", "No such"))]
        return "failed: " + (told or lines or [f"ended with code {self.code}"])[-1][:200]


def run_suite(
    suite: Mapping[str, Any],
    folder: Path,
    options: Options,
    words: Sequence[str] = (),
    timeout_s: float | None = None,
) -> Ran:
    """Write a suite to `folder` and measure it into `folder/NAME`, in a process of its own unless quick."""
    path, out = folder / f"{suite['name']}.yaml", folder / suite["name"]
    folder.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(suite), encoding="utf-8")  # JSON is YAML
    words = ["run", str(path), "--out", str(out), *words]
    start = time.perf_counter()
    code, output = _called(words) if options.quick else _started(words, options, timeout_s)
    seconds = time.perf_counter() - start
    if code:
        return Ran(code, output, seconds)
    return Ran(code, output, seconds, json.loads((out / "run.json").read_text(encoding="utf-8")))


def _started(words: Sequence[str], options: Options, timeout_s: float | None) -> tuple[int, str]:
    """Run `python -m raybench` with these words: exit code and what it printed to both streams."""
    with tempfile.TemporaryFile("w+", encoding="utf-8") as output:
        try:
            code = subprocess.run(
                [sys.executable, "-m", "raybench", *words],
                stdout=output,
                stderr=subprocess.STDOUT,
                check=False,
                cwd=ROOT,
                env=environment(options),
                timeout=timeout_s,
            ).returncode
        except subprocess.TimeoutExpired:
            code = TOO_LONG
        output.seek(0)
        return code, output.read()


def _called(words: Sequence[str]) -> tuple[int, str]:
    """Run the command line in this process."""
    from raybench.__main__ import main

    text = io.StringIO()
    with (
        mock.patch.object(sys, "argv", ["raybench", *words]),
        contextlib.redirect_stdout(text),
        contextlib.redirect_stderr(text),
    ):
        try:
            main()
        except SystemExit as end:
            return (end.code if isinstance(end.code, int) else int(end.code is not None)), text.getvalue()
    return 0, text.getvalue()
