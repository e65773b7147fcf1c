"""Every method of the registry as tests call it: cheaply, and with seeds that follow from the pictures."""

from __future__ import annotations

import hashlib

from raybench.attributions import ATTRIBUTIONS, bind
from raybench.base import RaybenchError

OPTIONS = {
    "extremal_perturbation": {"steps": 3, "areas": [0.2], "sigma": 10.0},
    "integrated_gradients": {"steps": 2},
    "kernel_shap": {"samples": 10, "cells": 2},
    "lime": {"samples": 6, "cells": 3},
    "meaningful_perturbation": {"steps": 2, "cells": 3, "jitter": 40},
    "occlusion": {"window": 0.5, "stride": 0.5},
    "smooth_grad": {"samples": 3},
    "smooth_grad_squared": {"samples": 3},
    "var_grad": {"samples": 3},
    "expected_gradients": {"samples": 3},
    "blur_integrated_gradients": {"steps": 3, "largest": 3.0},
    "guided_integrated_gradients": {"steps": 3},
    "rise": {"masks": 4, "cells": 3},
}
"""Options of methods that would otherwise ask a network very often."""

OURS = [entry.name for entry in ATTRIBUTIONS if entry.kind == "network" and "." not in entry.name]
OF_LIBRARIES = [entry.name for entry in ATTRIBUTIONS if "." in entry.name]
"""Other libraries' own methods, where these are installed."""
_REPRESENTATIVES = (
    *("torchray.grad_cam", "torchray.contrastive_excitation_backprop", "pytorch_grad_cam.GradCAM"),
    *("captum.InputXGradient", "zennit.EpsilonPlus", "torchcam.GradCAM"),
)
METHODS = [*OURS, *(name for name in OF_LIBRARIES if name in _REPRESENTATIVES)]
ON_TRANSFORMERS = [
    name
    for name in OURS
    if "attention" in name or "transformer" in name or name in ("attn_lrp", "cp_lrp", "le_grad")
]
"""Those that need attention; networks without any are refused."""
ON_CNNS = [name for name in OURS if name not in ON_TRANSFORMERS]
PRIMITIVES = [
    *("grad_cam", "grad_cam_elementwise", "gradient", "integrated_gradients", "rise"),
    *("excitation_backprop", "contrastive_excitation_backprop", "lrp_epsilon_plus_flat"),
    *("guided_backprop", "ablation_cam", "full_grad", "deep_lift"),
]
"""One of each kind of work: what the others are a formula on."""
SEEDED = [name for name in OURS if ATTRIBUTIONS.get(name).seeded]


def seeds_of(images):
    """An integer per picture that follows from its pixels, wherever in a batch it stands."""
    pixels = [image.detach().contiguous().cpu().numpy().tobytes() for image in images]
    return [int.from_bytes(hashlib.blake2b(one, digest_size=4).digest(), "big") for one in pixels]


def calling(name, **options):
    """A method as a function of a network, images, image_index and class_index."""
    method = bind(name, {**OPTIONS.get(name, {}), **options})
    return lambda network, images, *index: method(network, images, *index, seeds=seeds_of(images))


def asks(name):
    """Whether the method shows the network anything."""
    return bind(name).passes.forwards(1, 1) > 0


def goes_back(name):
    """Whether the method asks for gradients."""
    passes = bind(name).passes
    return passes.backwards(1, 1) > 0


def is_defined(method, network):
    """Whether a registered method is defined for a network."""
    try:
        ATTRIBUTIONS.get(method).check(network)
    except RaybenchError:
        return False
    return True
