"""What a network returns: class scores are taken out of it, and anything else is refused."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from ...base import RaybenchError
from ..card import Card
from ..classes import ClassList


class UnusableScoresError(RaybenchError):
    """A network gave scores that are no numbers; who knows the picture names it."""


class ScoreReader:
    """A forward hook of a network: makes what it returns class scores (B, C), or raises.

    Attributes:
        card: of the checkpoint.
        classes: its class list.
        taken: how the scores were found, where the network does not return them alone; else empty.
    """

    def __init__(self, card: Card, classes: ClassList) -> None:
        self.card = card
        self.name = card.name
        self.classes = classes.name
        self.count = len(classes)
        self.taken = ""
        self._doubt: Tensor | None = None

    def __call__(self, _module: nn.Module, _inputs: Any, output: Any) -> Tensor | None:
        """Return the scores, or None for what is scores already."""
        scores = output if isinstance(output, Tensor) else self._found(output)
        if scores.ndim > 2 and scores[0, 0].numel() == 1:
            scores = scores.flatten(1)  # of a network that ends in a convolution
        if scores.ndim != 2 or not scores.is_floating_point():
            raise RaybenchError(
                f"checkpoint {self.name!r} returns {_described(scores)}; expected one row of class scores "
                f"for each picture, float (B, {self.count})"
            )
        if scores.shape[1] != self.count:
            raise RaybenchError(
                f"checkpoint {self.name!r} gives {scores.shape[1]:,} scores for each picture, but its class "
                f"list {self.classes!r} has {self.count:,} classes; give it the list that its outputs follow"
            )
        if self.card.scores == "probabilities":
            scores = self._logits_of(scores)
        self._look_at(scores)
        return None if scores is output else scores

    def doubt(self) -> Tensor | None:
        """Return whether any scores since the last call were not finite, () bool on their device."""
        doubt, self._doubt = self._doubt, None
        return doubt

    def refuse(self) -> UnusableScoresError:
        """Word what is wrong with scores that are not finite."""
        return UnusableScoresError(
            f"checkpoint {self.name!r} gives scores that are not finite (NaN or infinite); its weights are "
            "damaged, or it overflows, as networks do that compute in half precision"
        )

    def _logits_of(self, probabilities: Tensor) -> Tensor:
        """Undo a softmax but for a constant, or the sigmoid of a network of several classes."""
        least = torch.finfo(probabilities.dtype).tiny
        logits = probabilities.clamp(min=least).log()
        if self.card.multilabel:
            logits = logits - (1 - probabilities).clamp(min=least).log()
        return logits

    def _look_at(self, scores: Tensor) -> None:
        with torch.no_grad():  # no part of what methods watch
            finite = scores.isfinite().all()
            if scores.device.type == "cpu":
                if not finite:
                    raise self.refuse()
            else:  # a look would wait for the device
                self._doubt = ~finite if self._doubt is None else self._doubt | ~finite

    def _found(self, output: Any) -> Tensor:
        """Pick the scores out of several things: what is called logits, else the only tensor that fits."""
        kind = type(output).__name__
        entries = {name: one for name, one in _entries(output).items() if isinstance(one, Tensor)}
        fitting = [name for name, one in entries.items() if one.ndim == 2 and one.shape[1] == self.count]
        chosen = "logits" if "logits" in entries else fitting[0] if len(fitting) == 1 else ""
        if not chosen:
            listed = ", ".join(f"{name}: {_described(one)}" for name, one in entries.items()) or "no tensors"
            why = "more than one could be" if fitting else "none is"
            raise RaybenchError(
                f"checkpoint {self.name!r} returns a {kind} ({listed}), of which {why} the class scores "
                f"(B, {self.count}); let it return these alone"
            )
        self.taken = f"the network returns a {kind}, of which {chosen!r} is read as its class scores"
        return entries[chosen]


def read_scores(module: nn.Module, card: Card, classes: ClassList) -> None:
    """Let a module return class scores (B, C) from now on, whatever it returns by itself."""
    for key, hook in list(module._forward_hooks.items()):
        if isinstance(hook, ScoreReader):  # of the network that the module was copied from
            del module._forward_hooks[key]
    module.register_forward_hook(ScoreReader(card, classes))


def reader_of(module: nn.Module) -> ScoreReader | None:
    """Return the hook that `read_scores` gave a module."""
    found = (hook for hook in module._forward_hooks.values() if isinstance(hook, ScoreReader))
    return next(found, None)


def _entries(output: Any) -> dict[str, Any]:
    if isinstance(output, Mapping):
        return {str(name): one for name, one in output.items()}
    if hasattr(output, "_fields"):
        return dict(zip(output._fields, output, strict=True))
    if isinstance(output, (tuple, list)):
        return {str(place): one for place, one in enumerate(output)}
    return dict(vars(output)) if hasattr(output, "__dict__") else {}


def _described(tensor: Tensor) -> str:
    return f"{str(tensor.dtype).removeprefix('torch.')} {tuple(tensor.shape)}"
