"""Which of two rows is better, and how sure that is: paired over the images that both measured."""

from ..statistics import RankRange, rank_rows
from .agreement import agreement_csv, agreement_lines, agreement_matrices, compare_maps
from .comparing import Comparison, compare
from .printing import comparison_csv, comparison_markdown, rich_comparison

__all__ = [
    "Comparison",
    "RankRange",
    "agreement_csv",
    "agreement_lines",
    "agreement_matrices",
    "compare",
    "compare_maps",
    "comparison_csv",
    "comparison_markdown",
    "rank_rows",
    "rich_comparison",
]
