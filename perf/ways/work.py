"""What is measured: pictures, a network, queries, and what a way of doing that work yields."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import PIL.Image
import torch
import torchvision.transforms.functional as TF
from torch import Tensor

from raybench import Network, load_checkpoint
from raybench.benchmark.datasets import Dataset, Sample, open_dataset
from raybench.benchmark.suite.protocol import protocol_from
from raybench.benchmark.suite.suite import Suite

from ..cards import random_card

__all__ = ["METRICS", "Work", "Yield", "whole_picture"]

METRICS = ["pointing_game", "stochastic_pointing_game", "content_heatmap"]
_ARCHITECTURE = "random-"


@dataclass(frozen=True)
class Work:
    """What is to be done, the same for every way.

    Attributes:
        checkpoint: a card, or `random-ARCHITECTURE` for the weights that training begins with.
        attribution: a method, or empty for the bare network.
        limit: pictures; those that nothing asks about are left out.
        cores: that every way may use.
        short_side: pixels of the shorter side of the network's input.
        folder: of the dataset; empty for the one in the folder that RAYBENCH_DATA names.
    """

    checkpoint: str
    dataset: str
    attribution: str = ""
    limit: int = 12
    cores: int = 1
    short_side: int = 448
    folder: str = ""

    def samples(self) -> Iterator[Sample]:
        """Decode the pictures one by one."""
        dataset = self.dataset_opened()
        drawing = Suite(name="perf", protocol="aaai21", dataset=self.dataset, metrics=[*METRICS])
        for index in drawing.drawn(dataset.image_ids, self.limit):  # those that a run with this limit draws
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

    def network(self) -> Network:
        """Load the network."""
        with tempfile.TemporaryDirectory() as folder:
            return load_checkpoint(self.card(Path(folder)))

    def suite(self, folder: Path) -> Suite:
        """Return the suite of one method and all localisation metrics; a made card is written to `folder`."""
        return Suite.model_validate(
            {
                "name": "perf",
                "protocol": {"name": "aaai21", "short_side": self.short_side},
                "dataset": self.dataset,
                "checkpoints": [self.card(folder)],
                "attributions": [self.attribution],
                "metrics": METRICS,
                "gallery": 0,
            }
        )

    def card(self, folder: Path) -> str:
        """Return the card's name or path; that of a random network is written to `folder`."""
        if not self.checkpoint.startswith(_ARCHITECTURE):
            return self.checkpoint
        return str(random_card(folder, self.checkpoint.removeprefix(_ARCHITECTURE), "coco80"))


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
