"""Draws good and bad maps with their values: `python docs/make/metrics.py`."""

from __future__ import annotations

from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import torch
from shared import DOCS, square_scenes

from raybench.attributions import BoundAttribution, bind
from raybench.benchmark.datasets import MaskRegion, draw_scene
from raybench.benchmark.measuring.randomising import RandomisedCopy
from raybench.benchmark.metrics import METRICS, Forgotten, Metric, SaliencyBatch
from raybench.benchmark.metrics.sanity.similarity import spearman
from raybench.benchmark.pictures.drawing.style import INK, save_figure
from raybench.benchmark.pictures.overlay import bare, draw_outline, overlay
from raybench.checkpoints import load_network
from raybench.training.step.step import normalise

FOLDER = DOCS / "metrics"
SCENE = draw_scene(0, 6)
REGION = SCENE.objects[0].mask
SIZE = REGION.shape
Map = np.ndarray


def hill(y: float, x: float, sigma: float) -> Map:
    """A Gaussian around a place, in pixels."""
    rows, columns = np.indices(SIZE)
    heights: Map = np.exp(-0.5 * ((rows - y) ** 2 + (columns - x) ** 2) / sigma**2)
    return heights


def value_of(metric: Metric, saliency: Map) -> float:
    """The value of one map of the scene; of a metric of the set, that of a set of this map alone."""
    maps = torch.from_numpy(saliency / saliency.sum()).float()[None]
    own, near = (torch.from_numpy(one.copy())[None] for one in (REGION, MaskRegion(REGION).near(15)))
    batch = SaliencyBatch(maps, own, near, seeds=(0,))
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


def draw_sanity(path: Path) -> None:
    """Draw maps of two methods by a trained network, by ones with random weights, and after small changes."""
    network, zero = load_network("shapes-baseline"), torch.tensor([0])
    scenes, labels = square_scenes(8)
    picture, target = scenes[3:4], labels[3]
    image, other = normalise(picture), (target + 5) % len(network.classes)
    copy = RandomisedCopy(network, 0, image[0])
    count = len(copy.stages("stage"))
    noisy = image + 0.05 * torch.rand(image.shape, generator=torch.Generator().manual_seed(0))
    figure, panels = plt.subplots(2, 6, figsize=(13, 5), layout="constrained")
    for row, name in zip(panels, ("grad_cam", "gradient"), strict=True):
        method = bind(name)

        def explain(
            given: torch.Tensor, wanted: int, lost: int = 0, method: BoundAttribution = method
        ) -> Map:
            forgotten = Forgotten(frozenset(range(count - lost, count)), "stage", "reset")
            seen = copy.forgetting(forgotten) if lost else network
            return method(seen, given, zero, torch.tensor([wanted]))[0].numpy()

        maps = {
            "trained": explain(image, target),
            "last stage random": explain(image, target, 1),
            "all stages random": explain(image, target, count),
            "another class": explain(image, other),
            "a noisy copy": explain(noisy, target),
        }
        row[0].imshow(picture[0].permute(1, 2, 0))
        row[0].set_title(name, fontsize=12, color=INK)
        for panel, (title, saliency) in zip(row[1:], maps.items(), strict=True):
            panel.imshow(saliency, cmap="inferno")
            rho = spearman(torch.from_numpy(maps["trained"]), torch.from_numpy(saliency))
            panel.set_title(f"{title}\nrank correlation {rho:.2f}", fontsize=10, color=INK)
        for panel in row:
            bare(panel)
    save_figure(figure, path)
    plt.close(figure)


def main() -> None:
    """Write the pictures of docs/metrics."""
    draw_sanity(FOLDER / "sanity.jpg")
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
