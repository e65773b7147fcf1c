"""Section `leaderboard`: reading, ranking and drawing 200 rows of 50,000 images."""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from raybench.benchmark.comparison import rank_rows
from raybench.benchmark.metrics import METRICS
from raybench.benchmark.results.files.folder import open_results, read_records
from tests.support.board_folders import write_run

from ..apart import MeasurementError, apart
from ..command import command
from ..options import Options, Section
from ..report import table
from ..turns import in_turn, spread
from ..ways.work import METRICS as LOCALISATION

__all__ = ["LEADERBOARD", "read_and_rank"]

_ROWS, _IMAGES = 200, 50_000
_QUICK_ROWS, _QUICK_IMAGES = 10, 20
_RUNS, _METHODS = 4, 10


def measure(options: Options) -> list[str]:
    """Make up the records of four runs (about 900 MB), then time what the leaderboard does with them."""
    rows = _QUICK_ROWS if options.quick else _ROWS
    images = options.pick(_IMAGES, _QUICK_IMAGES)
    with tempfile.TemporaryDirectory(prefix="raybench-leaderboard-", dir=options.work) as name:
        folder, site = Path(name) / "runs", Path(name) / "site"
        _make_runs(folder, rows=rows, images=images)
        ranked, built = in_turn(
            {
                "rank": lambda: apart(read_and_rank, options, folder=str(folder)),
                "site": lambda: _built(folder, site, options),
            },
            options.rounds,
        ).values()
        size = sum(path.stat().st_size for path in site.rglob("*") if path.is_file())
    cells = [
        ["read all records", *_cells(ranked, "reading"), ""],
        ["rank the rows", *_cells(ranked, "ranking", "peak_memory_mb")],
        ["`raybench leaderboard`", *_cells(built, "seconds", "peak_memory_mb")],
    ]
    return [
        f"{rows} made-up rows of {images:,} images; the site has {size / 1e6:.1f} MB.",
        "",
        *table(["step", "seconds", "peak memory, MB"], cells),
    ]


def _make_runs(folder: Path, *, rows: int, images: int) -> None:
    """Write the result folders of `_RUNS` runs, with `rows` rows in all, `_METHODS` for each checkpoint."""
    generator = np.random.default_rng(0)
    easy = generator.normal(0, 12, images)  # some pictures are easy for all
    names = [f"method{number}" for number in range(_METHODS)]
    checkpoints = [f"net{number:02d}" for number in range(max(1, rows // _METHODS))]
    for part in range(min(_RUNS, len(checkpoints))):
        mine = checkpoints[part::_RUNS]
        values = {
            (checkpoint, method): (
                55 + 2 * place + 0.5 * checkpoints.index(checkpoint) + easy + generator.normal(0, 15, images)
            )
            .clip(0.5, 99.5)
            .round(7)
            for checkpoint in mine
            for place, method in enumerate(names)
        }
        accuracy = dict.fromkeys(mine, 67.0)
        write_run(folder / f"run{part}", values, accuracy=accuracy, dataset="imagenet", classes=1000)


def _built(folder: Path, site: Path, options: Options) -> dict[str, float]:
    """Build the site anew and say what it took."""
    shutil.rmtree(site, ignore_errors=True)
    ran = command(["leaderboard", str(folder), "-o", str(site)], options)
    if ran.code:
        raise MeasurementError(f"raybench leaderboard: {ran.failure}")
    return {"seconds": ran.seconds, "peak_memory_mb": ran.peak_memory_mb}


def _cells(runs: Sequence[Mapping[str, float]], *names: str) -> list[str]:
    return [str(spread([run[name] for run in runs])) for name in names]


LEADERBOARD = Section("leaderboard", measure)


def read_all(folder: Path) -> tuple[dict[str, np.ndarray], pd.DataFrame]:
    """Read the values of all rows: by metric (rows, queries) float32, and the queries."""
    values: dict[str, list[np.ndarray]] = {name: [] for name in LOCALISATION}
    frame = pd.DataFrame()
    for run in sorted(folder.glob("run*")):
        results = open_results(run)
        names = dict.fromkeys((row["checkpoint"], row["attribution"]) for row in results.rows)
        for checkpoint, attribution in names:
            if attribution:
                frame = read_records(run / checkpoint / attribution / "records.csv")
                for name in LOCALISATION:
                    values[name].append(frame[name].to_numpy(np.float32))
    return {name: np.stack(found) for name, found in values.items()}, frame


def read_and_rank(folder: str) -> dict[str, float]:
    """Read all rows and rank them: seconds of either."""
    start = time.perf_counter()
    values, queries = read_all(Path(folder))
    middle = time.perf_counter()
    aggregates = {name: METRICS.get(name).aggregates[0] for name in LOCALISATION}
    classes = queries["class_index"].to_numpy()
    rank_rows(values, queries["image_id"].to_numpy(), classes, aggregates=aggregates)
    return {"reading": middle - start, "ranking": time.perf_counter() - middle}
