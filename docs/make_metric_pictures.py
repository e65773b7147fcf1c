"""Draws good and bad maps with their values: `python docs/make_metric_pictures.py`."""

from __future__ import annotations

from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import torch

from raybench.benchmark.datasets import MaskRegion, draw_scene
from raybench.benchmark.metrics import METRICS, Metric, SaliencyBatch
from raybench.benchmark.pictures.drawing.style import INK, save_figure
from raybench.benchmark.pictures.overlay import bare, draw_outline, overlay

FOLDER = Path(__file__).resolve().parent / "metrics"
SCENE = draw_scene(0, 6)
REGION = SCENE.objects[0].mask
SIZE = REGION.shape
Map = np.ndarray


def hill(y: float, x: float, sigma: float) -> Map:
    """A Gaussian around a place, in pixels."""
    rows, columns = np.indices(SIZE)
    return np.exp(-0.5 * ((rows - y) ** 2 + (columns - x) ** 2) / sigma**2)


def value_of(metric: Metric, saliency: Map) -> float:
    """The value of one map of the scene; of a metric of the set, that of a set of this map alone."""
    maps = torch.from_numpy(saliency / saliency.sum()).float()[None]
    near = MaskRegion(REGION).near(15)
    batch = SaliencyBatch(maps, *(torch.from_numpy(one.copy())[None] for one in (REGION, near)), seeds=(0,))
    found = metric.function(batch)
    return float(metric.compute(found.sum(dim=0).double().numpy()) if metric.of_set else found[0])


def draw(path: Path, maps: dict[str, Map], metrics: list[Metric]) -> None:
    """Draw maps side by side, with the values of each below."""
    height = 4.7 + 0.2 * len(metrics)
    figure, axes = plt.subplots(1, len(maps), figsize=(3.6 * len(maps), height), layout="constrained")
    for panel, (title, saliency) in zip(axes, maps.items(), strict=True):
        panel.imshow(overlay(SCENE.pixels, saliency))
        draw_outline(panel, REGION)
        bare(panel)
        panel.set_title(title, fontsize=12, color=INK)
        values = [f"{value_of(metric, saliency):8.2f}" for metric in metrics]
        lines = "\n".join(f"{metric.label:<12}{value}" for metric, value in zip(metrics, values, strict=True))
        panel.set_anchor("N")
        panel.set_xlabel(lines, family="monospace", fontsize=11, color=INK, labelpad=8)
    save_figure(figure, path)
    plt.close(figure)


def main() -> None:
    """Write the pictures of docs/metrics."""
    y, x = np.argwhere(REGION).mean(axis=0)
    size = np.sqrt(REGION.sum() / np.pi)
    away = hill(SIZE[0] - 1 - y, SIZE[1] - 1 - x, size)
    good, bad = hill(y, x, 0.7 * size), away + 0.25 * hill(y, x, size)
    localisation = [one for one in METRICS if one.group == "localisation"]
    maps = {"on the object": good, "mostly beside it": bad, "everywhere alike": np.ones(SIZE)}
    draw(FOLDER / "localisation.jpg", maps, localisation)
    complexity = [one for one in METRICS if one.group == "complexity"]
    maps = {"on one spot": hill(y, x, 0.25 * size), "on the object": good, "everywhere alike": np.ones(SIZE)}
    draw(FOLDER / "complexity.jpg", maps, complexity)


if __name__ == "__main__":
    main()
