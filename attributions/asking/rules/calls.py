"""torch's calls that networks are made of, by what they do: what tables of rules are written with."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

CONVOLUTIONS = (F.conv1d, F.conv2d, F.conv3d)
POOLINGS = (
    *(F.avg_pool1d, F.avg_pool2d, F.avg_pool3d),
    *(F.adaptive_avg_pool1d, F.adaptive_avg_pool2d, F.adaptive_avg_pool3d),
)
MAXIMA = (
    *(F.max_pool1d, F.max_pool2d, F.max_pool3d),
    *(F.adaptive_max_pool1d, F.adaptive_max_pool2d, F.adaptive_max_pool3d),
)
MEANS = (torch.mean, Tensor.mean, torch.sum, Tensor.sum)
SUMS = (torch.add, Tensor.add, Tensor.add_, Tensor.__add__, Tensor.__iadd__)
PRODUCTS = (torch.mul, Tensor.mul, Tensor.mul_, Tensor.__mul__, Tensor.__imul__)
NORMALISATIONS = (F.batch_norm, F.layer_norm, F.group_norm, F.instance_norm, F.local_response_norm)
RELUS = (F.relu, torch.relu, torch.relu_, Tensor.relu, Tensor.relu_)
ACTIVATIONS_THROUGH_ZERO = (
    *(F.relu6, F.leaky_relu, F.elu, F.selu, F.celu, F.prelu),
    *(F.gelu, F.silu, F.mish, F.hardswish),
    *(torch.tanh, Tensor.tanh),
)
"""That give zero for zero."""
ACTIVATIONS = (
    *ACTIVATIONS_THROUGH_ZERO,
    *(F.hardtanh, F.softplus, F.hardsigmoid, F.sigmoid, torch.sigmoid, Tensor.sigmoid),
    *(torch.clamp, Tensor.clamp),
)
SOFTMAXES = (torch.softmax, Tensor.softmax, F.softmax)
MATRIX_PRODUCTS = (torch.matmul, Tensor.matmul, Tensor.__matmul__, torch.bmm, Tensor.bmm, torch.einsum)
ATTENTION = (F.scaled_dot_product_attention, F.multi_head_attention_forward, *MATRIX_PRODUCTS)
"""What attention is computed by: whole, or a product of two tensors that both depend on the image."""
