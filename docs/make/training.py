"""Draws docs/grid.jpg: a picture, its grid, and the Grad-CAM maps that training compares, of two networks."""

from __future__ import annotations

import torch
from matplotlib.figure import Figure
from shared import DOCS, show, square_scenes
from torch import Tensor

from raybench.benchmark.pictures.drawing.style import save_figure
from raybench.checkpoints import load_network
from raybench.training import make_grids, normalised_grad_cam, place_in_quadrants
from raybench.training.step.consistency import tapped
from raybench.training.step.step import normalise

QUADRANT = 2


def maps_of(name: str, image: Tensor, grid: Tensor, label: int) -> tuple[Tensor, Tensor]:
    """Maps (h, w) and (2h, 2w) of one class on a picture and its grid."""
    network = load_network(name)
    maps = []
    for pixels in (image, grid):
        assert network.target_layer is not None
        with tapped(network.module, network.target_layer) as tap:
            features, logits = tap(normalise(pixels).requires_grad_())
        (gradients,) = torch.autograd.grad(logits[0, label], features)
        maps.append(normalised_grad_cam(features, gradients)[0].detach())
    return maps[0], maps[1]


def main() -> None:
    """Write docs/grid.jpg."""
    images, labels = square_scenes(12)
    others = [index for index in range(1, len(labels)) if labels[index] != labels[0]][:3]
    rows = torch.tensor([0])
    grid = make_grids(images, torch.tensor([others]), torch.tensor([QUADRANT]), rows)
    figure = Figure(figsize=(10.5, 4.4), layout="constrained")
    axes = figure.subplots(2, 5)
    for row, name in enumerate(("shapes-baseline", "shapes-gmp-gc")):
        own, whole = maps_of(name, images[:1], grid, labels[0])
        target = place_in_quadrants(own[None], torch.tensor([QUADRANT]))[0]
        show(axes[row, 0], images[0], "picture x")
        show(axes[row, 1], own, f"A(x), {name.removeprefix('shapes-')}")
        show(axes[row, 2], grid[0], "grid x'")
        show(axes[row, 3], whole, "A(x')")
        show(axes[row, 4], target, "T: what it should be")
    save_figure(figure, DOCS / "grid.jpg")


if __name__ == "__main__":
    main()
