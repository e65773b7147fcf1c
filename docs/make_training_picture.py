"""Draws docs/grid.jpg: a picture, its grid, and the Grad-CAM maps that training compares, of two networks."""

from __future__ import annotations

from pathlib import Path

import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

from raybench.benchmark.pictures.drawing.style import save_figure
from raybench.checkpoints import load_network
from raybench.training import make_grids, normalised_grad_cam, place_in_quadrants
from raybench.training.data.pictures import Views, draw_scenes
from raybench.training.recipe.recipe import ShapesScenes
from raybench.training.step.consistency import tapped
from raybench.training.step.step import normalise

SCENES = ShapesScenes(images=12, seed=2)
QUADRANT = 2


def maps_of(name: str, image: Tensor, grid: Tensor, label: int) -> tuple[Tensor, Tensor]:
    """Maps (h, w) and (2h, 2w) of one class on a picture and its grid."""
    network = load_network(name)
    maps = []
    for pixels in (image, grid):
        with tapped(network.module, network.target_layer) as tap:
            features, logits = tap(normalise(pixels).requires_grad_())
        (gradients,) = torch.autograd.grad(logits[0, label], features)
        maps.append(normalised_grad_cam(features, gradients)[0].detach())
    return maps[0], maps[1]


def show(axes: Axes, picture: Tensor, title: str) -> None:
    """Draw a picture (3, H, W) uint8 or a map (h, w)."""
    axes.imshow(picture.permute(1, 2, 0) if picture.ndim == 3 else picture, cmap="inferno")
    axes.set_title(title, fontsize=10)
    axes.set_axis_off()


def main() -> None:
    """Write docs/grid.jpg."""
    scenes = draw_scenes(SCENES, Views(short_side=80, crop=80, smallest_crop=1.0))
    images = torch.stack([scenes.images[index][:, :80, :80] for index in range(len(scenes))])
    labels = scenes.targets.labels
    others = [index for index in range(1, len(labels)) if labels[index] != labels[0]][:3]
    rows = torch.tensor([0])
    grid = make_grids(images, torch.tensor([others]), torch.tensor([QUADRANT]), rows)
    figure = Figure(figsize=(10.5, 4.4), layout="constrained")
    axes = figure.subplots(2, 5)
    for row, name in enumerate(("shapes-baseline", "shapes-gmp-gc")):
        own, whole = maps_of(name, images[:1], grid, int(labels[0]))
        target = place_in_quadrants(own[None], torch.tensor([QUADRANT]))[0]
        show(axes[row, 0], images[0], "picture x")
        show(axes[row, 1], own, f"A(x), {name.removeprefix('shapes-')}")
        show(axes[row, 2], grid[0], "grid x'")
        show(axes[row, 3], whole, "A(x')")
        show(axes[row, 4], target, "T: what it should be")
    save_figure(figure, Path(__file__).resolve().parent / "grid.jpg")


if __name__ == "__main__":
    main()
