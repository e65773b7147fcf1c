"""The leaderboard: a page that works from the disk."""

from .build import build_site
from .collect import collect

__all__ = ["build_site", "collect"]
