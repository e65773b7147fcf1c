"""Section `asking`: metrics that ask the network again, against bare passes and other libraries."""

from __future__ import annotations

import functools
import time
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from raybench.attributions import bind
from raybench.base import Size
from raybench.benchmark.loading import Batch, Prepared
from raybench.benchmark.measuring.asking import ask_again
from raybench.benchmark.metrics import bind_metric
from raybench.benchmark.suite import PROTOCOLS
from raybench.checkpoints import ClassList, Network, build_module, network_from_module

from ..apart import apart
from ..cards import SMALL
from ..options import Options
from ..report import table
from ..turns import in_turn, ratio, spread
from ..ways.torchcam_maps import Maps

_STEPS = 28
_CLASS = 7


def measure(options: Options) -> list[str]:
    """Time each way once per round, in turn, and compare within rounds."""
    side, network = (32, SMALL) if options.quick else (224, "resnet18")
    pairs = [pair for pair in PAIRS if options.wants(pair[0])]
    ways = dict.fromkeys(way for _, ours, theirs, _ in pairs for way in (ours, theirs))
    given = {"architecture": network, "side": side, "cores": options.cores}
    found = in_turn(
        {way: functools.partial(apart, seconds, options, way=way, **given) for way in ways}, options.rounds
    )
    times = {way: [float(one["seconds"]) for one in results] for way, results in found.items()}
    rows = [
        [what, theirs, str(spread(times[ours])), str(ratio(times[theirs], times[ours])), goal]
        for what, ours, theirs, goal in pairs
    ]
    return [
        f"One picture of {side} x {side}, untrained ResNet-18, {options.cores} threads, one call after the "
        "network has run once. On a CPU curves are almost nothing but passes. ROAD solves on all threads. "
        "Random parts (`faithfulness_correlation`, `sensitivity_n`, `infidelity`) are shown once for all "
        "methods and classes of a picture, so that four methods take as long as one; no other library "
        "shares them.",
        "",
        *table(["what", "against", "ours, seconds", "times as fast", "goal"], rows),
    ]


def seconds(way: str, architecture: str, side: int, cores: int) -> dict[str, float]:
    """Time one way on an untrained network and a made-up picture, after it has run once."""
    torch.set_num_threads(cores)
    torch.manual_seed(0)
    names = tuple(map(str, range(100)))
    module = build_module(architecture, num_classes=len(names))
    network = network_from_module(
        module, name="network", classes=ClassList("made", names, names), target_layer="layer4"
    )
    image, saliency = torch.randn(1, 3, side, side), torch.rand(side, side)
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        network.module(image)
        start = time.perf_counter()
        _WAYS[way](network, image, saliency)
        return {"seconds": time.perf_counter() - start}


def _ours(*metrics: tuple[str, dict[str, Any]], method: str = "", methods: int = 1) -> Callable[..., None]:
    """Our metrics of a made-up map, also as that of several methods, or of one that a method makes again."""

    def run(network: Network, image: Tensor, saliency: Tensor) -> None:
        size = Size(*image.shape[2:])
        one = Prepared("0", "", class_index=np.array([_CLASS]), seeds=(1,), image_seed=2, input_size=size)
        bound = [bind_metric(name, options) for name, options in metrics]
        index, bound_method = torch.zeros(1, dtype=torch.int64), bind(method or "gradient")
        raw = saliency[None]
        if method:
            raw = bound_method.raw(network, image, index, index + _CLASS, seeds=[2])
        explained = [(bound_method, raw)] * methods
        ask_again(bound, explained, network, image, Batch((one,)), PROTOCOLS.get("square"), 0)

    return run


def _bare(network: Network, image: Tensor, _saliency: Tensor) -> None:
    """The passes that both curves need, in the same batches: 27 in each, and three ends."""
    between = image.expand(_STEPS - 1, -1, -1, -1).contiguous()
    for shown in (between, between, image, image, image):
        network.module(shown)


def _torchcam(network: Network, image: Tensor, saliency: Tensor) -> None:
    from torchcam.metrics import DeletionInsertionMetric

    softmax = functools.partial(torch.softmax, dim=-1)
    metric = DeletionInsertionMetric(
        Maps(network.module, saliency), softmax, steps=_STEPS, baseline=torch.zeros_like(image)
    )
    metric.update(image, _CLASS)


def _grad_cam_road(network: Network, image: Tensor, saliency: Tensor) -> None:
    from pytorch_grad_cam.metrics.road import ROADCombined
    from pytorch_grad_cam.utils.model_targets import ClassifierOutputSoftmaxTarget

    metric = ROADCombined(percentiles=[20, 40, 60, 80])
    metric(image, saliency[None].numpy(), [ClassifierOutputSoftmaxTarget(_CLASS)], network.module)


def _quantus_mprt(network: Network, image: Tensor, _saliency: Tensor, method: str = "gradient") -> None:
    import quantus

    def explain(model: nn.Module, inputs: Any, targets: Any, **_: object) -> NDArray[np.float32]:
        given, index = torch.as_tensor(inputs), torch.arange(len(inputs))
        moved = Network(model, network.card, network.classes)
        maps = bind(method).raw(moved, given, index, torch.as_tensor(targets), seeds=[2] * len(index))
        # it takes maps of the picture's size alone, and ends the run where one is constant
        resized = F.interpolate(maps[:, None], given.shape[2:], mode="bilinear")
        found: NDArray[np.float32] = (resized + 1e-6 * given[:, :1]).numpy()
        return found

    module, given, targets = network.module, image.numpy(), np.array([_CLASS])
    test = quantus.MPRT(normalise=False, disable_warnings=True)
    test(
        module,
        given,
        targets,
        a_batch=explain(module, given, targets),
        explain_func=explain,
        channel_first=True,
    )


_PARTS = (("faithfulness_correlation", {}), ("infidelity", {}))
_MPRT = ("parameter_randomisation", {"every": "module"})
_WAYS: dict[str, Callable[..., None]] = {
    "curves": _ours(("deletion", {}), ("insertion", {"fill": "blur"})),
    "bare forwards": _bare,
    "torchcam": _torchcam,
    "road": _ours(("road", {})),
    "pytorch-grad-cam": _grad_cam_road,
    "parts, 1 method": _ours(*_PARTS),
    "parts, 4 methods": _ours(*_PARTS, methods=4),
    "mprt gradient": _ours(_MPRT, method="gradient"),
    "quantus gradient": _quantus_mprt,
    "mprt grad_cam": _ours(_MPRT, method="grad_cam"),
    "quantus grad_cam": functools.partial(_quantus_mprt, method="grad_cam"),
}

PAIRS = (  # what is measured, our way, the other way, how many times as fast ours is to be
    ("deletion and insertion, 28 steps", "curves", "bare forwards", "≥ 0.91"),
    ("deletion and insertion, 28 steps", "curves", "torchcam", "≥ 1.0"),
    ("ROAD, 4 shares, both orders", "road", "pytorch-grad-cam", "≥ 2.5"),
    ("200 random parts, 4 methods", "parts, 4 methods", "parts, 1 method", "≥ 0.91"),
    ("MPRT of each module, gradient", "mprt gradient", "quantus gradient", "≥ 1.2"),
    ("MPRT of each module, Grad-CAM", "mprt grad_cam", "quantus grad_cam", "≥ 2"),
)
