"""Getting on the leaderboard: bundles of results that strangers send, and how they are checked."""

from .checking import check, extract_bundle, open_bundle, unpack_bundles
from .findings import Finding, Report
from .submitting import submit

__all__ = ["Finding", "Report", "check", "extract_bundle", "open_bundle", "submit", "unpack_bundles"]
