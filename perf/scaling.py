"""Section `scaling`: whether time per picture and memory stay as they are when there are many pictures.

1,000, 10,000 and 50,000 JPEG files are made and measured with a network that costs next to nothing, so that
the pipeline is what counts; and the time of resuming, merging and tabling 200 times the records.
"""

from __future__ import annotations

import csv
import os
import shutil
import tempfile
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from .cards import SMALL, random_card
from .command import Ran, command, run_suite
from .options import Options, Section
from .pictures import Annotated, made_annotations, make_pictures, read_annotations
from .report import table
from .work import METRICS

__all__ = ["SCALING", "annotations_at_hand"]

_SIZES = (250, 1_000, 10_000, 50_000)
_QUICK_SIZES = (2, 8)
_BYTES_EACH = 160_000
"""Disk that a picture takes, with its annotation and its records."""


def measure(options: Options) -> list[str]:
    """Measure sets of growing size, from the smallest to the largest that the disk holds."""
    known: tuple[int, ...] = _QUICK_SIZES if options.quick else _SIZES
    sizes = [size for size in known if size <= (options.limit or size)]
    lines = []
    with tempfile.TemporaryDirectory(prefix="raybench-scaling-", dir=options.work) as name:
        folder = Path(name)
        card = random_card(folder / "cards", SMALL)
        annotations = annotations_at_hand(max(sizes))
        runs: dict[int, tuple[Ran, list[Ran]]] = {}
        for size in sizes:
            if shutil.disk_usage(folder).free < 1.2 * size * _BYTES_EACH:
                lines += [f"{size:,} pictures were left out: too little room on the disk.", ""]
                continue
            runs[size] = _measure_set(folder, size, card, annotations, options)
    failed = [ran for ran, again in runs.values() for ran in (ran, *again) if ran.code]
    if failed:
        return [f"A command failed: {failed[0].failure}", ""]
    return [*lines, *_growth(runs), *_afterwards(runs)]


SCALING = Section("scaling", measure)


def annotations_at_hand(count: int) -> list[Annotated]:
    """ImageNet's own sizes and boxes where RAYBENCH_DATA has them, else drawn ones."""
    around = os.environ.get("RAYBENCH_DATA")
    folder = Path(around or ".") / "imagenet" / "all_val_boxes"
    return read_annotations(folder) if around and folder.is_dir() else made_annotations(count)


def _measure_set(
    folder: Path, size: int, card: Path, annotations: list[Annotated], options: Options
) -> tuple[Ran, list[Ran]]:
    """Make a set, measure it, and do it all again when there is nothing left to measure."""
    pictures = make_pictures(folder / f"pictures-{size}", size, annotations)
    suite: dict[str, Any] = {
        "name": f"run-{size}",
        "protocol": {"name": "aaai21", "short_side": 64},
        "dataset": "imagenet",
        "checkpoints": [str(card)],
        "attributions": ["grad_cam", "center", "random"],
        "metrics": METRICS,
        "gallery": 0,
    }
    out = folder / suite["name"]
    words = ["--data", f"imagenet={pictures}", "--device", "cpu"]
    first = run_suite(suite, folder, options, words)
    again = []
    if not first.code:
        again.append(run_suite(suite, folder, options, words))
        for path in out.rglob("records.csv"):
            _unmerge(path)
        again.append(run_suite(suite, folder, options, words))
        again.append(command(["table", str(out)], options))
    shutil.rmtree(pictures)
    shutil.rmtree(out, ignore_errors=True)
    return first, again


def _unmerge(records: Path) -> None:
    """Turn a merged file into the shard that a run which was killed at its very end would have left."""
    with records.open(newline="", encoding="utf-8") as file:
        rows = list(csv.reader(file))[1:]
    count = Counter(row[0] for row in rows)
    with records.with_name("records.part-0.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file, lineterminator="\n").writerows([*row, count[row[0]]] for row in rows)
    records.unlink()


def _growth(runs: dict[int, tuple[Ran, list[Ran]]]) -> list[str]:
    """Time per picture and memory, against the second smallest set; the smallest hardly gets going."""
    base = runs[list(runs)[min(1, len(runs) - 1)]][0].manifest
    rows = []
    for size, (ran, _) in runs.items():
        facts = ran.manifest
        per_image = [entry["measuring_seconds"] / entry["measured_images"] for entry in (facts, base)]
        rows.append(
            [
                f"{size:,}",
                f"{1e3 * per_image[0]:.2f}",
                f"{per_image[0] / per_image[1]:.2f}",
                f"{facts['peak_memory_mb']:.0f}",
                f"{facts['peak_memory_mb'] / base['peak_memory_mb']:.2f}",
                f"{ran.peak_memory_mb:.0f}",
                f"{ran.seconds:.1f}",
            ]
        )
    headings = ["pictures", "ms per picture", "against the second row", "peak memory of a process, MB"]
    headings += ["against the second row", "of the command, MB", "seconds in all"]
    return ["### Pictures", "", *table(headings, rows)]


def _afterwards(runs: dict[int, tuple[Ran, list[Ran]]]) -> list[str]:
    """What is done with the records: seconds of whole commands, less those of the smallest set."""
    least = runs[min(runs)][1]
    rows = []
    for size, (_, again) in runs.items():
        rows.append(
            [f"{size:,}", f"{3 * size:,}", *_cells(again), *_per_thousand(again, least, size, min(runs))]
        )
    names = ("resume, nothing left", "resume and merge shards", "raybench table")
    headings = ["pictures", "records", *(f"{name}, s" for name in names)]
    headings += [f"{name}, ms per 1,000 more records" for name in names]
    return ["### Records", "", *table(headings, rows)]


def _cells(commands: Sequence[Ran]) -> list[str]:
    remeasured = [ran.manifest.get("measured_images", 0) for ran in commands]
    return [
        f"{ran.seconds:.2f}" + (f" ({images} pictures measured again)" if images else "")
        for ran, images in zip(commands, remeasured, strict=True)
    ]


def _per_thousand(commands: Sequence[Ran], least: Sequence[Ran], size: int, smallest: int) -> list[str]:
    """Milliseconds that every 1,000 records cost beyond the smallest set's."""
    if size == smallest:
        return [""] * len(commands)
    more = 3 * (size - smallest) / 1000
    return [
        f"{1e3 * (ran.seconds - base.seconds) / more:.0f}" for ran, base in zip(commands, least, strict=True)
    ]
