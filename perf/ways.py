"""Ways of doing the same work, each timed from pictures on disk: ours, the bare network, and the ancestors'.

Each uses all cores that torch sees, unless `Work.cores` says otherwise.

All take the same pictures, the same network and the same queries, with the shorter side at 448 pixels.
"""

from __future__ import annotations

import json
import multiprocessing
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
import torchvision
from safetensors.torch import save_file

from raybench.benchmark.datasets import Dataset, open_dataset
from raybench.benchmark.protocol import PROTOCOLS
from raybench.benchmark.runner import Settings, evaluate
from raybench.benchmark.suite import Suite
from raybench.benchmark.views import pillow_view
from raybench.checkpoints import Network, load_network

__all__ = ["WAYS", "Work", "Yield"]

PROTOCOL = PROTOCOLS["aaai21"]
METRICS = ["pointing_game", "stochastic_pointing_game", "content_heatmap"]


@dataclass(frozen=True)
class Work:
    """What is to be done."""

    checkpoint: str
    dataset: str
    attribution: str
    limit: int
    cores: int

    def open(self) -> Dataset:
        """Open the dataset."""
        return open_dataset(self.dataset, {}, PROTOCOL, {})


@dataclass(frozen=True)
class Yield:
    """What was done, and how long it took without start-up."""

    seconds: float
    images: int
    queries: int
    hits: int | None = None


def raybench(work: Work) -> Yield:
    """`raybench run`: all three localisation metrics, records and summary on disk."""
    with tempfile.TemporaryDirectory() as folder:
        suite = Suite(
            name="perf",
            protocol="aaai21",
            dataset=work.dataset,
            checkpoints=[_checkpoint(work.checkpoint, Path(folder))],
            attributions=[work.attribution],
            metrics=METRICS,
            gallery=0,
        )
        settings = Settings(out=Path(folder) / "out", limit=work.limit, processes=work.cores)
        results = evaluate(suite, settings)
        manifest = results.manifest
        records = results.records(manifest["checkpoints"][0]["name"], work.attribution)
    hits = int((records["pointing_game"] == 100).sum())
    return Yield(manifest["measuring_seconds"], manifest["measured_images"], len(records), hits)


def forward(work: Work) -> Yield:
    """The network alone on all threads: one forward pass per picture with a query, from prepared tensors."""
    network, images = _loaded(work)
    return Yield(_forward_all(network, images), len(images), len(images))


def forward_processes(work: Work) -> Yield:
    """The same, in a single-threaded process for each core that shares out the pictures."""
    network, images = _loaded(work)
    return Yield(_side_by_side(work, _forward_all, network, images), len(images), len(images))


def forward_backward(work: Work) -> Yield:
    """The network alone on all threads: a forward and one backward pass to the input for each picture."""
    network, images = _loaded(work)
    return Yield(_backward_all(network, images), len(images), len(images))


def forward_backward_processes(work: Work) -> Yield:
    """The same, in a single-threaded process for each core that shares out the pictures."""
    network, images = _loaded(work)
    return Yield(_side_by_side(work, _backward_all, network, images), len(images), len(images))


def _checkpoint(name: str, folder: Path) -> str:
    """Return a card; for `random` that of a ResNet18 with the weights that training begins with."""
    if name != "random":
        return name
    torch.manual_seed(0)
    save_file(torchvision.models.resnet18(num_classes=80).state_dict(), folder / "random.safetensors")
    card = {
        "name": "random",
        "architecture": "resnet18",
        "classes": "coco80",
        "weights": {"path": "random.safetensors"},
        "target_layer": "layer4",
        "excitation_layer": "layer3",
        "contrast_layer": "avgpool",
    }
    (folder / "random.yaml").write_text(json.dumps(card), encoding="utf-8")  # JSON is YAML
    return str(folder / "random.yaml")


def _network(work: Work) -> Network:
    with tempfile.TemporaryDirectory() as folder:
        return load_network(_checkpoint(work.checkpoint, Path(folder)))


def _loaded(work: Work) -> tuple[Network, list[torch.Tensor]]:
    network = _network(work)
    return network, list(_inputs(work, network))


def _forward_all(network: Network, images: list[torch.Tensor]) -> float:
    with torch.inference_mode():
        network.module(images[0])
        start = time.perf_counter()
        for image in images:
            network.module(image)
        return time.perf_counter() - start


def _backward_all(network: Network, images: list[torch.Tensor]) -> float:
    network.module(images[0])
    start = time.perf_counter()
    for image in images:
        pixels = image.clone().requires_grad_()
        torch.autograd.grad(network.module(pixels)[0, 0], pixels)
    return time.perf_counter() - start


def _side_by_side(
    work: Work,
    run: Callable[[Network, list[torch.Tensor]], float],
    network: Network,
    images: list[torch.Tensor],
) -> float:
    """Run on every core at once, each with one thread and its share; the time of the slowest."""
    torch.set_num_threads(1)
    context = multiprocessing.get_context("fork")
    times = context.Queue()
    shares = [images[core :: work.cores] for core in range(work.cores)]
    processes = [
        context.Process(target=lambda share=share: times.put(run(network, share)))
        for share in shares
        if share
    ]
    for process in processes:
        process.start()
    slowest = max(times.get() for _ in processes)
    for process in processes:
        process.join()
    return slowest


def torchray(work: Work) -> Yield:
    """TorchRay's loop: one image and one class at a time, the pointing game alone."""
    from torchray.attribution import excitation_backprop, grad_cam, gradient
    from torchray.attribution.excitation_backprop import update_resnet
    from torchray.benchmark.pointing_game import PointingGame

    network = _network(work)
    module = network.module
    module.to(memory_format=torch.contiguous_format)  # as TorchRay runs it
    if "excitation" in work.attribution:
        update_resnet(module)
    layers = {"saliency_layer": network.excitation_layer}
    methods: dict[str, Callable[..., torch.Tensor]] = {
        "grad_cam": lambda *a, **k: grad_cam.grad_cam(*a, saliency_layer=network.target_layer, **k),
        "gradient": lambda *a, **k: gradient.gradient(*a, smooth=0.0, **k),
        "excitation_backprop": lambda *a, **k: excitation_backprop.excitation_backprop(*a, **layers, **k),
        "contrastive_excitation_backprop": lambda *a, **k: (
            excitation_backprop.contrastive_excitation_backprop(
                *a, **layers, contrast_layer=network.contrast_layer, **k
            )
        ),
    }
    method = methods[work.attribution]
    dataset = work.open()
    game = PointingGame(len(dataset.classes))
    images = queries = hits = 0
    start = time.perf_counter()
    for index in range(min(work.limit, len(dataset))):
        sample = dataset[index]
        if not sample.queries:
            continue
        images += 1
        pixels = pillow_view(sample.image, "whole", PROTOCOL)
        image = network.normalise(torch.from_numpy(pixels).permute(2, 0, 1)[None].contiguous())
        for query in sample.queries:
            saliency = method(module, image, query.class_index, resize=tuple(sample.size[::-1]))
            y, x = divmod(int(saliency.flatten().argmax()), sample.size.width)
            hits += game.evaluate(torch.from_numpy(query.region.mask()), (x, y)) == 1
            queries += 1
    return Yield(time.perf_counter() - start, images, queries, hits)


def three_scripts(work: Work) -> Yield:
    """The published way: a script per metric, each decoding and running every picture again, one by one."""
    network = _network(work)
    network.module.to(memory_format=torch.contiguous_format)
    dataset = work.open()
    generator = np.random.default_rng(0)
    images = queries = hits = 0
    start = time.perf_counter()
    for script in ("pointing game", "stochastic pointing game", "content heatmap"):
        for index in range(min(work.limit, len(dataset))):
            sample = dataset[index]
            for query in sample.queries:
                saliency = _published_map(network, sample.image, query.class_index, sample.size)
                mask = torch.from_numpy(query.region.mask())
                if script == "pointing game":
                    hits += _near(mask, *divmod(int(saliency.argmax()), sample.size.width))
                    queries += 1
                elif script == "stochastic pointing game":
                    flat = saliency.flatten().double().numpy()
                    for pixel in generator.choice(len(flat), 100, p=flat / flat.sum()):
                        _near(mask, *divmod(int(pixel), sample.size.width))
                else:
                    (mask * saliency).sum()
            images += script == "pointing game" and bool(sample.queries)
    return Yield(time.perf_counter() - start, images, queries, hits)


def _inputs(work: Work, network: Network) -> Iterator[torch.Tensor]:
    dataset = work.open()
    for index in range(min(work.limit, len(dataset))):
        sample = dataset[index]
        if sample.queries:
            pixels = pillow_view(sample.image, "whole", PROTOCOL)
            yield network.normalise(torch.from_numpy(pixels)[None].permute(0, 3, 1, 2))


def _published_map(
    network: Network, picture: object, class_index: int, size: tuple[int, int]
) -> torch.Tensor:
    """Grad-CAM of one image and class with a graph through the whole network, resized and normalised."""
    pixels = pillow_view(picture, "whole", PROTOCOL)  # type: ignore[arg-type]
    image = network.normalise(torch.from_numpy(pixels).permute(2, 0, 1)[None].contiguous())
    kept = []
    handle = network.module.get_submodule(network.target_layer).register_forward_hook(
        lambda module, inputs, output: kept.append(
            output.requires_grad_() if not output.requires_grad else output
        )
    )
    for parameter in network.module.parameters():
        parameter.requires_grad_(True)
    logits = network.module(image)
    handle.remove()
    (gradient,) = torch.autograd.grad(logits[0, class_index], kept[0], create_graph=True)
    cam = F.relu((gradient * kept[0]).sum(1, keepdim=True)).detach()
    cam = F.interpolate(cam / (cam.sum() + 1e-8) + 1e-8, tuple(size), mode="bilinear", align_corners=False)
    return cam[0, 0] / cam.sum()


def _near(mask: torch.Tensor, y: int, x: int) -> bool:
    """Whether any pixel of the mask is closer than 15 px, by a grid of distances over the whole picture."""
    rows = (torch.arange(mask.shape[0], dtype=torch.float32) - y) ** 2
    columns = (torch.arange(mask.shape[1], dtype=torch.float32) - x) ** 2
    return bool((mask & (rows[:, None] + columns[None, :] < 225)).any())


WAYS: dict[str, Callable[[Work], Yield]] = {
    way.__name__: way
    for way in (
        raybench,
        forward,
        forward_processes,
        forward_backward,
        forward_backward_processes,
        torchray,
        three_scripts,
    )
}
