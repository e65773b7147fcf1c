"""What is measured: pictures, a network, queries, and what a way of doing that work yields."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import PIL.Image
import torch
import torchvision.transforms.functional as TF
from torch import Tensor

from raybench import Network
from raybench.benchmark.datasets import Dataset, Sample, open_dataset
from raybench.benchmark.suite.protocol import protocol_from
from raybench.benchmark.suite.suite import Suite

METRICS = ["pointing_game", "stochastic_pointing_game", "content_heatmap"]


@dataclass(frozen=True)
class Work:
    """What is to be done, the same for every way.

    Attributes:
        checkpoint: a card.
        attribution: a method; nothing to the bare network.
        limit: pictures; those that nothing asks about are left out.
        cores: that every way may use.
        short_side: pixels of the shorter side of the network's input.
        folder: of the dataset; empty for the one in the folder that RAYBENCH_DATA names.
    """

    checkpoint: str
    dataset: str
    attribution: str = "grad_cam"
    limit: int = 12
    cores: int = 1
    short_side: int = 448
    folder: str = ""

    def samples(self) -> Iterator[Sample]:
        """Decode the pictures one by one."""
        dataset = self.dataset_opened()
        for index in self.suite().drawn(dataset.image_ids, self.limit):  # those that a run draws
            sample = dataset[index]
            if sample.queries:
                yield sample

    def dataset_opened(self) -> Dataset:
        """Open the dataset."""
        protocol = protocol_from("aaai21", {"short_side": self.short_side})
        return open_dataset(self.dataset, self.data, protocol, {})

    @property
    def data(self) -> dict[str, Path]:
        """Folder of the dataset by its name, where it is not the usual one."""
        return {self.dataset: Path(self.folder)} if self.folder else {}

    def suite(self) -> Suite:
        """Return the suite of one method and all localisation metrics."""
        return Suite.model_validate(
            {
                "name": "perf",
                "protocol": {"name": "aaai21", "short_side": self.short_side},
                "dataset": self.dataset,
                "checkpoints": [self.checkpoint],
                "attributions": [self.attribution],
                "metrics": METRICS,
                "gallery": 0,
            }
        )


@dataclass(frozen=True)
class Yield:
    """What was done, and how long it took without start-up."""

    seconds: float
    images: int
    queries: int
    hits: int | None = None


def whole_picture(picture: PIL.Image.Image, short_side: int, network: Network) -> Tensor:
    """Resize and normalise one picture: (1, 3, h, w) float32."""
    resized = TF.resize(picture, [short_side], TF.InterpolationMode.BILINEAR)
    pixels: Tensor = TF.pil_to_tensor(resized)[None]
    return network.normalise(pixels.contiguous(memory_format=torch.channels_last))
