"""Section `profile`: where each millisecond of a picture goes, as a table and as docs/profile.png."""

from __future__ import annotations

import dataclasses
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from raybench import Settings, evaluate
from raybench.base.memory import keep_freed_memory

from .apart import apart
from .options import Options, Section
from .profile_plot import draw_profile
from .report import table
from .stopwatch import Stopwatch, watched
from .turns import in_turn, spread
from .work import Work

__all__ = ["METHODS", "PROFILE", "STAGES", "profile_of"]

METHODS = ("grad_cam", "gradient", "excitation_backprop")
OTHER = "other"

_HERE = "raybench.benchmark"
STAGES = {
    "read and decode": (
        f"{_HERE}.datasets.pictures:to_rgb",
        f"{_HERE}.datasets.voc_xml:read_annotation",
    ),
    "resize": (f"{_HERE}.pipeline.preparation:pillow_view",),
    "ground truth, distances": (
        f"{_HERE}.datasets.region:BoxRegion.mask",
        f"{_HERE}.datasets.region:BoxRegion.near",
        f"{_HERE}.datasets.region:MaskRegion.mask",
        f"{_HERE}.datasets.region:MaskRegion.near",
    ),
    "waiting for pictures": (f"{_HERE}.pipeline.batches:load",),
    "copy, normalise": (f"{_HERE}.measuring:network_input",),
    "forward": ("torchvision.models.resnet:ResNet.forward",),
    "backward": ("torch.autograd:grad",),
    "maps": ("raybench.attributions.interface:BoundAttribution.__call__",),
    "saliency resize": (f"{_HERE}.saliency:prepare_saliency", f"{_HERE}.saliency:status_of"),
    "metrics": (
        f"{_HERE}.metrics.interface:BoundMetric.__call__",
        f"{_HERE}.metrics.interface:sum_pixels",
    ),
    "words and records": (f"{_HERE}.scoring:Scores.rows", f"{_HERE}.records:RowStore.append"),
}
"""Functions by stage. A stage inside another is charged to itself alone: `maps` is what a method does beside
its passes, `waiting for pictures` what loading does beside its stages."""

_SAYS = (
    "Milliseconds of a picture on one thread of one process that also decodes (`--processes 1 --threads 1 "
    "--workers 0`), by timers around the functions that `perf/profiling.py` names. The total is the run's "
    "own `measuring_seconds`; `other` is what no timer saw."
)


def measure(options: Options) -> list[str]:
    """Profile ResNet18 over real pictures, one method at a time, in turn."""
    short_side = 96 if options.quick else 448
    work = Work("killthebits-resnet18", "imagenet", "", options.pick(23, 2), 1, short_side)
    calls = {
        name: lambda name=name: apart(
            profile_of, options, **dataclasses.asdict(dataclasses.replace(work, attribution=name))
        )
        for name in METHODS
    }
    runs = in_turn(calls, options.rounds)
    milliseconds = {name: _milliseconds(found) for name, found in runs.items()}
    lines = [_SAYS, "", *_table(milliseconds)]
    missing = runs[METHODS[0]][0]["missing"]
    if missing:
        lines += [f"Not in this version, and so among `other`: {', '.join(missing)}.", ""]
    beside = {stage for found in runs.values() for run in found for stage in run["beside"]}
    if beside:
        lines += [f"Also done by other threads at the same time: {', '.join(sorted(beside))}.", ""]
    if options.figures:
        draw_profile(milliseconds, options.figures / "profile.png")
        lines += ["![Milliseconds of a picture by stage, for three methods](profile.png)", ""]
    return lines


PROFILE = Section("profile", measure, needs_data=True)


def profile_of(**fields: Any) -> dict[str, Any]:
    """Run a suite under the stopwatch: seconds by stage, in all, and what was not found."""
    work, watch = Work(**fields), Stopwatch()
    keep_freed_memory()  # as the command line does
    with tempfile.TemporaryDirectory() as folder:
        suite = work.suite(Path(folder))
        settings = Settings(
            out=Path(folder) / "out", limit=work.limit, device="cpu", processes=1, threads=1, workers=0
        )
        with watched(STAGES, watch) as missing:
            manifest = evaluate(suite, settings).manifest
    return {
        "stages": dict(watch.seconds),
        "beside": dict(watch.beside),
        "total": manifest["measuring_seconds"],
        "images": manifest["measured_images"],
        "missing": missing,
    }


def _milliseconds(runs: Sequence[Mapping[str, Any]]) -> dict[str, float]:
    """Medians over rounds by stage, and `other`, which makes their sum that of the median total."""
    per_image = {
        stage: spread([1e3 * run["stages"].get(stage, 0.0) / run["images"] for run in runs]).median
        for stage in STAGES
    }
    total = spread([1e3 * run["total"] / run["images"] for run in runs]).median
    return {**per_image, OTHER: total - sum(per_image.values())}


def _table(milliseconds: Mapping[str, Mapping[str, float]]) -> list[str]:
    totals = {name: sum(stages.values()) for name, stages in milliseconds.items()}
    rows = [
        [
            stage,
            *(
                cell
                for name, stages in milliseconds.items()
                for cell in (f"{stages[stage]:.2f}", f"{100 * stages[stage] / totals[name]:.1f} %")
            ),
        ]
        for stage in (*STAGES, OTHER)
    ]
    rows.append(["total", *(cell for total in totals.values() for cell in (f"{total:.2f}", ""))])
    headings = [cell for name in milliseconds for cell in (f"{name}, ms", "share")]
    return table(["stage", *headings], rows)
