"""What follows from numbers alone: facts of metrics, sums and their rules, intervals. No torch here."""

from . import classification, pooled, segmentation, thresholds  # noqa: F401  they register their rules
from .facts import AGGREGATE_WORDS, GROUPS, Aggregate, CurveValue, Facts, Group, Kind, Unit, Where
from .intervals import (
    INTERVALS,
    Estimate,
    Statistic,
    estimate,
    estimate_mean,
    influence,
    interval,
    p_values,
    spread_of,
)
from .paired import Block, RankRange, holm, paired_tests, rank_rows
from .predictions import PredictionBatch
from .rules import RULES, rule
from .samples import draw_sample, of_sample
from .spread import Spread, deviations

__all__ = [
    "AGGREGATE_WORDS",
    "GROUPS",
    "INTERVALS",
    "RULES",
    "Aggregate",
    "Block",
    "CurveValue",
    "Estimate",
    "Facts",
    "Group",
    "Kind",
    "PredictionBatch",
    "RankRange",
    "Spread",
    "Statistic",
    "Unit",
    "Where",
    "deviations",
    "draw_sample",
    "estimate",
    "estimate_mean",
    "holm",
    "influence",
    "interval",
    "of_sample",
    "p_values",
    "paired_tests",
    "rank_rows",
    "rule",
    "spread_of",
]
