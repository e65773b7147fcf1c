"""How good is the network by now? The metrics of measurements, on validation pictures."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping, Sequence
from itertools import groupby
from pathlib import Path

import numpy as np
import torch
import torch.utils.data
from numpy.typing import NDArray
from torch import Tensor, nn

from ...benchmark.datasets import UnreadableImageError
from ...benchmark.metrics import METRICS
from ...benchmark.running import evaluate
from ...benchmark.statistics import PredictionBatch
from ...benchmark.suite import Settings, Suite
from ...checkpoints import Card, load_classes, network_from_module
from ..data.loading import Share
from ..data.pictures import Pictures
from ..recipe.recipe import Localisation
from ..step.step import normalise

LOCALISATION_METRICS = ("pointing_game", "stochastic_pointing_game", "content_heatmap")


def metrics_for(*, multilabel: bool) -> tuple[str, ...]:
    """Names of the metrics that fit pictures of one class each, or of several."""
    return ("f1_per_class", "f1_overall") if multilabel else ("top1_accuracy", "top5_accuracy")


class _Views(torch.utils.data.Dataset["tuple[int, Tensor | None, str]"]):
    """Validation pictures with their positions; None and the reason for one that cannot be read."""

    def __init__(self, pictures: Pictures, share: Share) -> None:
        self.pictures = pictures
        self.places = range(share.rank, len(pictures), share.processes)

    def __len__(self) -> int:
        return len(self.places)

    def __getitem__(self, place: int) -> tuple[int, Tensor | None, str]:
        index = self.places[place]
        try:
            return index, self.pictures.validation_view(index), ""
        except UnreadableImageError as error:
            return index, None, str(error)


def validate(
    network: nn.Module,
    pictures: Pictures,
    n_classes: int,
    *,
    device: torch.device | str = "cpu",
    share: Share | None = None,
    add_up: Callable[[Tensor], Tensor] = lambda sums: sums,
    workers: int = 0,
    say: Callable[[str], None] = lambda message: None,
) -> dict[str, float]:
    """Measure accuracy, or F1 where pictures hold several classes, in percent; by name of the metric.

    Args:
        network: images (B, 3, H, W) to logits; its mode is left as it was.
        pictures: what it is measured on; unreadable ones are reported to `say` and left out.
        n_classes: outputs of the network.
        device: where the network is.
        share: of the pictures, where several processes measure together.
        add_up: adds sums (K,) float64 over the processes.
        workers: loader processes.
        say: told of pictures that cannot be read.
    """
    multilabel = pictures.targets.target(0).ndim == 1
    names = metrics_for(multilabel=multilabel)
    sums: dict[str, NDArray[np.float64] | float] = dict.fromkeys(names, 0.0)
    loader: torch.utils.data.DataLoader[tuple[int, Tensor | None, str]] = torch.utils.data.DataLoader(
        _Views(pictures, share or Share()), 64, num_workers=workers, collate_fn=list
    )
    training = network.training
    network.eval()
    try:
        for items in loader:
            for problem in (problem for _, _, problem in items if problem):
                say(problem)
            for batch in _predictions(network, pictures, n_classes, items, torch.device(device)):
                for name in names:
                    sums[name] = sums[name] + METRICS.get(name).function(batch).sum(axis=0)
    finally:
        network.train(training)
    return {name: _value(name, sums[name], n_classes, add_up) for name in names}


def _value(
    name: str,
    sums: NDArray[np.float64] | float,
    n_classes: int,
    add_up: Callable[[Tensor], Tensor],
) -> float:
    """Turn this process's sums into the value over all processes."""
    compute = METRICS.get(name).compute
    length = 2 * n_classes if METRICS.get(name).aggregates[0] == "class_mean" else 2
    own = torch.from_numpy(np.zeros(length) + sums)
    return float(compute(add_up(own).numpy()))


@torch.inference_mode()
def _predictions(
    network: nn.Module,
    pictures: Pictures,
    n_classes: int,
    items: Sequence[tuple[int, Tensor | None, str]],
    device: torch.device,
) -> list[PredictionBatch]:
    """Run the network on pictures, those of one size together."""
    readable = [(index, view) for index, view, _ in items if view is not None]
    batches = []
    for _, group in groupby(sorted(readable, key=lambda item: item[1].shape), key=lambda item: item[1].shape):
        indices, views = zip(*group, strict=True)
        logits = network(normalise(torch.stack(views).to(device))).float().cpu()
        ranking = np.full((len(indices), 5), -1, np.int64)
        top = logits.topk(min(5, n_classes), dim=1).indices.numpy()
        ranking[:, : top.shape[1]] = top
        batches.append(
            PredictionBatch(
                image_ids=tuple(pictures.ids[index] for index in indices),
                targets=np.stack([_membership(pictures, index, n_classes) for index in indices]),
                ranking=ranking,
                positives=(logits > 0).numpy(),
            )
        )
    return batches


def _membership(pictures: Pictures, index: int, n_classes: int) -> NDArray[np.bool_]:
    target = pictures.targets.target(index)
    if target.ndim:
        held: NDArray[np.bool_] = target.numpy().astype(np.bool_)
        return held
    only: NDArray[np.bool_] = np.arange(n_classes) == int(target)
    return only


def localise(
    network: nn.Module, card: Card, choice: Localisation, data: Mapping[str, Path], device: torch.device
) -> dict[str, float]:
    """Measure PG, SPG and CH as `raybench run` does, on a small set; in percent, by name of the metric."""
    measured = network_from_module(
        network,
        name=card.name,
        classes=load_classes(card.classes),
        target_layer=card.target_layer,
        excitation_layer=card.excitation_layer,
        contrast_layer=card.contrast_layer,
        device=device,
    )
    options = {"split": choice.split} if choice.split else {}
    suite = Suite.model_validate(
        {
            "name": "localisation",
            "protocol": {"name": "aaai21-clamped", "short_side": choice.short_side},
            "dataset": {"name": choice.dataset, **options},
            "attributions": [choice.attribution],
            "metrics": list(LOCALISATION_METRICS),
            "gallery": 0,
        }
    )
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(data=data, out=Path(folder), limit=choice.images)
        summary = evaluate(suite, settings, networks=[measured]).summary
    first = summary.drop_duplicates("metric").set_index("metric")["value"]
    return {metric: float(first[metric]) for metric in LOCALISATION_METRICS if metric in first}
