"""Reads how much each token of a transformer attends to each other token, block by block."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.overrides import TorchFunctionMode

from ...base import RaybenchError


class AttentionCapture(TorchFunctionMode):
    """While entered, keeps the attention probabilities of every block that runs; logits stay up to rounding.

    Three kinds of calls are seen: `F.scaled_dot_product_attention`; a softmax over the last dimension of a
    tensor of four, once it is multiplied with values; `F.multi_head_attention_forward`, the one call that
    `nn.MultiheadAttention` makes. The first and the last are computed here in plain steps, as fused kernels
    give no probabilities away.

    Attributes:
        probabilities: one tensor (N, heads, L, S) per block in the order of the calls, part of the graph if
            gradients are on; each row sums to 1.

    Example:
        with AttentionCapture() as attention:
            logits = module(images)
    """

    def __init__(self) -> None:
        super().__init__()
        self.probabilities: list[Tensor] = []
        self._softmaxes: dict[int, tuple[Tensor, Tensor]] = {}

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        """Compute a call of attention in plain steps; watch the others."""
        options = kwargs or {}
        if func is F.scaled_dot_product_attention:
            return self._attend(*args, **options)
        if func is F.multi_head_attention_forward:
            given = inspect.signature(F.multi_head_attention_forward).bind(*args, **options)
            given.apply_defaults()
            return self._multi_head(given.arguments)
        if func in _PRODUCTS and args and id(args[0]) in self._softmaxes:
            self.probabilities.append(self._softmaxes.pop(id(args[0]))[1])
        result = func(*args, **options)
        if func in _SOFTMAXES and _is_attention(result, args, options):
            self._softmaxes[id(result)] = (result, result)  # kept, so that no other tensor gets its id
        elif func is F.dropout and args and id(args[0]) in self._softmaxes:
            self._softmaxes[id(result)] = (result, self._softmaxes[id(args[0])][1])
        return result

    def _attend(
        self,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        attn_mask: Tensor | None = None,
        dropout_p: float = 0.0,
        is_causal: bool = False,
        scale: float | None = None,
        enable_gqa: bool = False,
    ) -> Tensor:
        """softmax(Q K^T scale + mask) V, with the arguments of `F.scaled_dot_product_attention`."""
        if enable_gqa:
            key, value = (
                part.repeat_interleave(query.shape[-3] // part.shape[-3], dim=-3) for part in (key, value)
            )
        scores = (query * (query.shape[-1] ** -0.5 if scale is None else scale)) @ key.transpose(-2, -1)
        if is_causal:
            attn_mask = torch.ones(scores.shape[-2:], dtype=torch.bool, device=scores.device).tril()
        if attn_mask is not None:
            masked = attn_mask.dtype == torch.bool
            scores = scores.masked_fill(~attn_mask, -torch.inf) if masked else scores + attn_mask
        probabilities = scores.softmax(dim=-1)
        if probabilities.ndim == 4:
            self.probabilities.append(probabilities)
        return F.dropout(probabilities, dropout_p).to(value.dtype) @ value

    def _multi_head(self, given: Mapping[str, Any]) -> tuple[Tensor, Tensor | None]:
        """Compute `F.multi_head_attention_forward`, of tokens (L, N, E), from its projections."""
        _refuse_rare(given)
        heads = given["num_heads"]
        weights, bias = given["in_proj_weight"].chunk(3), given["in_proj_bias"]
        biases = (None,) * 3 if bias is None else bias.chunk(3)
        tokens = (given["query"], given["key"], given["value"])
        query, key, value = (
            F.linear(part, weight, offset)
            .view(*part.shape[:2], heads, len(weight) // heads)
            .permute(1, 2, 0, 3)
            for part, weight, offset in zip(tokens, weights, biases, strict=True)
        )
        dropout = given["dropout_p"] if given["training"] else 0.0
        mixed = self._attend(query, key, value, dropout_p=dropout).permute(2, 0, 1, 3).flatten(2)
        output = F.linear(mixed, given["out_proj_weight"], given["out_proj_bias"])
        if not given["need_weights"]:
            return output, None
        probabilities = self.probabilities[-1]
        return output, probabilities.mean(dim=1) if given["average_attn_weights"] else probabilities


_SOFTMAXES = (torch.softmax, torch.Tensor.softmax, F.softmax)
_PRODUCTS = (torch.matmul, torch.Tensor.matmul, torch.Tensor.__matmul__)

_RARE = ("bias_k", "bias_v", "key_padding_mask", "attn_mask", "static_k", "static_v")


def _is_attention(result: Tensor, args: tuple[Any, ...], options: Mapping[str, Any]) -> bool:
    """Say whether a softmax goes over the last of four dimensions."""
    dim = args[1] if len(args) > 1 else options.get("dim")
    return result.ndim == 4 and dim in (-1, 3)


def _refuse_rare(given: Mapping[str, Any]) -> None:
    """Raise `RaybenchError` for what no image classifier is known to ask of multi-head attention."""
    rare = [name for name in _RARE if given[name] is not None]
    rare += [name for name in ("add_zero_attn", "use_separate_proj_weight", "is_causal") if given[name]]
    if given["query"].ndim != 3:
        rare.append("tokens without a batch")
    if rare:
        raise RaybenchError(
            f"the network's multi-head attention uses {', '.join(rare)}, and attention is read without only; "
            "choose a method that reads no attention, such as gradient"
        )
