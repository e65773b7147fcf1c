"""How a saliency map is made: one registered function per method.

A new method is one function in a file of its family's room in `methods`, its registration (see
`attribution`), and the import of the file there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..base import functions_of
from . import adapters, methods  # noqa: F401
from .arithmetic import computing_in, denormals_flushed, forward_pass
from .asking.copies.chunks import in_chunks
from .asking.copies.one_by_one import twin_of
from .binding import BoundAttribution, bind, bound
from .interface import ATTRIBUTIONS, Attribution, NetworkLike, Passes, attribution
from .layers.capture import features_and_gradients, input_gradients
from .layers.search.survey import Survey, examined_layer, survey
from .layers.search.target_layer import found_target_layer, target_layer_of
from .layers.watching import in_eval_mode, layer_of
from .methods.baselines import box_oracle
from .own import method_of
from .progress import shown_by
from .seeds import generator
from .sharing import sharing
from .signs import CANCELLED, over_colours, signed_by_colours

__all__ = [
    "ATTRIBUTIONS",
    "CANCELLED",
    "Attribution",
    "BoundAttribution",
    "NetworkLike",
    "Passes",
    "Survey",
    "attribution",
    "bind",
    "bound",
    "box_oracle",
    "computing_in",
    "denormals_flushed",
    "examined_layer",
    "features_and_gradients",
    "forward_pass",
    "found_target_layer",
    "generator",
    "in_chunks",
    "in_eval_mode",
    "input_gradients",
    "layer_of",
    "method_of",
    "over_colours",
    "sharing",
    "shown_by",
    "signed_by_colours",
    "survey",
    "target_layer_of",
    "twin_of",
]

if not TYPE_CHECKING:
    __getattr__ = functions_of(ATTRIBUTIONS, __name__)  # such as `raybench.attributions.grad_cam`
