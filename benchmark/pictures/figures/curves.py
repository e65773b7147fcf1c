"""What a network answers while pixels go or come in the order of a map: mean curves with their bands."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats

from ....base import RaybenchError
from ...results import ResultFolder, facts_of, label_of, open_results, read_lists, read_numbers
from ...statistics import Facts
from ..drawing.panels import Axis, Line, Lines, Panel
from ..drawing.paper import PanelFigure, figure_of, in_bands
from ..drawing.style import Look, shortened

_MOST_CHECKPOINTS = 4  # on one page


class MeanCurve(NamedTuple):
    """The mean over images, and the ends of its 95 % t interval, NaN for a single image: (K,) each."""

    mean: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]


def mean_curve(curves: pd.DataFrame, metric: str) -> MeanCurve | None:
    """Average the curves of a metric, those of an image first; None if there are none.

    Args:
        curves: image_id, and the curve of each query as text in the metric's column; see `read_lists`.
        metric: its name.

    Raises:
        ValueError: a cell that holds other than numbers, or curves of several lengths.
    """
    there = curves[curves[metric] != ""]
    if there.empty:
        return None
    points = np.array([read_numbers(text) for text in there[metric]], dtype=np.float64)
    images, _ = pd.factorize(there["image_id"])
    counts = np.bincount(images)
    sums = np.zeros((len(counts), points.shape[1]))
    np.add.at(sums, images, points)
    of_images = sums / counts[:, None]
    mean, reach = of_images.mean(axis=0), np.full(points.shape[1], np.nan)
    if len(counts) > 1:
        reach = stats.t.ppf(0.975, len(counts) - 1) * of_images.std(axis=0, ddof=1) / np.sqrt(len(counts))
    return MeanCurve(mean, mean - reach, mean + reach)


def curve_figures(
    folders: Sequence[str | Path], looks: Mapping[str, Look], title: str, *, across: int | None = None
) -> list[PanelFigure]:
    """Draw the curves of all runs: a band of panels per checkpoint, a panel per metric, a line per method.

    Args:
        folders: result folders.
        looks: of the methods; others are left out.
        title: above each figure, of four checkpoints at most.
        across: panels side by side; None for those of a checkpoint.

    Raises:
        RaybenchError: a damaged file.
    """
    bands = [band for run in map(open_results, dict.fromkeys(folders)) for band in _bands(run, looks)]
    pages: list[list[Sequence[Panel]]] = [
        [*bands[at : at + _MOST_CHECKPOINTS]] for at in range(0, len(bands), _MOST_CHECKPOINTS)
    ]
    if across:
        pages = [[part for band in page for part in in_bands(band, across)] for page in pages]
    return [figure_of(page, f"{title}: mean curves, 95 % over images") for page in pages]


def _bands(run: ResultFolder, looks: Mapping[str, Look]) -> list[list[Panel]]:
    """Return a band of panels for each checkpoint of a run that kept curves."""
    keeping = [known for name in run.metric_options if (known := facts_of(name, [run])) and known.curve]
    bands = []
    for checkpoint in dict.fromkeys(row["checkpoint"] for row in run.rows if keeping):
        files = {name: run.files.curves(checkpoint, name) for name in looks}
        frames = {name: read_lists(file) for name, file in files.items() if file.is_file()}
        panels = [_panel(metric, (run, checkpoint), frames, files, looks) for metric in keeping]
        bands += [[panel for panel in panels if panel]] if any(panels) else []
    return bands


def _panel(
    metric: Facts,
    about: tuple[ResultFolder, str],
    frames: Mapping[str, pd.DataFrame],
    files: Mapping[str, Path],
    looks: Mapping[str, Look],
) -> Panel | None:
    lines = []
    for name, frame in frames.items():
        try:
            curve = mean_curve(frame, metric.name) if metric.name in frame else None
        except ValueError:
            raise RaybenchError(
                f"{files[name]}: the curves of {metric.name} are not lists of equally many numbers"
            ) from None
        if curve:
            label = label_of("attribution", name, about[0])
            lines.append(Line(label, looks[name], metric.curve_axis(len(curve.mean)), *curve))
    unit = "" if metric.unit == "none" else f" ({metric.unit})"
    bounded = all(map(np.isfinite, metric.bounds))
    return (
        Panel(
            Axis(f"{metric.curve} (%)", limits=(0, 100)),
            Axis(
                "similarity" if metric.unit == "correlation" else f"answer of the network{unit}",
                limits=metric.bounds if bounded else None,
            ),
            (Lines(tuple(lines)),),
            inches=(4.6, 3.2),
            heading=f"{metric.title}, {shortened(label_of('checkpoint', about[1], about[0]), 40)}",
        )
        if lines
        else None
    )
