"""Which of two rows is better, and how sure that is: paired over the images that both measured."""

from ..statistics import RankRange, rank_rows
from .comparing import Comparison, compare
from .printing import comparison_csv, comparison_markdown, rich_comparison

__all__ = [
    "Comparison",
    "RankRange",
    "compare",
    "comparison_csv",
    "comparison_markdown",
    "rank_rows",
    "rich_comparison",
]
