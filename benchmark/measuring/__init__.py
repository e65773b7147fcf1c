"""From the maps of a batch to values and rows: what a pass over the images does."""

from .costs import CostMeter, add_costs
from .environment import environment, peak_memory_mb
from .measure import measure
from .passes import Job, Ledger, Outcome, Pass
from .refusals import check_input_size
from .rehearsal import misfits, rehearse, words_on_scores
from .scoring import Scorer
from .single import attribute, checked_network, explain_image, logits_of, pictured, usual_protocol

__all__ = [
    "CostMeter",
    "Job",
    "Ledger",
    "Outcome",
    "Pass",
    "Scorer",
    "add_costs",
    "attribute",
    "check_input_size",
    "checked_network",
    "environment",
    "explain_image",
    "logits_of",
    "measure",
    "misfits",
    "peak_memory_mb",
    "pictured",
    "rehearse",
    "usual_protocol",
    "words_on_scores",
]
