"""How a saliency map is made: one registered function per method.

A new method is one function in a file of its own, its registration (see `attribution`), and its import here.
"""

from .adapters import torchray  # registers only where TorchRay is installed
from .arithmetic import Precision, computing_in, denormals_flushed, forward_pass
from .asking.chunks import in_chunks
from .binding import BoundAttribution, bind, bound
from .interface import ATTRIBUTIONS, Attribution, Kind, NetworkLike, Passes, attribution
from .methods.attention_maps import attention_rollout, raw_attention
from .methods.attention_relevance import attention_gradient_cam, transformer_attribution_generic
from .methods.attn_lrp import attn_lrp, cp_lrp
from .methods.baselines import box_oracle, center, random, uniform
from .methods.cam import grad_cam, grad_cam_elementwise
from .methods.deep_lift import deep_lift
from .methods.excitation_backprop import contrastive_excitation_backprop, excitation_backprop
from .methods.gradient import gradient
from .methods.lrp import lrp_alpha_beta, lrp_epsilon_gamma_box, lrp_epsilon_plus, lrp_epsilon_plus_flat
from .methods.occlusion import occlusion
from .methods.optimised_masks import extremal_perturbation
from .methods.paths import integrated_gradients
from .methods.rise import rise
from .methods.superpixels import kernel_shap, lime
from .own import method_of
from .progress import Bar, shown_by
from .reading.capture import (
    Capture,
    features_and_gradients,
    in_eval_mode,
    input_gradients,
    layer_of,
    undisturbed,
)
from .seeds import generator
from .sharing import sharing
from .signs import Colours, Sign, over_colours, signed_by_colours

__all__ = [
    "ATTRIBUTIONS",
    "Attribution",
    "Bar",
    "BoundAttribution",
    "Capture",
    "Colours",
    "Kind",
    "NetworkLike",
    "Passes",
    "Precision",
    "Sign",
    "attention_gradient_cam",
    "attention_rollout",
    "attn_lrp",
    "attribution",
    "bind",
    "bound",
    "box_oracle",
    "center",
    "computing_in",
    "contrastive_excitation_backprop",
    "cp_lrp",
    "deep_lift",
    "denormals_flushed",
    "excitation_backprop",
    "extremal_perturbation",
    "features_and_gradients",
    "forward_pass",
    "generator",
    "grad_cam",
    "grad_cam_elementwise",
    "gradient",
    "in_chunks",
    "in_eval_mode",
    "input_gradients",
    "integrated_gradients",
    "kernel_shap",
    "layer_of",
    "lime",
    "lrp_alpha_beta",
    "lrp_epsilon_gamma_box",
    "lrp_epsilon_plus",
    "lrp_epsilon_plus_flat",
    "method_of",
    "occlusion",
    "over_colours",
    "random",
    "raw_attention",
    "rise",
    "sharing",
    "shown_by",
    "signed_by_colours",
    "torchray",
    "transformer_attribution_generic",
    "undisturbed",
    "uniform",
]
