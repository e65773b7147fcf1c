"""Getting on the leaderboard: bundles of results that strangers send, and how they are checked."""

from .bundles import collect_all, extract_bundle
from .check import check
from .remeasure import remeasuring
from .report import Report, render
from .submitting import submit

__all__ = [
    "Report",
    "check",
    "collect_all",
    "extract_bundle",
    "remeasuring",
    "render",
    "submit",
]
