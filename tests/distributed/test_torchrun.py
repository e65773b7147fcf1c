"""A run divided over the processes of torchrun: the same bytes, whoever dies, however many go on."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from datetime import timedelta
from pathlib import Path

import pytest
import torch
from commands_running import start_command
from tiny_suite import TinySuite, manifest_of, result_bytes

from raybench.base import ToldElsewhereError
from raybench.benchmark.running.machine.crew import Crew
from raybench.benchmark.running.run import evaluate
from raybench.benchmark.suite.settings import Settings

pytestmark = pytest.mark.skipif(
    not torch.distributed.is_available(), reason="this torch has no torch.distributed"
)


def start(tiny: TinySuite, out: Path, data: Path) -> subprocess.Popen[str]:
    """Start `raybench run` under torchrun; the suite is slow enough to be interrupted."""
    suite = tiny.with_suite("slow.yaml", protocol={"name": "aaai21", "short_side": 224})
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
    command += ["--nproc-per-node=2", "-m", "raybench", "run", str(suite), "--out", str(out)]
    command += ["--data", f"shapes={data}"]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def damaged(tiny: TinySuite, *which: int) -> list[Path]:
    """Copy the data of the suite and make some pictures unreadable; return their paths."""
    data = tiny.folder / "data"
    shutil.copytree(tiny.data, data)
    pictures = sorted((data / "val").glob("*.jpg"))
    for number in which:
        pictures[number].write_bytes(b"no picture")
    return [pictures[number] for number in which]


def kill_one_of(process: subprocess.Popen[str], out: Path) -> None:
    """Kill -9 the last process of torchrun as soon as some row of its own is on disk."""
    deadline = time.monotonic() + 60
    while process.poll() is None and time.monotonic() < deadline:
        if any(path.stat().st_size for path in out.glob("*/*/records.part-1.csv")):
            children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
            os.kill(int(children[-1]), signal.SIGKILL)
            return
        time.sleep(0.001)
    raise AssertionError("the run was over before it could be killed")


@pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="finds processes by Linux's /proc")
def test_killed_process_ends_the_run_and_any_number_goes_on_to_the_same_bytes(tiny: TinySuite) -> None:
    damaged(tiny, 2, 3, 8)
    data, out = tiny.folder / "data", tiny.folder / "out"
    process = start(tiny, out, data)
    kill_one_of(process, out)
    process.communicate(timeout=60)
    assert process.returncode != 0
    assert list(out.rglob("*.part-1.csv"))
    assert manifest_of(out)["status"] == "running"
    three = tiny.folder / "three"
    shutil.copytree(out, three)
    words = ["run", tiny.folder / "slow.yaml", "--out", three, "--data", f"shapes={data}"]
    said = start_command(*words, said=tiny.folder / "said", processes=3).finish()
    assert said.count("results are in") == 1  # one process speaks

    suite, whole = tiny.folder / "slow.yaml", tiny.folder / "whole"
    for folder in (out, whole):  # one process goes on with what two left, and does all alone
        evaluate(suite, Settings(data={"shapes": data}, out=folder, workers=0))
        assert not list(folder.rglob("*.part-*"))
    assert not list(three.rglob("*.part-*"))
    assert result_bytes(three) == result_bytes(out) == result_bytes(whole)
    joint, single = manifest_of(three), manifest_of(whole)
    for key in ("skipped", "notes", "without_queries", "weights_sha256"):  # gathered from all
        assert joint[key] == single[key], key
    assert len(joint["skipped"]) == 3
    assert (joint["processes"], joint["device"]["threads"]) == (3, 1)
    assert joint["costs"]["second"]["gradient"]["maps"] > 0


def test_mistake_that_one_process_meets_is_one_sentence(tiny: TinySuite) -> None:
    (picture,) = damaged(tiny, 7)
    words = ["run", tiny.suite, "--out", tiny.folder / "out", "--data", f"shapes={tiny.folder / 'data'}"]
    said = start_command(*words, "--strict", said=tiny.folder / "said", processes=2).finish(code=2)
    told = [line for line in said.splitlines() if line.startswith("raybench: ")]
    assert len(told) == 1
    assert picture.name in told[0]


def test_store_that_ends_with_the_leading_process_is_no_mistake_of_this_one() -> None:
    store = torch.distributed.TCPStore("127.0.0.1", 0, is_master=True, timeout=timedelta(seconds=5))
    other = torch.distributed.TCPStore("127.0.0.1", store.port, is_master=False, timeout=timedelta(seconds=5))
    counter = Crew(rank=1, size=2, store=other).counter("images")
    assert counter(3) == 3
    del store  # as when the leading process has met a mistake
    with pytest.raises(ToldElsewhereError, match="another process of this run has ended"):
        counter(1)
