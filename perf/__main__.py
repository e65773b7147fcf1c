"""`python -m perf`: time raybench, the bare network and the ancestors in turn, and write docs/performance.md.

Each measurement is a fresh process. The ways are run in turn, round after round, so that a machine whose
speed drifts treats all alike; the figure is the median over rounds, ratios are taken within a round.

    RAYBENCH_DATA=... python -m perf --rounds 3
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import statistics
import subprocess
import sys
from dataclasses import asdict, dataclass
from pathlib import Path

from .ways import WAYS, Work

REPORT = Path(__file__).resolve().parent.parent / "docs" / "performance.md"
START, END = "<!-- evaluation: begin -->", "<!-- evaluation: end -->"


@dataclass(frozen=True)
class Case:
    """A question: how does one way compare with others on the same work?"""

    title: str
    work: Work
    ways: tuple[str, ...]


FLOORS = {
    "grad_cam": ("forward", "forward_processes"),
    "gradient": ("forward_backward", "forward_backward_processes"),
    "excitation_backprop": ("forward_backward", "forward_backward_processes"),
}


def cases(limit: int | None, cores: int) -> list[Case]:
    """All questions, on up to `limit` pictures."""
    listed = []
    for network in ("resnet18", "resnet50"):
        name, several = f"killthebits-{network}-coco", f"{network}, COCO, every class of each picture"
        for attribution, floors in FLOORS.items():
            work = Work(name, "coco", attribution, limit or 48, cores)
            listed.append(Case(f"Floor: {attribution}, {several}", work, ("raybench", *floors)))
        for attribution in (*FLOORS, "contrastive_excitation_backprop"):
            work = Work(name, "coco", attribution, limit or 12, cores)
            listed.append(Case(f"TorchRay: {attribution}, {several}", work, ("raybench", "torchray")))
        work = Work(f"killthebits-{network}", "imagenet", "grad_cam_elementwise", limit or 23, cores)
        title = f"Three scripts: grad_cam_elementwise, {network}, ImageNet, one class a picture"
        listed.append(Case(title, work, ("raybench", "three_scripts")))
    work = Work("random", "coco", "contrastive_excitation_backprop", limit or 6, cores)
    title = "TorchRay: contrastive_excitation_backprop, resnet18 with random weights, COCO"
    return [*listed, Case(title, work, ("raybench", "torchray"))]


def measure_here(way: str, work: Work) -> None:
    """Run one way in this process and print what it yielded as JSON."""
    done = WAYS[way](work)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3
    print(json.dumps({**asdict(done), "peak_memory_mb": peak}))


def measure_apart(way: str, work: Work) -> dict[str, float]:
    """Run one way in a fresh process."""
    command = [sys.executable, "-m", "perf", "--way", way, "--work", json.dumps(asdict(work))]
    threads = os.environ | {"OMP_NUM_THREADS": str(work.cores)}
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, cwd=REPORT.parent.parent, env=threads
    )
    if done.returncode:
        raise SystemExit(f"{way} failed on {work}:\n{done.stderr}")
    result: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return result


def run_case(case: Case, rounds: int) -> str:
    """Measure a case and return its Markdown section."""
    runs: dict[str, list[dict[str, float]]] = {way: [] for way in case.ways}
    for _ in range(rounds):
        for way in case.ways:
            runs[way].append(measure_apart(way, case.work))
    lines = [
        f"### {case.title}",
        "",
        "| way | ms per image | queries per second | time against raybench | hits | peak memory, MB |",
        "|---|---:|---:|---:|---:|---:|",
    ]
    for way, done in runs.items():
        per_image = statistics.median(1e3 * run["seconds"] / run["images"] for run in done)
        rate = statistics.median(run["queries"] / run["seconds"] for run in done)
        ratios = [
            (run["seconds"] / run["images"]) / (ours["seconds"] / ours["images"])
            for run, ours in zip(done, runs["raybench"], strict=True)
        ]
        spread = f"{statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})"
        hits = "" if done[0]["hits"] is None else f"{done[0]['hits']:.0f} of {done[0]['queries']:.0f}"
        memory = statistics.median(run["peak_memory_mb"] for run in done)
        lines.append(f"| {way} | {per_image:.0f} | {rate:.2f} | {spread} | {hits} | {memory:.0f} |")
    section = "\n".join([*lines, ""])
    print(section, flush=True)
    return section


def main() -> None:
    """Parse the options and measure."""
    parser = argparse.ArgumentParser(prog="python -m perf", description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--cores", type=int, default=os.cpu_count(), help="cores that every way may use")
    parser.add_argument("--limit", type=int, help="pictures per measurement")
    parser.add_argument("--only", default="", help="cases whose title holds this text")
    parser.add_argument("--way", choices=WAYS, help=argparse.SUPPRESS)
    parser.add_argument("--work", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.way:
        measure_here(options.way, Work(**json.loads(options.work)))
        return
    import torch

    chosen = [case for case in cases(options.limit, options.cores) if options.only in case.title]
    machine = f"{options.cores} cores, {platform.processor() or platform.machine()}"
    versions = f"Python {platform.python_version()}, torch {torch.__version__}"
    head = f"{machine}, {versions}; {options.rounds} rounds."
    body = "\n".join([START, head, "", *(run_case(case, options.rounds) for case in chosen), END])
    if not options.only and not options.limit:
        text = REPORT.read_text(encoding="utf-8")
        before, after = text.partition(START)[0], text.partition(END)[2]
        REPORT.write_text(before + body + after, encoding="utf-8")


if __name__ == "__main__":
    main()
