"""The leaderboard: a page that works from the disk."""

from .build import build_site
from .collect import collect
from .report import write_report

__all__ = ["build_site", "collect", "write_report"]
