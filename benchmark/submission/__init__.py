"""Getting on the leaderboard: bundles of results that strangers send, and how they are checked."""

from .before import FOLDER, board_before, changes_since
from .bundles import collect_all, extract_bundle, open_bundle, unpack_bundles
from .check import Checked, Further, check
from .remeasure import remeasure, remeasuring
from .report import Finding, Findings, Report, render
from .submitting import submit

__all__ = [
    "FOLDER",
    "Checked",
    "Finding",
    "Findings",
    "Further",
    "Report",
    "board_before",
    "changes_since",
    "check",
    "collect_all",
    "extract_bundle",
    "open_bundle",
    "remeasure",
    "remeasuring",
    "render",
    "submit",
    "unpack_bundles",
]
