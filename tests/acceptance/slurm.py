"""`python tests/acceptance/slurm.py`: the examples for Slurm under a stand-in that kills and queues again.

No Slurm is needed: `scontrol`, `torchrun` and `raybench` of a folder in front of PATH do what those of a
cluster would. Each script is stopped by TERM in the middle, started again, and must end with the bytes of a
run that nobody stopped.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
CHECKPOINTS = ("shapes-gmp", "shapes-baseline")


def stand_ins(folder: Path) -> dict[str, str]:
    """Write the commands of a cluster; return the environment of a job."""
    commands = {
        "scontrol": f'echo "$@" >> {folder / "asked"}',
        "torchrun": f'exec {sys.executable} -m torch.distributed.run "$@"',
        "raybench": f'exec {sys.executable} -m raybench "$@"',
    }
    for name, text in commands.items():
        path = folder / name
        path.write_text(f"#!/bin/bash\n{text}\n")
        path.chmod(0o755)
    own = {"PATH": f"{folder}:{os.environ['PATH']}", "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    return {**os.environ, **own, "SUITE": "demo", "SLURM_JOB_ID": "7", "SLURM_GPUS_ON_NODE": "2"}


def contents(out: Path) -> dict[str, bytes]:
    """Bytes of all tables of a result folder."""
    return {str(path.relative_to(out)): path.read_bytes() for path in sorted(out.rglob("*.csv"))}


def job(
    script: str, words: list[str], folder: Path, environment: dict[str, str], stop_in: Path | None = None
) -> int:
    """Run a script as Slurm does; stop it by TERM once rows lie in `stop_in`."""
    command = ["bash", str(ROOT / "examples" / "slurm" / script), *words]
    process = subprocess.Popen(command, cwd=folder, env=environment, start_new_session=True)
    if stop_in is not None:
        deadline = time.monotonic() + 120
        while not list(stop_in.rglob("records*.csv")) and time.monotonic() < deadline:
            time.sleep(0.05)
        if script == "array.sh":  # without a trap of its own Slurm ends the whole step
            os.killpg(process.pid, signal.SIGTERM)
        else:
            process.send_signal(signal.SIGTERM)
    return process.wait(timeout=300)


def main() -> int:
    """Try both scripts; return 1 if bytes differ."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        environment = stand_ins(folder)
        data = ["--data", f"shapes={folder / 'shapes'}"]
        made = [sys.executable, "-m", "raybench", "shapes", str(folder / "shapes"), "--images", "150"]
        subprocess.run(made, env=environment, check=True)
        wrong = 0
        for script, words, stopped, whole in (
            ("one_node.sh", [*data, "--checkpoint", CHECKPOINTS[0]], "runs/demo", "whole-node"),
            ("array.sh", [*CHECKPOINTS], f"runs/array/{CHECKPOINTS[1]}", "whole-array"),
        ):
            task = {**environment, "SLURM_ARRAY_TASK_ID": "1", "RAYBENCH_DATA": str(folder)}
            (folder / "asked").unlink(missing_ok=True)
            first = job(script, words, folder, task, stop_in=folder / stopped)
            left = (folder / stopped / "run.json").read_text()
            again = job(script, words, folder, task)
            checkpoint = CHECKPOINTS[script == "array.sh"]
            alone = [sys.executable, "-m", "raybench", "run", "demo", *data, "--checkpoint", checkpoint]
            subprocess.run([*alone, "--out", str(folder / whole)], env=environment, check=True)
            same = contents(folder / stopped) == contents(folder / whole)
            asked = (folder / "asked").read_text().split() if (folder / "asked").exists() else []
            where = "in the middle" if json.loads(left)["status"] == "running" else "at the end"
            print(
                f"{script}: stopped with {first} {where}, then {again}; asked of Slurm: "
                f"{' '.join(asked) or 'nothing'}; {'same bytes' if same else 'OTHER BYTES'}"
            )
            wrong += not same
    return int(bool(wrong))


if __name__ == "__main__":
    sys.exit(main())
