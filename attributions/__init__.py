"""How a saliency map is made: one registered function per method.

A new method is one function in a file of its own, its registration (see `attribution`), and its import here.
"""

from .adapters import captum, pytorch_grad_cam, torchcam, torchray, zennit  # each if its library is there
from .arithmetic import Precision, computing_in, denormals_flushed, forward_pass
from .asking.copies.chunks import in_chunks
from .asking.copies.one_by_one import twin_of
from .binding import BoundAttribution, bind, bound
from .interface import ATTRIBUTIONS, Attribution, Kind, NetworkLike, Passes, attribution
from .methods.activation.cam import (
    grad_cam,
    grad_cam_elementwise,
    grad_cam_plus_plus,
    layer_cam,
    linear_approximation,
    norm_grad,
    xgrad_cam,
)
from .methods.activation.cam_components import cam, eigen_cam, eigen_grad_cam
from .methods.activation.cam_scores import ablation_cam, score_cam
from .methods.attention.attention_maps import attention_rollout, raw_attention
from .methods.attention.attention_relevance import attention_gradient_cam, transformer_attribution_generic
from .methods.attention.le_grad import le_grad
from .methods.attention.transformer_attribution import transformer_attribution
from .methods.baselines import box_oracle, center, center_gaussian, fake_cam, random, sobel, uniform
from .methods.gradients.full_grad import full_grad
from .methods.gradients.gradient import gradient, input_x_gradient
from .methods.gradients.modified_relu import deconvnet, guided_backprop, guided_grad_cam
from .methods.gradients.noise import expected_gradients, smooth_grad, smooth_grad_squared, var_grad
from .methods.gradients.paths import integrated_gradients
from .methods.gradients.winding_paths import blur_integrated_gradients, guided_integrated_gradients
from .methods.perturbation.meaningful_masks import meaningful_perturbation
from .methods.perturbation.occlusion import occlusion
from .methods.perturbation.optimised_masks import extremal_perturbation
from .methods.perturbation.rise import rise
from .methods.perturbation.superpixels import kernel_shap, lime
from .methods.relevance.attn_lrp import attn_lrp, cp_lrp
from .methods.relevance.deep_lift import deep_lift
from .methods.relevance.excitation_backprop import contrastive_excitation_backprop, excitation_backprop
from .methods.relevance.lrp import (
    lrp_alpha_beta,
    lrp_epsilon,
    lrp_epsilon_gamma_box,
    lrp_epsilon_plus,
    lrp_epsilon_plus_flat,
)
from .own import method_of
from .progress import Bar, shown_by
from .reading.capture import Capture, features_and_gradients, input_gradients
from .reading.search.survey import Survey, examined_layer, survey
from .reading.search.target_layer import TargetLayer, found_target_layer, target_layer_of
from .reading.watching import in_eval_mode, layer_of, undisturbed
from .seeds import generator
from .sharing import sharing
from .signs import CANCELLED, Colours, Sign, over_colours, signed_by_colours

__all__ = [
    "ATTRIBUTIONS",
    "CANCELLED",
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
    "Survey",
    "TargetLayer",
    "ablation_cam",
    "attention_gradient_cam",
    "attention_rollout",
    "attn_lrp",
    "attribution",
    "bind",
    "blur_integrated_gradients",
    "bound",
    "box_oracle",
    "cam",
    "captum",
    "center",
    "center_gaussian",
    "computing_in",
    "contrastive_excitation_backprop",
    "cp_lrp",
    "deconvnet",
    "deep_lift",
    "denormals_flushed",
    "eigen_cam",
    "eigen_grad_cam",
    "examined_layer",
    "excitation_backprop",
    "expected_gradients",
    "extremal_perturbation",
    "fake_cam",
    "features_and_gradients",
    "forward_pass",
    "found_target_layer",
    "full_grad",
    "generator",
    "grad_cam",
    "grad_cam_elementwise",
    "grad_cam_plus_plus",
    "gradient",
    "guided_backprop",
    "guided_grad_cam",
    "guided_integrated_gradients",
    "in_chunks",
    "in_eval_mode",
    "input_gradients",
    "input_x_gradient",
    "integrated_gradients",
    "kernel_shap",
    "layer_cam",
    "layer_of",
    "le_grad",
    "lime",
    "linear_approximation",
    "lrp_alpha_beta",
    "lrp_epsilon",
    "lrp_epsilon_gamma_box",
    "lrp_epsilon_plus",
    "lrp_epsilon_plus_flat",
    "meaningful_perturbation",
    "method_of",
    "norm_grad",
    "occlusion",
    "over_colours",
    "pytorch_grad_cam",
    "random",
    "raw_attention",
    "rise",
    "score_cam",
    "sharing",
    "shown_by",
    "signed_by_colours",
    "smooth_grad",
    "smooth_grad_squared",
    "sobel",
    "survey",
    "target_layer_of",
    "torchcam",
    "torchray",
    "transformer_attribution",
    "transformer_attribution_generic",
    "twin_of",
    "undisturbed",
    "uniform",
    "var_grad",
    "xgrad_cam",
    "zennit",
]
