"""From a card, or a module in memory, to a network that is ready to be measured."""

from __future__ import annotations

import copy
import platform
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from ..base import CodeFiles, RaybenchError, UnknownNameError, document_from, names_code, worded
from .building.architectures import build_module
from .building.scores import read_scores
from .card import Card
from .catalogue import find_card
from .classes import ClassList, load_classes, parse_classes
from .libraries.inputs import contradictions, own_input_of, resolved, set_transform_input
from .network import Network, state_sha256, with_own_size
from .weights.files import read_weights
from .weights.state_dict import fill_module

_LAYERS = ("target_layer", "excitation_layer", "contrast_layer")


def load_network(
    checkpoint: str | Path | Card,
    *,
    device: str | torch.device = "cpu",
    data: Mapping[str, Path] | None = None,
    trust_code: bool = False,
) -> Network:
    """Load and verify a checkpoint.

    Args:
        checkpoint: name of a shipped card, path of a card of one's own (.yaml), a function in a file
            (`mine.py:my_network`) that returns a trained network, or a card. A card's relative
            paths are resolved against its file; those of a card made in memory against the working folder.
        device: where the network goes.
        data: data folders by name, for weights at `data:NAME/FILE`; default `$RAYBENCH_DATA/NAME`.
        trust_code: let the card name a function of any installed package as its architecture.

    Returns:
        The network: eval mode, parameters frozen, float32, channels-last.

    Raises:
        UnknownNameError: no such card, class list, architecture or layer; names the nearest.
        RaybenchError: the weights cannot be fetched, verified, read safely or fitted to the architecture.
    """
    code = CodeFiles(trusted=trust_code)
    card = resolved(checkpoint if isinstance(checkpoint, Card) else find_card(checkpoint, code))
    classes = load_classes(card.classes)
    target = _usable_device(device)
    seed = next((source.random for source in card.weights if source.random is not None), None)
    built = partial(
        build_module,
        card.architecture,
        num_classes=len(classes),
        pooling=card.pooling,
        seed=seed,
        trust_code=trust_code,
    )
    module, _ = _without_wrapper(built(options=card.architecture_options), {})
    card = with_own_size(card, module)
    _check_layers(module, card)
    if seed is not None or (not card.weights and names_code(card.architecture)):
        ready = _ready(module, card, classes, target)
        untrained = () if seed is None else (f"its weights are random (seed {seed}): nobody has trained it",)
        return Network(ready, card, classes, state_sha256(ready), untrained)
    weights = read_weights(card, data)
    set_transform_input(module, card, weights.sha256)
    try:
        remark = fill_module(module, weights.tensors, name=card.name, classes=classes)
    except RaybenchError as error:
        module, remark = _resampled(card, built, weights.tensors, classes, error)
    remarks = tuple(filter(None, (*weights.remarks, remark, *contradictions(card))))
    return Network(_ready(module, card, classes, target), card, classes, weights.sha256, remarks)


def _resampled(
    card: Card,
    built: Callable[..., nn.Module],
    tensors: Mapping[str, Tensor],
    classes: ClassList,
    misfit: RaybenchError,
) -> tuple[nn.Module, str]:
    """Fill a network at the size of its weights, then bring it to the size that its card asks for.

    Raises:
        RaybenchError: the misfit, if that is not what is wrong.
    """
    options = dict(card.architecture_options)
    size = options.pop("img_size", None)
    module = built(options=options) if size else None
    if module is None or not hasattr(module, "set_input_size"):
        raise misfit
    try:
        remark = fill_module(module, tensors, name=card.name, classes=classes)
    except RaybenchError:
        raise misfit from None
    module.set_input_size(img_size=size)  # type: ignore[operator]
    said = f"its weights were resampled to pictures of {size}, as the card's img_size asks"
    return module, f"{remark}; {said}" if remark else said


def network_from_module(
    module: nn.Module,
    *,
    name: str,
    classes: str | Sequence[str] | ClassList,
    device: str | torch.device | None = None,
    **fields: Any,
) -> Network:
    """Make a network of a module that is in memory already, such as one in the middle of its training.

    The module is copied: its own mode, gradients and device stay as they are, and training it further does
    not change the network.

    Args:
        module: images (B, 3, H, W) float to logits (B, C).
        name: what results call it.
        classes: what the logits stand for: a shipped class list, a .txt file, or names in order.
        device: where the copy goes; default where the module is.
        **fields: further ones of `Card`, such as `target_layer` or `input_size`; None for those to be left
            out. Without `mean` and `std`, those that a network of timm says of itself, else ImageNet's; its
            size and filter are its own too.

    Raises:
        UnknownNameError: the module has no such layer, or there is no such class list.
        RaybenchError: the module has no parameters, the name cannot be that of a folder, or a field is none
            of a card.
    """
    given = {key: value for key, value in fields.items() if value is not None}
    module, layers = _without_wrapper(module, {key: given[key] for key in _LAYERS if key in given})
    class_list = _class_list(classes)
    told = {"mean", "std"} if {"mean", "std"} & given.keys() or given.get("input_range", 1) != 1 else set()
    told |= {"size"} if "input_size" in given else set()
    own = {key: value for key, value in own_input_of(module).items() if key not in told}
    facts = {"architecture": type(module).__name__, "source": "a module in memory", "input": own}
    facts |= given | layers | {"name": name, "classes": class_list.name}
    card = with_own_size(resolved(document_from(facts, Card, "network_from_module")), module)
    _check_layers(module, card)
    first = next(module.parameters(), torch.empty(0))
    target = _usable_device(device or first.device)
    try:
        copied = copy.deepcopy(module)
    except Exception as error:  # a module may hold anything
        raise RaybenchError(f"checkpoint {name!r}: the module cannot be copied: {worded(error)}") from error
    return Network(_ready(copied, card, class_list, target), card, class_list)


def _class_list(classes: str | Sequence[str] | ClassList) -> ClassList:
    if isinstance(classes, ClassList):
        return classes
    if isinstance(classes, (str, Path)):
        return load_classes(str(classes))
    return parse_classes("given", "\n".join(map(str, classes)))


def _check_layers(module: nn.Module, card: Card) -> None:
    layers = {name for name, _ in module.named_modules() if name}
    for field in _LAYERS:
        layer = getattr(card, field)
        if layer not in (None, "auto") and layer not in layers:
            raise UnknownNameError(f"{field} of checkpoint {card.name!r}", layer, layers)


def _usable_device(device: str | torch.device) -> torch.device:
    try:
        return torch.empty(0, device=device).device
    except (RuntimeError, AssertionError) as error:
        reason = (str(error) or type(error).__name__).splitlines()[0]
        raise RaybenchError(f"cannot use the device {str(device)!r}: {reason}") from None


def _without_wrapper(module: nn.Module, layers: Mapping[str, str]) -> tuple[nn.Module, dict[str, str]]:
    """Take off what DataParallel and torch.compile put around a module, also from the names of its layers."""
    while True:
        inner = [
            name for name in ("module", "_orig_mod") if [name] == [n for n, _ in module.named_children()]
        ]
        if not inner or not _wraps(module):
            return module, dict(layers)
        module = module.get_submodule(inner[0])
        layers = {key: layer.removeprefix(f"{inner[0]}.") for key, layer in layers.items()}


def _wraps(module: nn.Module) -> bool:
    from torch._dynamo import OptimizedModule

    return isinstance(module, (nn.DataParallel, nn.parallel.DistributedDataParallel, OptimizedModule))


def _ready(module: nn.Module, card: Card, classes: ClassList, device: torch.device) -> nn.Module:
    """Prepare a module for measuring: in float32, on its device, in eval mode, frozen, returning scores."""
    if next(module.parameters(), None) is None:
        raise RaybenchError(f"checkpoint {card.name!r}: the module has no parameters")
    try:
        module = module.float().to(device=device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        module = module.eval().requires_grad_(False)
        if device.type == "cpu":
            send_pointwise_to_onednn(module)
    except torch.OutOfMemoryError:
        raise
    except Exception as error:  # its parameters may be of any kind
        raise RaybenchError(
            f"checkpoint {card.name!r}: the network cannot be brought to {device} in float32: {worded(error)}"
        ) from error
    read_scores(module, card, classes)
    return module


def send_pointwise_to_onednn(module: nn.Module) -> None:
    """Change how 1 × 1 convolutions say what they are, in place; what they compute stays the same.

    For fewer than 16 images on one thread torch takes a 1 × 1 convolution for a matrix product, but not one
    that is dilated: that goes to oneDNN, as on several threads and for more images. A kernel of one pixel has
    nothing to dilate. So the last digits do not depend on the number of images or threads, and passes of
    networks with such layers take a fifth to a third less time (docs/performance.md).
    """
    has_onednn = torch.backends.mkldnn.is_available()  # type: ignore[no-untyped-call]
    if not has_onednn or platform.machine() not in ("x86_64", "AMD64"):
        return
    for layer in module.modules():
        if type(layer) is nn.Conv2d and (*layer.kernel_size, *layer.stride, *layer.dilation) == (1,) * 6:
            layer.dilation = (2, 2)
