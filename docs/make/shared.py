"""What the makers of pages and pictures share."""

from __future__ import annotations

from pathlib import Path

import torch
from matplotlib.axes import Axes
from torch import Tensor

from raybench.training.data.pictures import draw_scenes
from raybench.training.recipe.recipe import ShapesScenes

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"


def put_between(path: Path, name: str, text: str) -> None:
    """Replace what stands between the markers called `name`."""
    begin, end = f"<!-- {name}: begin -->", f"<!-- {name}: end -->"
    content = path.read_text(encoding="utf-8")
    before, after = content.partition(begin)[0], content.partition(end)[2]
    path.write_text(f"{before}{begin}\n{text.strip()}\n\n{end}{after}", encoding="utf-8")


def square_scenes(count: int) -> tuple[Tensor, list[int]]:
    """Scenes that the shipped networks have not seen, (N, 3, 80, 80) uint8, and their classes."""
    images, targets = draw_scenes(ShapesScenes(images=count, seed=2), 80)
    return torch.stack([image[:, :80, :80] for image in images]), targets.labels.tolist()


def show(axes: Axes, picture: Tensor, title: str, fontsize: float = 10) -> None:
    """Draw a picture (3, H, W) uint8 or a map (h, w)."""
    axes.imshow(picture.permute(1, 2, 0) if picture.ndim == 3 else picture, cmap="inferno", vmin=0)
    axes.set_title(title, fontsize=fontsize)
    axes.set_axis_off()
