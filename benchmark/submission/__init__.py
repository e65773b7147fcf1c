"""Getting on the leaderboard: bundles of results that strangers send, and how they are checked."""

from .bundles import collect_all, extract_bundle
from .check import Checked, Further, check
from .remeasure import remeasure, remeasuring
from .report import Finding, Findings, Report, render
from .submitting import submit

__all__ = [
    "Checked",
    "Finding",
    "Findings",
    "Further",
    "Report",
    "check",
    "collect_all",
    "extract_bundle",
    "remeasure",
    "remeasuring",
    "render",
    "submit",
]
