"""Which of two rows is better, and how sure that is: paired over the images that both measured."""

from .comparing import Comparison, compare
from .ranks import RankRange, rank_rows

__all__ = ["Comparison", "RankRange", "compare", "rank_rows"]
