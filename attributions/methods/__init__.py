"""Attribution methods, a room for each family; a file is imported here to be registered."""

from . import baselines  # noqa: F401
from .activation import cam, cam_components, cam_scores  # noqa: F401
from .attention import attention_maps, attention_relevance, le_grad, transformer_attribution  # noqa: F401
from .gradients import full_grad, gradient, modified_relu, noise, paths, winding_paths  # noqa: F401
from .perturbation import meaningful_masks, occlusion, optimised_masks, rise, superpixels  # noqa: F401
from .relevance import attn_lrp, deep_lift, excitation_backprop, lrp  # noqa: F401
