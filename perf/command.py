"""Runs the command line of raybench and says how long it took, and the most memory that it held."""

from __future__ import annotations

import contextlib
import io
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest import mock

from .apart import ROOT, environment, peak_mb
from .options import Options

__all__ = ["Ran", "called", "command", "run_suite"]


@dataclass(frozen=True)
class Ran:
    """What a command did.

    Attributes:
        output: what it printed, to both streams.
        seconds: from start to end, with imports.
        processor_seconds: of all its threads and processes that have ended.
        manifest: `run.json`, if the command was `raybench run` and succeeded.
    """

    code: int
    output: str
    seconds: float
    processor_seconds: float
    peak_memory_mb: float
    manifest: Mapping[str, Any] = field(default_factory=dict)

    @property
    def failure(self) -> str:
        """What went wrong, in one line; empty if nothing did."""
        if not self.code:
            return ""
        lines = [line.strip(" │╭╮╰╯─") for line in self.output.splitlines()]
        lines = [line for line in lines if line]
        told = [line for line in lines if "rror" in line or line.startswith(("raybench:", "No such"))]
        return (told or lines or [f"ended with code {self.code}"])[-1][:200]

    @property
    def is_unknown_option(self) -> bool:
        """Whether this version of raybench does not have an option, or a field of the protocol."""
        return self.code == 2 and any(
            words in self.output for words in ("No such option", "unknown field of protocol")
        )


def command(words: Sequence[str], options: Options, timeout_s: float | None = None) -> Ran:
    """Run `python -m raybench` with these words, in a process of its own unless everything is to be quick."""
    if options.quick:
        return called(words)
    start = time.perf_counter()
    with tempfile.TemporaryFile("w+", encoding="utf-8") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "raybench", *words],
            stdout=output,
            stderr=subprocess.STDOUT,
            cwd=ROOT,
            env=environment(options),
        )
        code, usage = _waited(process, timeout_s)
        seconds = time.perf_counter() - start
        output.seek(0)
        peak = usage.ru_maxrss / (1e6 if sys.platform == "darwin" else 1e3)
        return Ran(code, output.read(), seconds, usage.ru_utime + usage.ru_stime, peak)


def _waited(process: subprocess.Popen[bytes], timeout_s: float | None) -> tuple[int, Any]:
    """Wait for a process and return its exit code and what it used; kill it after `timeout_s`."""
    deadline = time.monotonic() + timeout_s if timeout_s else None
    while True:
        found, status, usage = os.wait4(process.pid, os.WNOHANG if deadline else 0)
        if found:
            process.returncode = os.waitstatus_to_exitcode(status)
            return process.returncode, usage
        if deadline and time.monotonic() > deadline:
            process.kill()
            deadline = None
        time.sleep(0.01)


def called(words: Sequence[str]) -> Ran:
    """Run the command line in this process."""
    from raybench.__main__ import main

    text, code = io.StringIO(), 0
    start, before = time.perf_counter(), time.process_time()
    with (
        mock.patch.object(sys, "argv", ["raybench", *words]),
        contextlib.redirect_stdout(text),
        contextlib.redirect_stderr(text),
    ):
        try:
            main()
        except SystemExit as end:
            code = end.code if isinstance(end.code, int) else int(end.code is not None)
    seconds = time.perf_counter() - start
    return Ran(code, text.getvalue(), seconds, time.process_time() - before, peak_mb())


def run_suite(
    suite: Mapping[str, Any],
    folder: Path,
    options: Options,
    words: Sequence[str] = (),
    timeout_s: float | None = None,
) -> Ran:
    """Write a suite to `folder` and measure it into `folder/NAME`; a run that is there goes on."""
    path, out = folder / f"{suite['name']}.yaml", folder / suite["name"]
    folder.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(suite), encoding="utf-8")  # JSON is YAML
    ran = command(["run", str(path), "--out", str(out), *words], options, timeout_s)
    if ran.code:
        return ran
    manifest = json.loads((out / "run.json").read_text(encoding="utf-8"))
    return Ran(ran.code, ran.output, ran.seconds, ran.processor_seconds, ran.peak_memory_mb, manifest)
