"""What is known of the layers of a network: shapes, layouts, and how much of the evidence passes them."""

from __future__ import annotations

import copy
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from ....base import RaybenchError
from ...interface import NetworkLike
from ...queries import check_logits
from ..layouts import Layout, as_maps, readings
from ..tokens import convolved_reading, convolved_sizes
from ..watching import altering, captured, layer_of, undisturbed
from .places import best_reading, followed, patched_pictures, quartered_pictures

Size = tuple[int, int]

_SIDES = (224, 256, 384, 512, 128, 64, 32)
"""Sides of the square pictures that a network is tried on, if it names no size of its own."""

_ROUNDING = {torch.float32: 1e-5, torch.float64: 1e-13}
"""Of scores, by what they are computed in."""

_PASSED_ON = ("pool", "dropout", "droppath", "identity", "flatten")
"""In the names of modules that change nothing, or end what has places."""


class Call(NamedTuple):
    """A layer that runs once in a forward pass, and gives one tensor.

    Attributes:
        name: dotted.
        kind: name of the module's class.
        shape: of what it gives for one picture, (1, ...).
    """

    name: str
    kind: str
    shape: tuple[int, ...]

    @property
    def normalises(self) -> bool:
        """Whether the layer is a normalisation."""
        return "norm" in self.kind.lower()


class Candidate(NamedTuple):
    """A layer whose output may be read as maps.

    Attributes:
        call: which.
        layout: the likeliest.
        margin: how well places keep their place: times that a change to a quarter of the picture shows in
            that quarter more than in any other.
        only: whether no other layout fits the shape.
        spoken_for: whether a convolution of the network gives as many rows and columns.
        places: share of the places at which a score depends on the layer, 0 to 1; where there are more
            places than channels, of as many places as there are channels.
        left: of activations times gradients, how much is left of the largest sum over channels when
            their signs cancel, 0 to 1.
    """

    call: Call
    layout: Layout
    margin: float
    only: bool
    spoken_for: bool
    places: float
    left: float


def usable_size(network: NetworkLike) -> Size:
    """Height and width of pictures that a network runs on: its own, or the first of several that it takes.

    Raises:
        RaybenchError: it runs on none.
    """
    sizes = [network.input_size] if network.input_size else [(side, side) for side in _SIDES]
    reason: Exception | None = None
    with undisturbed(network.module), torch.no_grad():
        for size in sizes:
            picture = quartered_pictures(network, size)[:1]
            try:
                network.module(picture.to(_like(network.module)))
            except (RaybenchError, torch.OutOfMemoryError):
                raise
            except Exception as error:  # it may want pictures of another size
                reason = reason or error
                continue
            return size
    raise RaybenchError(
        f"the network runs on no picture of {', '.join(f'{height} x {width}' for height, width in sizes)}: "
        f"{str(reason).splitlines()[0]}; name its size in the card (input_size: [HEIGHT, WIDTH])"
    )


def calls_of(network: NetworkLike, size: Size) -> list[Call]:
    """Name the layers ahead of the classifier that give one tensor for one picture, the last first.

    The classifier is the last layer with weights of its own.
    """
    module, finished = network.module, []

    def note(name: str, part: nn.Module) -> Any:
        def hook(_module: nn.Module, _inputs: Any, output: Any) -> None:
            shape = tuple(output.shape) if isinstance(output, Tensor) else ()
            finished.append((Call(name, type(part).__name__, shape), _weighs(part)))

        return part.register_forward_hook(hook)

    handles = [note(name, part) for name, part in module.named_modules() if name]
    try:
        with undisturbed(module), torch.no_grad():
            module(quartered_pictures(network, size)[:1].to(_like(module)))
    finally:
        for handle in handles:
            handle.remove()
    times = Counter(call.name for call, _ in finished)
    last = max((place for place, (_, weighs) in enumerate(finished) if weighs), default=0)
    return [
        call
        for call, _ in reversed(finished[:last])
        if times[call.name] == 1 and call.shape[:1] == (1,) and not _passes_on(call, module)
    ]


def examined(network: NetworkLike, calls: Sequence[Call], size: Size) -> Iterator[Candidate]:
    """Yield what is known of those of some layers that may have places, by one forward and one backward pass.

    Raises:
        RaybenchError: the network's scores do not depend on the picture.
    """
    module = network.module
    possible = {call: readings(call.shape, size) for call in calls}
    possible = {call: found for call, found in possible.items() if found and len(call.shape) in (3, 4)}
    pictures = quartered_pictures(network, size).to(_like(module))
    with undisturbed(module):
        with _kept(module, [call.name for call in possible]) as outputs, convolved_sizes(module) as sizes:
            scores = module(pictures)
        check_logits(scores, len(pictures))
        if (scores == scores[:1]).all():
            raise RaybenchError(
                "the network's class scores do not depend on the picture, as with a classifier of zeros that "
                "was never trained"
            )
        reached = [name for name, output in outputs.items() if len(output) == len(pictures)]
        best = scores[0].argmax()
        gradients: dict[str, Tensor | None] = {}
        if reached and scores.requires_grad:
            found = torch.autograd.grad(
                scores[0, best], [outputs[name] for name in reached], allow_unused=True
            )
            gradients = dict(zip(reached, found, strict=True))
    for call, layouts in possible.items():
        if call.name in reached:
            features = outputs[call.name].detach()
            convolved = convolved_reading(layouts, sizes)
            layout, margin = best_reading(features, layouts, convolved)
            gradient = gradients.get(call.name)
            places, left = _evidence(features[:1], gradient, layout)
            yield Candidate(call, layout, margin, len(layouts) == 1, layout == convolved, places, left)


def share_passing(network: NetworkLike, layer: str, size: Size) -> tuple[float, bool]:
    """Say how much of what makes two pictures' scores different passes a layer, and whether all does.

    The layer's output of each picture is put in the place of the other's. What is all but for rounding is
    tried again in float64: a path around a layer may carry little, as in networks that were never trained.
    """
    base, *_, other = quartered_pictures(network, size)
    pictures = torch.stack([base, other.flip(1, 2)]).to(_like(network.module))
    share, all_but = _swapped(network.module, layer, pictures)
    if all_but > 1e-3:
        return share, False
    try:
        exact = copy.deepcopy(network.module).double()
        share, all_but = _swapped(exact, layer, pictures.double())
    except torch.OutOfMemoryError:
        raise
    except Exception:  # it may not compute in float64
        return share, True
    return share, all_but <= 1e-6


def _swapped(module: nn.Module, layer: str, pictures: Tensor) -> tuple[float, float]:
    """Swap a layer's output of two pictures: how much of the scores follows, and the most that does not.

    The latter beyond rounding, as a share of the scores' largest difference.
    """
    with undisturbed(module), torch.no_grad():
        plain = module(pictures)
        with altering(module, layer, lambda output: output.flip(0)):
            swapped = module(pictures)
    rounding = _ROUNDING[plain.dtype] * float(plain.abs().max())
    plain, swapped = plain.double(), swapped.double()
    change = plain[1] - plain[0]
    missed = float((swapped - plain.flip(0)).abs().max()) - rounding
    followed_by = ((swapped[0] - plain[0]) - (swapped[1] - plain[1])) @ change
    share = float(followed_by / (2 * change @ change).clamp(min=1e-300))
    return share, missed / max(float(change.abs().max()), 1e-300)


def patches_followed(network: NetworkLike, layer: str, layout: Layout, size: Size) -> float:
    """Share of small patches of a picture whose change is largest at their place in a layer, 0 to 1."""
    module = network.module
    pictures, middles = patched_pictures(network, size)
    with undisturbed(module), torch.no_grad(), captured(module, layer) as capture:
        module(pictures.to(_like(module)))
    return followed(capture.tensor, layout, middles) / len(middles)


@contextmanager
def _kept(module: nn.Module, names: Sequence[str]) -> Iterator[dict[str, Tensor]]:
    """While open, keep what layers give, as parts of a graph that begins at the first of them."""
    outputs: dict[str, Tensor] = {}

    def keep(name: str) -> Any:
        def hook(_module: nn.Module, _inputs: Any, output: Tensor) -> Tensor:
            outputs[name] = output if output.requires_grad else output.detach().requires_grad_()
            return outputs[name].clone()  # the network may go on in place

        return layer_of(module, name).register_forward_hook(hook)

    handles = [keep(name) for name in names]
    try:
        yield outputs
    finally:
        for handle in handles:
            handle.remove()


def _evidence(features: Tensor, gradient: Tensor | None, layout: Layout) -> tuple[float, float]:
    """Share of places with a gradient, and how much of its product with features is left after sums."""
    if gradient is None:
        return 0.0, 0.0
    gradients = as_maps(gradient[:1], layout).double()
    product = gradients * as_maps(features, layout).double()
    strength = gradients.abs().sum(dim=1)
    most = min(strength.numel(), gradients.shape[1])
    reached = int((strength > 1e-7 * strength.max()).sum()) / most
    left = product.sum(dim=1).abs().max() / product.abs().sum(dim=1).max().clamp(min=1e-300)
    return min(reached, 1.0), float(left)


def _weighs(part: nn.Module) -> bool:
    """Say whether a module has weights of its own and no others inside."""
    own = any(True for _ in part.parameters(recurse=False))
    return own and sum(1 for _ in part.parameters()) == sum(1 for _ in part.parameters(recurse=False))


def _passes_on(call: Call, module: nn.Module) -> bool:
    kind = call.kind.lower()
    leaf = next(module.get_submodule(call.name).children(), None) is None
    return leaf and any(part in kind for part in _PASSED_ON)


def _like(module: nn.Module) -> Tensor:
    return next(module.parameters(), torch.zeros(()))
