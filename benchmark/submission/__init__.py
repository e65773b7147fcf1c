"""Getting on the leaderboard: bundles of results that strangers send, and how they are checked."""

from .before import FOLDER, board_before, changes_since
from .bundles import collect_all, extract_bundle
from .check import check
from .remeasure import remeasuring
from .report import Report, render
from .submitting import submit

__all__ = [
    "FOLDER",
    "Report",
    "board_before",
    "changes_since",
    "check",
    "collect_all",
    "extract_bundle",
    "remeasuring",
    "render",
    "submit",
]
