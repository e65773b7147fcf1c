"""`python -m perf`: run the benchmarks, each in fresh processes and in turn, and write docs/performance.md.

Without names it measures all sections that need no GPU:

    RAYBENCH_DATA=... python -m perf                       all sections but `gpu`
    RAYBENCH_DATA=... python -m perf evaluation asking     some, and the rest of the report stays
    python -m perf gpu                                     on a machine with a GPU and nothing else
    python -m perf --quick                                 everything tiny, printed only
"""

from __future__ import annotations

import argparse
import os
import sys
import time

from .apart import MeasurementError
from .options import Options
from .report import REPORT, head, replaced
from .sections import SECTIONS, measure_of


def main(words: list[str] | None = None) -> None:
    """Parse the options, measure, and write one section after the other."""
    options, names = _parse(sys.argv[1:] if words is None else words)
    failed = False
    for name in names:
        if SECTIONS[name] and not os.environ.get("RAYBENCH_DATA"):
            print(f"{name}: left out: it needs the pictures and weights that RAYBENCH_DATA names", flush=True)
            continue
        try:
            _run(name, options)
        except MeasurementError as error:  # the other sections are measured all the same
            print(f"{name}: failed: {error}", file=sys.stderr, flush=True)
            failed = True
    if failed:
        raise SystemExit(1)


def _run(name: str, options: Options) -> None:
    """Measure a section, print it, and put it into the report if all of it was measured."""
    start = time.perf_counter()
    lines = [*head(name, options), *measure_of(name)(options)]
    print("\n".join(lines), flush=True)
    if not (options.quick or options.limit or options.only):
        text = REPORT.read_text(encoding="utf-8")
        REPORT.write_text(replaced(text, name, lines), encoding="utf-8")
    print(f"{name}: {time.perf_counter() - start:.0f} s\n", flush=True)


def _device() -> str:
    import torch

    return "cuda" if torch.cuda.is_available() else "cpu"


def _parse(words: list[str]) -> tuple[Options, list[str]]:
    """Return how to measure, and which sections."""
    parser = argparse.ArgumentParser(prog="python -m perf", description=__doc__.partition("\n")[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"sections: {', '.join(SECTIONS)}")
    parser.add_argument("--rounds", type=int, default=3, help="times that all is measured, in turn")
    parser.add_argument("--cores", type=int, default=Options().cores, help="cores that every way may use")
    parser.add_argument("--only", default="", help="tables or rows with this text; then nothing is written")
    parser.add_argument("--limit", type=int, help="pictures per measurement; then nothing is written")
    parser.add_argument("--device", choices=("cpu", "cuda"), help="of training, exactness and gpu")
    parser.add_argument("--quick", action="store_true", help="everything tiny; then nothing is written")
    given = parser.parse_args(words)
    for name in given.names:
        if name not in SECTIONS:
            parser.error(f"unknown section {name!r}; expected {', '.join(SECTIONS)}")
    options = Options(
        rounds=1 if given.quick else given.rounds,
        cores=given.cores,
        only=given.only,
        limit=given.limit,
        device=given.device or _device(),
        quick=given.quick,
    )
    return options, given.names or [name for name in SECTIONS if name != "gpu"]


if __name__ == "__main__":
    main()
