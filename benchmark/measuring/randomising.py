"""A copy of a network of which some stages have random weights; the network itself is never touched."""

from __future__ import annotations

import copy
from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import Any, Literal
from weakref import WeakKeyDictionary

import torch
from torch import Tensor, nn

from ...attributions import forward_pass, generator, twin_of
from ...base import seed_for
from ...checkpoints import Network
from ..metrics import Forgotten

_FEWEST_STAGES = 5
_SPREAD = 0.02
"""Standard deviation of parameters of modules that cannot draw them anew, such as class tokens."""

_COPIES: WeakKeyDictionary[Network, RandomisedCopy] = WeakKeyDictionary()


def randomised_copy(network: Network, seed: int, image: Tensor) -> RandomisedCopy:
    """Return the copy of a network, made once; its random weights depend on `seed` and their names alone.

    Args:
        network: which.
        seed: of the suite.
        image: (3, h, w), any input, by which the order of execution is found.
    """
    if network not in _COPIES or _COPIES[network].seed != seed:
        _COPIES[network] = RandomisedCopy(network, seed, image)
    return _COPIES[network]


class RandomisedCopy:
    """Shares the network's weights and holds random ones beside them: a stage has either by reference."""

    def __init__(self, network: Network, seed: int, image: Tensor) -> None:
        """Copy the modules, draw all weights on the CPU, watch one forward pass; see `randomised_copy`."""
        self.seed = seed
        self._twin = twin_of(network.module)
        self._network = replace(network, module=self._twin)
        self._trained = _tensors(self._twin)
        random = _with_random_weights(self._twin, seed)
        self._random = {name: random[name].to(network.device) for name in self._trained}
        parts = {"stage": _large_parts(self._twin), "module": _own_parts(self._twin)}
        order = _order_of(self._twin, {*parts["stage"], *parts["module"]}, image)
        self._stages = {every: sorted(names, key=order.index) for every, names in parts.items()}
        self._stage_of = {
            every: {path: _stage_of(path, stages) for path in self._trained}
            for every, stages in self._stages.items()
        }

    def stages(self, every: Literal["stage", "module"]) -> Sequence[str]:
        """Names of the stages in order of execution; those that are never executed come last."""
        return self._stages[every]

    def forgetting(self, forgotten: Forgotten) -> Network:
        """Return the copy with random weights in some stages, until the next call."""
        stages = self._stages[forgotten.every]
        stage_of = self._stage_of[forgotten.every]
        chosen = {stages[number] for number in forgotten.stages}
        for path, trained in self._trained.items():
            kept = forgotten.statistics == "keep" and not isinstance(trained, nn.Parameter)
            owner, _, name = path.rpartition(".")
            module = self._twin.get_submodule(owner)
            held: dict[str, Any] = (
                module._parameters if isinstance(trained, nn.Parameter) else module._buffers
            )
            held[name] = self._random[path] if stage_of[path] in chosen and not kept else trained
        return self._network


def _tensors(module: nn.Module) -> dict[str, Tensor]:
    """Parameters and buffers by their names, shared ones under each of them."""
    return {
        f"{path}.{name}" if path else name: tensor
        for path, part in module.named_modules(remove_duplicate=False)
        for name, tensor in (*part._parameters.items(), *part._buffers.items())
        if tensor is not None
    }


def _with_random_weights(module: nn.Module, seed: int) -> dict[str, Tensor]:
    """Draw all weights of a copy anew, those of each module from its name; return them by name."""
    fresh = copy.deepcopy(module).cpu()
    for path, part in fresh.named_modules():
        draw = getattr(part, "reset_parameters", None) or getattr(part, "_reset_parameters", None)
        if draw is not None:
            with torch.random.fork_rng(devices=[]):
                torch.manual_seed(seed_for(seed, "weights", path))
                draw()
            continue
        for number, parameter in enumerate(part._parameters.values()):
            if parameter is not None:
                drawn = torch.randn(parameter.shape, generator=generator(seed, f"weights {path}", number))
                parameter.data = _SPREAD * drawn
    fresh.requires_grad_(requires_grad=False)
    return _tensors(fresh.to(memory_format=torch.channels_last))


def _large_parts(module: nn.Module) -> list[str]:
    """Children that hold parameters, divided further while there are few: 5 to some 20."""
    names = [""]
    while len(names) < _FEWEST_STAGES:
        divided = [below for name in names for below in _children(module, name)]
        if divided == names:
            break
        names = divided
    return names


def _children(module: nn.Module, name: str) -> list[str]:
    """Children of a part that hold parameters, or the part itself if it has none."""
    part = module.get_submodule(name)
    found = [child for child, below in part.named_children() if any(True for _ in below.parameters())]
    return [f"{name}.{child}" if name else child for child in found] or [name]


def _own_parts(module: nn.Module) -> list[str]:
    """Modules that hold parameters of their own."""
    return [
        name
        for name, part in module.named_modules()
        if any(one is not None for one in part._parameters.values())
    ]


def _order_of(module: nn.Module, names: Collection[str], image: Tensor) -> list[str]:
    """Sort parts of a module by when they are first executed; those that never are come last."""
    called: list[str] = []
    with torch.no_grad(), forward_pass(image.device):
        handles = [
            module.get_submodule(name).register_forward_pre_hook(lambda *_, name=name: called.append(name))
            for name in names
        ]
        try:
            module(image[None])
        finally:
            for handle in handles:
                handle.remove()
    return list(dict.fromkeys((*called, *(name for name, _ in module.named_modules() if name in names))))


def _stage_of(path: str, stages: Sequence[str]) -> str:
    """The stage that a tensor belongs to: the nearest one around it; the first, if none is."""
    around = [stage for stage in stages if not stage or path.startswith(f"{stage}.")]
    return max(around, key=len, default=stages[0])
