"""Draws docs/methods/FAMILY.jpg and all.jpg there: one generated picture, explained by every method."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from matplotlib.figure import Figure
from shared import DOCS, show, square_scenes
from torch import Tensor

from raybench.attributions import ATTRIBUTIONS, bind
from raybench.base import RaybenchError
from raybench.benchmark.pictures.drawing.style import save_figure
from raybench.benchmark.suite import load_suite
from raybench.checkpoints import Network, load_network
from raybench.training.step.step import normalise

SUITE = "methods-shapes"
NETWORKS = ("shapes-baseline", "shapes-vit")
"""A method is drawn for the first that it is defined for; attention methods for the transformer."""

SCENE = 3
COLUMNS = 8


class Drawn(NamedTuple):
    """A map and how it came about."""

    label: str
    family: str
    network: str
    saliency: Tensor


def drawn(image: Tensor, target: Tensor) -> Iterator[Drawn]:
    """Explain a picture (1, 3, H, W) by each method of the suite, on the first network that it fits."""
    networks = [load_network(name) for name in NETWORKS]
    suite, _ = load_suite(SUITE)
    for choice in suite.attributions:
        name, options, label = (
            (choice, {}, choice)
            if isinstance(choice, str)
            else (choice.name, choice.options, choice.label or choice.name)
        )
        if ATTRIBUTIONS.get(name).kind == "network":
            yield explained(label, name, options, networks, image, target)


def explained(
    label: str,
    name: str,
    options: Mapping[str, Any],
    networks: list[Network],
    image: Tensor,
    target: Tensor,
) -> Drawn:
    """One map (H, W) of the first network that the method is defined for."""
    method, zero = bind(name, options), torch.tensor([0])
    for network in networks:
        try:
            method.check(network)
        except RaybenchError:
            continue
        seeds = [0] if method.attribution.seeded else None
        saliency = method(network, image, zero, target, seeds=seeds)[:, None]
        large = F.interpolate(saliency, image.shape[2:], mode="bilinear", align_corners=False)[0, 0]
        return Drawn(label, method.attribution.family, network.name, large)
    raise RaybenchError(f"{name} is defined for none of {', '.join(NETWORKS)}")


def sheet(path: Path, picture: Tensor, maps: list[Drawn]) -> None:
    """Write the picture and its maps, row by row."""
    rows = -(-(len(maps) + 1) // COLUMNS)
    figure = Figure(figsize=(1.35 * COLUMNS, 1.5 * rows), layout="constrained")
    axes = figure.subplots(rows, COLUMNS, squeeze=False).flatten()
    show(axes[0], picture, "picture", 6)
    for place, one in zip(axes[1:], maps, strict=False):
        mark = " (ViT)" if one.network == NETWORKS[1] else ""
        title = one.label.replace("perturbation", "perturb.") + mark
        show(place, one.saliency, title, 6 if len(title) < 30 else 4.5)
    for place in axes[len(maps) + 1 :]:
        place.set_axis_off()
    save_figure(figure, path)


def main() -> None:
    """Write a sheet for each family, and one of all."""
    scenes, labels = square_scenes(8)
    picture = scenes[SCENE]
    maps = list(drawn(normalise(picture[None]), torch.tensor([labels[SCENE]])))
    folder = DOCS / "methods"
    for family in dict.fromkeys(one.family for one in maps):
        if family != "baseline":
            sheet(folder / f"{family}.jpg", picture, [one for one in maps if one.family == family])
    sheet(folder / "all.jpg", picture, maps)


if __name__ == "__main__":
    main()
