"""What a run tells where nobody watches: lines, codes, how far it is."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path

import pytest
from calls import tried
from tiny_suite import TinySuite

from raybench.base import RaybenchError
from raybench.benchmark.results import open_results, standing_of
from raybench.commands import reporting
from raybench.commands.plain import PlainProgress
from raybench.commands.reporting import Terminated, Told, ended_by_signal


def test_lines_come_once_in_half_a_minute_and_say_what_is_left() -> None:
    lines: list[str] = []
    clock = [0.0]
    progress = PlainProgress(lines.append, every=30, clock=lambda: clock[0])
    progress.start("net", total=100, done=10)
    for clock[0], images in ((10.0, 5), (31.0, 26), (32.0, 1)):
        progress.advance(images)  # 31 images in 31 s, so that the other 59 take 59 s
    assert lines == [
        "net: 10 of 100 images are measured, going on",
        "net 41/100 images, 1 images/s, 59 s left",
    ]


def test_sigterm_stops_as_an_interrupt_does() -> None:
    with pytest.raises(Terminated), ended_by_signal():
        os.kill(os.getpid(), signal.SIGTERM)
    assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL


def test_stopped_run_says_where_and_how_to_go_on(tiny: TinySuite, monkeypatch: pytest.MonkeyPatch) -> None:
    advance = Told.advance

    def stops(self: Told, images: int) -> None:
        advance(self, images)
        raise Terminated

    out, words = tiny.folder / "out", ["run", tiny.suite, "--data", f"shapes={tiny.data}", "--processes", 1]
    with monkeypatch.context() as patched:
        patched.setattr(reporting.Told, "advance", stops)
        code, said = tried(*words, "--out", out, "--log-file", tiny.folder / "log.txt")
    assert code == 143
    assert "of 12 images of first; the same command goes on" in said
    assert "the same command goes on" in (tiny.folder / "log.txt").read_text()
    standing = standing_of(out)
    assert not standing.complete
    with pytest.raises(RaybenchError, match="unfinished: `raybench status .*goes on: raybench"):
        open_results(out)
    assert tried(*words, "--out", out, "--quiet") == (0, "")
    whole = json.loads(tried("status", out, "--format", "json")[1])
    assert whole["complete"]
    assert {row["images"] for row in whole["rows"]} == {12}


def test_pictures_that_are_left_out_are_said(tiny: TinySuite, tmp_path: Path) -> None:
    for file in tiny.data.rglob("*"):
        if file.is_file():
            copy = tmp_path / "data" / file.relative_to(tiny.data)
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.write_bytes(file.read_bytes())
    sorted((tmp_path / "data" / "val").rglob("*.jpg"))[0].write_bytes(b"no picture")
    words = ["run", tiny.suite, "--data", f"shapes={tmp_path / 'data'}", "--limit", 3, "--processes", 1]
    code, said = tried(*words, "--out", tmp_path / "out", "--attribution", "center")
    assert code == 0
    assert "1 images could not be used" in said
