"""`python -m perf`: run the benchmarks, each in fresh processes and in turn, and write docs/performance.md.

Without names it measures all sections that need no GPU:

    RAYBENCH_DATA=... python -m perf                       all sections but `gpu`
    RAYBENCH_DATA=... python -m perf evaluation scaling    some, and the rest of the report stays
    python -m perf gpu                                     on a machine with a GPU and nothing else
    python -m perf --quick                                 everything tiny, printed only
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from pathlib import Path

from .apart import MeasurementError
from .options import DATA_IS_MISSING, Options, Section
from .report import REPORT, head, replaced
from .sections import SECTIONS, section_of

_DEVICE = "of training, exactness and gpu; a GPU if there is one"
_USUAL = [name for name in SECTIONS if name != "gpu"]


def main(words: list[str] | None = None) -> None:
    """Parse the options, measure, and write one section after the other."""
    options, names, report = _parse(sys.argv[1:] if words is None else words)
    failed = []
    for name in names:
        section = section_of(name)
        if section.needs_data and not os.environ.get("RAYBENCH_DATA"):
            print(f"{name}: left out: it {DATA_IS_MISSING}", flush=True)
            continue
        try:
            _run(section, options, report)
        except MeasurementError as error:  # the other sections are measured all the same
            print(f"{name}: failed: {error}", file=sys.stderr, flush=True)
            failed.append(name)
    if failed:
        raise SystemExit(1)


def _run(section: Section, options: Options, report: Path | None) -> None:
    """Measure a section, print it, and put it into the report."""
    start = time.perf_counter()
    lines = [*head(section.name, options), *section.measure(options)]
    print("\n".join(lines), flush=True)
    if report:
        text = report.read_text(encoding="utf-8")
        report.write_text(replaced(text, section.name, lines), encoding="utf-8")
    print(f"{section.name}: {time.perf_counter() - start:.0f} s\n", flush=True)


def _device() -> str:
    import torch

    return "cuda" if torch.cuda.is_available() else "cpu"


def _parse(words: list[str]) -> tuple[Options, list[str], Path | None]:
    """Return how to measure, which sections, and the report to write to, or None."""
    parser = argparse.ArgumentParser(prog="python -m perf", description=__doc__.partition("\n")[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"sections: {', '.join(SECTIONS)}")
    parser.add_argument("--rounds", type=int, default=3, help="times that all is measured, in turn")
    parser.add_argument("--cores", type=int, default=Options().cores, help="cores that every way may use")
    parser.add_argument("--only", default="", help="tables or rows with this text; then nothing is written")
    parser.add_argument("--limit", type=int, help="pictures per measurement; then nothing is written")
    parser.add_argument("--device", choices=("auto", "cpu", "cuda"), default="auto", help=_DEVICE)
    parser.add_argument("--quick", action="store_true", help="everything tiny; then nothing is written")
    parser.add_argument("--work", type=Path, help="folder for large temporary files")
    parser.add_argument("--output", type=Path, help="write the sections to this report")
    given = parser.parse_args(words)
    for name in given.names:
        if name not in SECTIONS:
            parser.error(f"unknown section {name!r}; expected {', '.join(SECTIONS)}")
    report = given.output or (None if given.quick or given.limit or given.only else REPORT)
    options = Options(
        rounds=1 if given.quick else given.rounds,
        cores=given.cores,
        only=given.only,
        limit=given.limit,
        device=_device() if given.device == "auto" else given.device,
        quick=given.quick,
        work=given.work,
    )
    return options, given.names or _USUAL, report


if __name__ == "__main__":
    main()
