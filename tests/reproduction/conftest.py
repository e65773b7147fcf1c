"""A made table over generated pictures, whose values are those of the run that ships."""

from __future__ import annotations

import csv
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from raybench.benchmark.results import open_results

SHIPPED = Path(__file__).resolve().parents[2] / "results" / "measured" / "demo"
HEADER = (
    "row,column,checkpoint,attribution,options,dataset,subset,metric,aggregate,value,printed,spread,tolerance,"
    "expected,page,note"
)
NETWORK, METHOD = "shapes-baseline", "grad_cam"
CELLS = [
    (NETWORK, METHOD, "top1_accuracy", "image_mean"),
    (NETWORK, METHOD, "pointing_game", "class_mean"),
    (NETWORK, METHOD, "content_heatmap", "query_mean"),
    ("", "center", "content_heatmap", "query_mean"),
]

WriteTable = Callable[..., Path]


def shipped_value(checkpoint: str, attribution: str, metric: str, aggregate: str) -> float:
    """The value of the run of suite demo that ships."""
    for row in open_results(SHIPPED).rows:
        about = "" if metric == "top1_accuracy" else attribution
        found = (row["checkpoint"], row["attribution"], row["metric"], row["aggregate"])
        if found == (checkpoint or "none", about, metric, aggregate):
            return float(row["value"])
    raise LookupError((checkpoint, attribution, metric))


@pytest.fixture
def write_table(tmp_path: Path) -> WriteTable:
    """Write a table of the shipped values, rounded to 0.01; `changes` adds to some, by metric and row."""

    def write(
        changes: dict[tuple[str, str], float] | None = None,
        *,
        expected: dict[tuple[str, str], str] | None = None,
        further: Sequence[str] = (),
        images: int = 300,
        sha256: str = "",
    ) -> Path:
        path = tmp_path / "made.yaml"
        path.write_text(
            "title: A made table\ncitation: nobody\nsource: nowhere\nprotocol: aaai21-clamped\n"
            "protocol_changes: {short_side: 80, crop_resize: 80, crop: 80, tolerance_px: 5}\n"
            "tolerances: {top1_accuracy: 0.05, pointing_game: 0.3, content_heatmap: 0.1}\n"
            "gate: top1_accuracy\n"
            "datasets:\n"
            f"  shapes: {{label: shapes, measured: [shapes], choice: {{name: shapes}}, images: {images}}}\n"
            f"checkpoints:\n  {NETWORK}:\n    architecture: 'raybench.checkpoints.shapes_net:shapes_net'\n"
            f"    sha256: '{sha256}'\n"
        )
        with path.with_suffix(".csv").open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(HEADER.split(","))
            for cell in CELLS:
                checkpoint, attribution, metric, aggregate = cell
                row = checkpoint or attribution
                value = shipped_value(*cell) + (changes or {}).get((row, metric), 0)
                said = (expected or {}).get((row, metric), "")
                writer.writerow(
                    [
                        *[row, "shapes", checkpoint, attribution, "", "shapes", "", metric, aggregate],
                        *[f"{value:.2f}", 0.01, "", "", said, "", ""],
                    ]
                )
            for line in further:
                writer.writerow(line.split(","))
        return path

    return write
