"""Section `methods`: attribution methods against those of other libraries, and against bare passes."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import torch

from raybench.attributions import bind, sharing
from raybench.checkpoints import Network, load_network

from ..apart import apart
from ..options import Options
from ..report import table
from ..turns import in_turn, ratio, spread

PASSES = "forward and backward"
"""Names the bare passes, forward once and backward to the pixels for each class."""

_RESNET18, _RESNET50 = "killthebits-resnet18-coco", "killthebits-resnet50-coco"
_GRADIENT_CAMS = (
    *("grad_cam", "grad_cam_elementwise", "grad_cam_plus_plus", "xgrad_cam", "layer_cam"),
    *("norm_grad", "linear_approximation"),
)


class Pair(NamedTuple):
    """Two ways to the same maps.

    Attributes:
        title: of the row.
        ours: names and options.
        theirs: likewise.
        goal: how many times as fast ours should be.
        classes: that are asked about.
        checkpoint: the network.
    """

    title: str
    ours: tuple[tuple[str, dict[str, Any]], ...]
    theirs: tuple[tuple[str, dict[str, Any]], ...]
    goal: float
    classes: int = 3
    checkpoint: str = _RESNET18


def _one(name: str, **options: Any) -> tuple[tuple[str, dict[str, Any]], ...]:
    return ((name, options),)


def _of(name: str, **arguments: Any) -> tuple[tuple[str, dict[str, Any]], ...]:
    return ((name, {"arguments": arguments} if arguments else {}),)


_STEPS = 10
_LRP = "zennit.EpsilonPlusFlat"
PAIRS = (
    *(
        Pair(
            f"seven gradient CAMs, {label}, against bare passes",
            tuple((name, {}) for name in _GRADIENT_CAMS),
            _one(PASSES),
            1 / 1.3,
            checkpoint=checkpoint,
        )
        for label, checkpoint in (("ResNet18", _RESNET18), ("ResNet50", _RESNET50))
    ),
    Pair("score_cam", _one("score_cam"), _of("pytorch_grad_cam.ScoreCAM"), 5),
    Pair("ablation_cam", _one("ablation_cam"), _of("pytorch_grad_cam.AblationCAM"), 5),
    Pair("lrp_epsilon_plus_flat, one class", _one("lrp_epsilon_plus_flat"), _of(_LRP), 2, classes=1),
    Pair("lrp_epsilon_plus_flat", _one("lrp_epsilon_plus_flat"), _of(_LRP), 2),
    *(
        Pair(f"{ours[0][0]}, {words}", ours, theirs, goal, classes)
        for ours, theirs in (
            (
                _one("integrated_gradients", steps=_STEPS),
                _of("captum.IntegratedGradients", n_steps=_STEPS, method="riemann_middle", baselines="black"),
            ),
            (_one("smooth_grad", samples=_STEPS), _of("captum.NoiseTunnel", nt_samples=_STEPS)),
        )
        for words, goal, classes in (("one class", 1.5, 1), ("three classes", 3, 3))
    ),
    Pair("rise, one class", _one("rise", masks=64), _of("torchray.rise", num_masks=64), 1, classes=1),
    Pair("rise", _one("rise", masks=64), _of("torchray.rise", num_masks=64), 3),
    Pair(
        "extremal_perturbation",
        _one("extremal_perturbation", steps=6, areas=[0.05, 0.1]),
        _of("torchray.extremal_perturbation", max_iter=6, areas=[0.05, 0.1]),
        2,
        classes=1,
    ),
)
_MASKS = (64, 512)


def measure(options: Options) -> list[str]:
    """Time each pair in turn, in a process of its own, and the memory of few and of many masks."""
    rows = []
    for one in PAIRS:
        if not options.wants(one.title):
            continue
        found = apart(
            pair,
            options,
            checkpoint=one.checkpoint,
            ours=one.ours,
            theirs=one.theirs,
            classes=one.classes,
            side=32 if options.quick else 224,
            threads=options.cores,
            rounds=options.rounds,
        )
        times = [f"{1e3 * spread(found[way]).median:.0f}" for way in ("ours", "theirs")]
        rows.append([one.title, *times, str(ratio(found["theirs"], found["ours"])), f"{one.goal:.2g}"])
    lines = [*_SAYS, *table(["method", "ms, raybench", "ms, theirs", "times as fast", "goal"], rows)]
    return lines + (_memory(options) if options.wants("memory") else [])


def _memory(options: Options) -> list[str]:
    """How much memory a process holds that shows few masks, and one that shows many."""
    rows = []
    for masks in _MASKS:
        method = _one("rise", masks=masks if not options.quick else 4)
        sizes = {"classes": 3, "side": 32 if options.quick else 224, "threads": options.cores, "rounds": 1}
        found = apart(pair, options, checkpoint=_RESNET18, ours=method, theirs=_one(PASSES), **sizes)
        rows.append([f"rise, {masks} masks", f"{found['peak_memory_mb']:.0f}"])
    return table(["memory", "peak, MB"], rows)


_SAYS = [
    "One picture of noise with sides of 224 pixels; three classes unless the row says one, ResNet18 "
    "unless it says ResNet50. Both ways run in turn in one process, each about one class before that; "
    "times as fast is the median ratio within a round. Bare passes are one forward pass and a backward "
    "pass to the pixels for each class.",
    "",
    "Some goals lie beyond what arithmetic allows. Score-CAM asks for a forward pass per channel whatever "
    "the number of classes, and pytorch-grad-cam as often for each class: with three it can be three "
    "times as fast and no more. Integrated gradients and SmoothGrad of S points take S forward and S "
    "backward passes for one class, as captum's do; for K classes S (f + K b) against its S K (f + b), "
    "which for three is some 1.5 times less. TorchRay's RISE makes the maps of all classes in one call; "
    "called for each class, as here, it repeats the passes.",
    "",
]


def pair(
    checkpoint: str,
    ours: Sequence[Sequence[Any]],
    theirs: Sequence[Sequence[Any]],
    classes: int,
    side: int,
    threads: int,
    rounds: int,
) -> Mapping[str, Any]:
    """Time two ways on a picture of noise, after each has run once about one class.

    Args:
        checkpoint: the network.
        ours: names of methods with their options, which may share passes.
        theirs: likewise; a single empty name means bare passes.
        classes: that are asked about.
        side: of the picture, in pixels.
        threads: of torch.
        rounds: of the two in turn.

    Returns:
        `ours` and `theirs`, seconds by round.
    """
    torch.set_num_threads(threads)
    network = load_network(checkpoint)
    for methods in (ours, theirs):
        _way(network, methods, 1, side)()
    ways = {"ours": _way(network, ours, classes, side), "theirs": _way(network, theirs, classes, side)}
    return in_turn(ways, rounds)


def _way(network: Network, methods: Sequence[Sequence[Any]], classes: int, side: int) -> Callable[[], float]:
    image = torch.randn(1, 3, side, side, generator=torch.Generator().manual_seed(0))
    index, asked = torch.zeros(classes, dtype=torch.int64), torch.arange(classes)
    calls = [bind(name, options) for name, options in methods if name != PASSES]

    def passes() -> float:
        start = time.perf_counter()
        pixels = image.clone().requires_grad_()
        logits = network.module(pixels.clone())
        for target in range(classes):
            torch.autograd.grad(logits[0, target], pixels, retain_graph=True)
        return time.perf_counter() - start

    def maps() -> float:
        start = time.perf_counter()
        with sharing():
            for call in calls:
                call(network, image, index, asked, seeds=[0])
        return time.perf_counter() - start

    return maps if calls else passes
