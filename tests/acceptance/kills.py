"""Kills runs at random moments, damages their folders, and counts what the same command does not mend.

Run by hand: `python tests/acceptance/kills.py --times 100 --seed 1`; on Linux, and as root for the disks that
fill up or turn read-only. It exits with 1 if a row was lost or doubled, if a run said complete of a folder
that was not, if a process outlived its run by more than five seconds, or if a mistake ended in a traceback.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import torch

from raybench.__main__ import main
from raybench.benchmark import running as _running  # noqa: F401 - loaded once, not by every run
from raybench.commands.making import run as _preloaded  # noqa: F401 - loaded once, not by every run

IMAGES = 24
PATIENCE_S = 5.0
SUITE = {
    "name": "kills",
    "protocol": {
        "name": "aaai21-clamped",
        "short_side": 80,
        "crop": 80,
        "crop_resize": 80,
        "tolerance_px": 5,
    },
    "dataset": "shapes",
    "checkpoints": ["shapes-baseline", "shapes-gmp"],
    "attributions": ["grad_cam", "gradient", "center"],
    "metrics": ["top1_accuracy", "pointing_game", "stochastic_pointing_game", "content_heatmap"],
    "gallery": 2,
}


@dataclass
class Command:
    """`raybench run` in a session of its own, forked from this process to save its start."""

    folder: Path
    out: Path
    processes: int
    pid: int = 0
    code: int | None = None

    def start(self) -> Command:
        words = ["run", "suite.yaml", "--data", "shapes=pictures", "--out", str(self.out)]
        return self.do([*words, "--processes", str(self.processes)])

    def do(self, words: list[str]) -> Command:
        self.pid, self.code = os.fork(), None
        if not self.pid:
            status = 99
            try:
                os.setsid()
                said = os.open(self.folder / "said", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
                os.dup2(said, 1)
                os.dup2(said, 2)
                os.chdir(self.folder)
                torch.set_num_threads(1)
                sys.argv = ["raybench", *words]
                main()
                status = 0
            except SystemExit as leaving:
                status = leaving.code if isinstance(leaving.code, int) else 0
            except BaseException:
                sys.excepthook(*sys.exc_info())
            finally:
                sys.stdout.flush()
                sys.stderr.flush()
                os._exit(status)
        return self

    def ended(self) -> bool:
        if self.code is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            self.code = os.waitstatus_to_exitcode(status) if pid else None
        return self.code is not None

    def wait(self, seconds: float = 120) -> Command:
        until = time.monotonic() + seconds
        while not self.ended() and time.monotonic() < until:
            time.sleep(0.005)
        if not self.ended():
            os.killpg(self.pid, signal.SIGKILL)
            raise TimeoutError(f"{self.out} goes on: {self.said()}")
        return self

    def members(self) -> list[int]:
        """Ids of the processes of the session that still run."""
        found = []
        for path in Path("/proc").glob("[0-9]*/stat"):
            with contextlib.suppress(OSError):
                state, _, _, session = path.read_text().rpartition(")")[2].split()[:4]
                if int(session) == self.pid and state != "Z":
                    found.append(int(path.parent.name))
        return found

    @contextlib.contextmanager
    def held(self) -> Iterator[None]:
        """While open, the run's own process, not its children, stands still."""
        stat = Path(f"/proc/{self.pid}/stat")
        try:
            if not self.ended():
                os.kill(self.pid, signal.SIGSTOP)
                while stat.read_text().rpartition(")")[2].split()[0] not in ("T", "Z"):
                    time.sleep(0.001)
            yield
        finally:
            if not self.ended():
                os.kill(self.pid, signal.SIGCONT)

    def lingering(self) -> float:
        """Seconds until no process of an ended run is left; it is ended by force after twice the patience."""
        start = time.monotonic()
        while members := self.members():
            if time.monotonic() - start > 2 * PATIENCE_S:
                for member in members:
                    os.kill(member, signal.SIGKILL)
            time.sleep(0.01)
        return time.monotonic() - start

    def said(self) -> str:
        return (self.folder / "said").read_text(errors="replace")


Fault = Callable[[Command, random.Random], None]


def send(number: int, *, child: bool = False) -> Fault:
    def fault(run: Command, draw: random.Random) -> None:
        others = [one for one in run.members() if one != run.pid]
        with contextlib.suppress(ProcessLookupError):
            if run.ended():
                return
            os.kill(draw.choice(others) if child and others else run.pid, number)

    return fault


def lose(pattern: str) -> Fault:
    """Remove something below the folder, or all of it."""

    def fault(run: Command, draw: random.Random) -> None:
        found = sorted(run.out.glob(pattern)) if pattern else [run.out]
        if found:
            path = draw.choice(found)
            shutil.rmtree(path, ignore_errors=True) if path.is_dir() else path.unlink(missing_ok=True)

    return fault


def damage(kind: str) -> Fault:
    """Kill the run, then damage one of its files."""

    def fault(run: Command, draw: random.Random) -> None:
        send(signal.SIGKILL)(run, draw)
        run.wait()
        run.lingering()
        files = [path for path in sorted(run.out.rglob("*.csv")) if path.stat().st_size > 40]
        files = [path for path in files if path.name != "summary.csv"]
        if not files:
            return
        path = draw.choice(files)
        content = bytearray(path.read_bytes())
        place = draw.randrange(len(content))
        if kind == "NUL bytes":
            content[place : place + 40] = bytes(min(40, len(content) - place))
        elif kind == "stray quotes":
            for _ in range(2):
                content.insert(draw.randrange(len(content)), ord('"'))
        elif kind == "quotes around lines":
            lines = content.split(b"\n")
            first, last = sorted((draw.randrange(len(lines)), draw.randrange(len(lines))))
            lines[first], lines[last] = b'"' + lines[first], lines[last] + b'"'
            content = bytearray(b"\n".join(lines))
        elif kind == "bytes that are no text":
            content[place : place + 2] = b"\xff\xfe"
        elif kind == "end cut":
            del content[place:]
        else:
            del content[place : place + draw.randrange(1, 60)]
        path.write_bytes(content)

    return fault


def read_only(run: Command, draw: random.Random) -> None:
    """Kill the run, and start it again on a disk that cannot be written to any more."""
    send(signal.SIGKILL)(run, draw)
    run.wait()
    run.lingering()
    command = ["mount", "-o", "remount,ro", str(run.out.parent)]
    while subprocess.run(command, capture_output=True, check=False).returncode:
        time.sleep(0.1)  # threads of the killed process may still close its files
    run.start()


FAULTS: dict[str, Fault] = {
    "kill -9": send(signal.SIGKILL),
    "kill -9 of a child": send(signal.SIGKILL, child=True),
    "Ctrl-C": send(signal.SIGINT),
    "kill": send(signal.SIGTERM),
    "hang-up": send(signal.SIGHUP),
    "folder removed": lose(""),
    "method's folder removed": lose("*/*/"),
    "file removed": lose("*/*/*.csv"),
    "shard removed": lose("**/*.part-*"),
    "disk full": lambda run, draw: None,
    "disk turned read-only": read_only,
    **{
        kind: damage(kind)
        for kind in (
            "NUL bytes",
            "stray quotes",
            "quotes around lines",
            "bytes that are no text",
            "end cut",
            "piece cut out",
        )
    },
}
ON_A_DISK = ("disk full", "disk turned read-only")


@contextlib.contextmanager
def disk(place: Path, kilobytes: int) -> Iterator[None]:
    place.mkdir(exist_ok=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={kilobytes}k", "tmpfs", str(place)], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", str(place)], check=False)


def tables(out: Path) -> dict[str, bytes]:
    return {str(path.relative_to(out)): path.read_bytes() for path in sorted(out.rglob("*.csv"))}


@dataclass
class Trials:
    folder: Path
    draw: random.Random
    whole: dict[str, bytes] = field(default_factory=dict)
    seconds: dict[int, float] = field(default_factory=dict)
    wrong: list[str] = field(default_factory=list)
    slowest: float = 0.0
    counts: Counter[str] = field(default_factory=Counter)

    def prepare(self) -> None:
        (self.folder / "suite.yaml").write_text(json.dumps(SUITE))
        pictures = Command(self.folder, self.folder / "pictures", 1)
        assert pictures.do(["shapes", "pictures", "--images", str(IMAGES)]).wait().code == 0, pictures.said()
        for processes in (1, 2):
            start, out = time.monotonic(), self.folder / f"whole{processes}"
            run = Command(self.folder, out, processes).start().wait()
            assert run.code == 0, run.said()
            self.seconds[processes] = time.monotonic() - start
            assert not self.whole or self.whole == tables(out)
            self.whole = tables(out)

    def one(self, number: int, name: str) -> None:
        """One run with one fault, perhaps with a second one, and the same command until it succeeds."""
        out = self.folder / f"{number}" / "out"
        out.parent.mkdir()
        run = Command(self.folder, out, self.draw.choice((1, 2)))
        size = self.draw.randrange(40, 400) if name == "disk full" else 8000
        with disk(out.parent, size) if name in ON_A_DISK else contextlib.nullcontext():
            self.disturb(run, name, number)
            if self.draw.random() < 0.3 and name not in ON_A_DISK:
                self.disturb(run, self.draw.choice([one for one in FAULTS if one not in ON_A_DISK]), number)
            if name in ON_A_DISK:
                subprocess.run(["mount", "-o", "remount,rw,size=64m", str(out.parent)], check=True)
            for attempt in range(1, 4):
                run.start().wait()
                self.judge(run, f"{number} {name}, again {attempt}")
                if run.code == 0:
                    break
            self.counts[f"mended by command {attempt}" if run.code == 0 else "not mended"] += 1
            if run.code:
                self.wrong.append(f"{number} {name}: not mended: {run.said()[-300:]}")
        shutil.rmtree(out.parent)

    def disturb(self, run: Command, name: str, number: int) -> None:
        moment = self.draw.random() * self.seconds[run.processes]
        run.start()
        until = time.monotonic() + moment
        while time.monotonic() < until and not run.ended():
            time.sleep(0.002)
        with run.held():  # else it might come to its end between the look at it and the fault
            over = run.ended()
            if over:
                self.judge(run, f"{number} before {name}")
            over = over or self.status(run) == "complete"  # what comes now is damage to a finished run
            FAULTS[name](run, self.draw)
        run.wait()
        if not over:
            self.judge(run, f"{number} {name} after {moment:.2f} s")

    def status(self, run: Command) -> str:
        try:
            return str(json.loads((run.out / "run.json").read_text())["status"])
        except (OSError, ValueError):
            return "none"

    def judge(self, run: Command, what: str) -> None:
        lingering = run.lingering()
        self.slowest = max(self.slowest, lingering)
        said = run.said()
        if lingering > PATIENCE_S:
            self.wrong.append(f"{what}: a process lived {lingering:.1f} s longer than its run")
        if "Traceback" in said:
            self.wrong.append(f"{what}: {said[-300:]}")
        if run.code == 0:
            if self.status(run) != "complete":
                self.wrong.append(f"{what}: ended well with status {self.status(run)}")
            elif other := dict(self.whole.items() ^ tables(run.out).items()):
                self.wrong.append(f"{what}: said complete, and other than undisturbed are {sorted(other)}")


def trial() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--times", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", choices=FAULTS)
    asked = parser.parse_args()
    names = (
        [asked.only] if asked.only else [one for one in FAULTS if one not in ON_A_DISK or os.geteuid() == 0]
    )
    with tempfile.TemporaryDirectory(prefix="raybench-kills-") as folder:
        trials = Trials(Path(folder), random.Random(asked.seed))
        trials.prepare()
        for number in range(asked.times):
            known = len(trials.wrong)
            trials.one(number, names[number % len(names)])
            for line in trials.wrong[known:]:
                print(line, flush=True)
    print(f"{asked.times} disturbed runs, {len(trials.wrong)} wrong; {dict(trials.counts)}")
    print(f"the slowest process was gone {trials.slowest:.2f} s after its run")
    return bool(trials.wrong)


if __name__ == "__main__":
    sys.exit(trial())
