"""Resolves a suite, divides the work, measures what is left of it, and completes the result folder."""

from .forecast import planned
from .gallery import extend_gallery
from .machine.crew import leads
from .machine.devices import pick_device
from .plan import Plan
from .progress import Reporter, SilentReporter
from .run import Results, evaluate

__all__ = [
    "Plan",
    "Reporter",
    "Results",
    "SilentReporter",
    "evaluate",
    "extend_gallery",
    "leads",
    "pick_device",
    "planned",
]
