"""How a saliency map is made: one registered function per method.

A new method is one function in a file of its own, its registration (see `attribution`), and its import here.
"""

from . import torchray_reference  # registers only where TorchRay is installed
from .baselines import box_oracle, center, random, uniform
from .capture import (
    Capture,
    features_and_gradients,
    forget_trials,
    forward_pass,
    input_gradients,
    layer_of,
    undisturbed,
)
from .denormals import denormals_flushed
from .excitation_backprop import contrastive_excitation_backprop, excitation_backprop
from .fixed_weights import weights_fixed
from .grad_cam import grad_cam, grad_cam_elementwise
from .gradient import gradient
from .interface import ATTRIBUTIONS, Attribution, BoundAttribution, Kind, NetworkLike, attribution, bind
from .precision import Precision, computing_in
from .quick_calls import prepare_weights
from .sharing import sharing

__all__ = [
    "ATTRIBUTIONS",
    "Attribution",
    "BoundAttribution",
    "Capture",
    "Kind",
    "NetworkLike",
    "Precision",
    "attribution",
    "bind",
    "box_oracle",
    "center",
    "computing_in",
    "contrastive_excitation_backprop",
    "denormals_flushed",
    "excitation_backprop",
    "features_and_gradients",
    "forget_trials",
    "forward_pass",
    "grad_cam",
    "grad_cam_elementwise",
    "gradient",
    "input_gradients",
    "layer_of",
    "prepare_weights",
    "random",
    "sharing",
    "torchray_reference",
    "undisturbed",
    "uniform",
    "weights_fixed",
]
