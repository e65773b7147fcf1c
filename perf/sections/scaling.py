"""Section `scaling`: whether time per picture and memory stay as they are when there are many pictures.

1,000, 10,000 and 50,000 JPEG files are made and measured with a network that costs next to nothing, so that
the pipeline is what counts; and the time of resuming, merging and tabling 200 times the records.
"""

from __future__ import annotations

import csv
import itertools
import os
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from raybench.benchmark.results import RowStore

from ..cards import SMALL, random_card
from ..command import Ran, command, run_suite
from ..options import Options, Section
from ..pictures import Annotated, made_annotations, make_pictures, read_annotations
from ..report import table
from ..turns import in_turn, ratio, spread
from ..ways.work import METRICS

__all__ = ["SCALING", "annotations_at_hand"]

_SIZES = (250, 1_000, 10_000, 50_000)
_QUICK_SIZES = (2, 8)
_METHODS = ("grad_cam", "center", "random")
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
        sets: dict[int, Path] = {}
        for size in sizes:
            if shutil.disk_usage(folder).free < 1.2 * size * _BYTES_EACH:
                lines += [f"{size:,} pictures were left out: too little room on the disk.", ""]
            else:
                sets[size] = make_pictures(folder / f"pictures-{size}", size, annotations)
        calls = {
            size: lambda pictures=pictures: _measure_set(pictures, card, options)
            for size, pictures in sets.items()
        }
        runs = in_turn(calls, options.rounds)
    failed = [ran for found in runs.values() for commands in found for ran in commands if ran.code]
    if failed:
        return [f"A command failed: {failed[0].failure}", ""]
    return [*lines, *_growth(runs), *_afterwards(runs)]


SCALING = Section("scaling", measure)


def annotations_at_hand(count: int) -> list[Annotated]:
    """ImageNet's own sizes and boxes where RAYBENCH_DATA has them, else drawn ones."""
    around = os.environ.get("RAYBENCH_DATA")
    folder = Path(around or ".") / "imagenet" / "all_val_boxes"
    return read_annotations(folder) if around and folder.is_dir() else made_annotations(count)


class _Commands(NamedTuple):
    """What was done with one set, in order."""

    measure: Ran
    resume: Ran
    merge: Ran
    table: Ran


_Runs = Mapping[int, Sequence[_Commands]]


def _measure_set(pictures: Path, card: Path, options: Options) -> _Commands:
    """Measure a set, and do it again when there is nothing left to measure."""
    folder = pictures.parent
    suite: dict[str, Any] = {
        "name": f"run-{pictures.name}",
        "protocol": {"name": "aaai21", "short_side": 64},
        "dataset": "imagenet",
        "checkpoints": [str(card)],
        "attributions": list(_METHODS),
        "metrics": METRICS,
        "gallery": 0,
    }
    out = folder / suite["name"]
    words = ["--data", f"imagenet={pictures}", "--device", "cpu"]
    measured = run_suite(suite, folder, options, words)
    resumed = run_suite(suite, folder, options, words)
    for path in list(out.rglob("records.csv")):
        _unmerge(path)
    merged = run_suite(suite, folder, options, words)
    tabled = command(["table", str(out)], options)
    shutil.rmtree(out, ignore_errors=True)
    return _Commands(measured, resumed, merged, tabled)


def _unmerge(records: Path) -> None:
    """Turn a merged file into the shard that a run which was killed at its very end would have left."""
    with records.open(newline="", encoding="utf-8") as file:
        heading, *rows = csv.reader(file)
    records.unlink()
    with RowStore(records, heading) as store:
        for _, of_image in itertools.groupby(rows, key=lambda row: row[0]):
            store.append(list(of_image))


def _growth(runs: _Runs) -> list[str]:
    """Time per picture and memory, against the second smallest set; the smallest hardly gets going."""
    base = list(runs)[min(1, len(runs) - 1)]

    def each(size: int, key: str) -> list[float]:
        return [commands.measure.manifest[key] for commands in runs[size]]

    def per_image(size: int) -> list[float]:
        pairs = zip(each(size, "measuring_seconds"), each(size, "measured_images"), strict=True)
        return [1e3 * seconds / images for seconds, images in pairs]

    rows = [
        [
            f"{size:,}",
            f"{spread(per_image(size)).median:.2f}",
            str(ratio(per_image(size), per_image(base))),
            f"{spread(each(size, 'peak_memory_mb')).median:.0f}",
            str(ratio(each(size, "peak_memory_mb"), each(base, "peak_memory_mb"))),
            f"{spread([commands.measure.peak_memory_mb for commands in found]).median:.0f}",
            f"{spread([commands.measure.seconds for commands in found]).median:.1f}",
        ]
        for size, found in runs.items()
    ]
    against = f"against {base:,}"
    headings = ["pictures", "ms per picture", against, "peak memory of a process, MB", against]
    headings += ["of the command, MB", "seconds in all"]
    return ["### Pictures", "", *table(headings, rows)]


def _afterwards(runs: _Runs) -> list[str]:
    """What is done with the records: whole commands, and what more records cost beyond the smallest set's."""
    seconds = {
        size: [spread([commands[step].seconds for commands in found]).median for step in (1, 2, 3)]
        for size, found in runs.items()
    }
    smallest, rows = min(runs), []
    for size, found in runs.items():
        again = max(ran.manifest.get("measured_images", 0) for commands in found for ran in commands[1:])
        more = len(_METHODS) * (size - smallest) / 1000
        costs = [
            f"{1e3 * (mine - least) / more:.1f}" if more else ""
            for mine, least in zip(seconds[size], seconds[smallest], strict=True)
        ]
        cells = [f"{len(_METHODS) * size:,}", *(f"{value:.2f}" for value in seconds[size]), *costs]
        rows.append([f"{size:,}", *cells, str(again)])
    names = ("resume, nothing left", "resume and merge shards", "`raybench table`")
    headings = ["pictures", "records", *(f"{name}, s" for name in names)]
    headings += [f"{name}, ms per 1,000 more records" for name in names]
    return ["### Records", "", *table([*headings, "pictures measured again"], rows)]
