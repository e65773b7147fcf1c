"""What follows from numbers alone: facts of metrics, sums and their rules, intervals. No torch here."""

from .classification import accuracy, f1_per_class_of, hits_among
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
from .paired import Block, PairedTests, RankRange, holm, paired_tests, rank_rows
from .pooled import pooled_average_precision
from .predictions import PredictionBatch
from .rules import RULES, Rule, rule
from .samples import draw_sample, of_sample
from .segmentation import iou_of_both_sides, share_of_right_pixels
from .spread import Deviations, Spread, deviations
from .thresholds import best_threshold, threshold_of_other_half

__all__ = [
    "AGGREGATE_WORDS",
    "GROUPS",
    "INTERVALS",
    "RULES",
    "Aggregate",
    "Block",
    "CurveValue",
    "Deviations",
    "Estimate",
    "Facts",
    "Group",
    "Kind",
    "PairedTests",
    "PredictionBatch",
    "RankRange",
    "Rule",
    "Spread",
    "Statistic",
    "Unit",
    "Where",
    "accuracy",
    "best_threshold",
    "deviations",
    "draw_sample",
    "estimate",
    "estimate_mean",
    "f1_per_class_of",
    "hits_among",
    "holm",
    "influence",
    "interval",
    "iou_of_both_sides",
    "of_sample",
    "p_values",
    "paired_tests",
    "pooled_average_precision",
    "rank_rows",
    "rule",
    "share_of_right_pixels",
    "spread_of",
    "threshold_of_other_half",
]
