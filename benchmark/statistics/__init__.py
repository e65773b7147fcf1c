"""What follows from numbers alone: facts of metrics, sums and their rules, intervals. No torch here."""

from .classification import accuracy, f1_per_class_of, hits_among
from .facts import AGGREGATE_WORDS, Aggregate, Facts, Group, Kind, Unit, Where
from .intervals import Statistic, bootstrap
from .pooled import pooled_average_precision
from .predictions import PredictionBatch
from .rules import RULES, Rule, rule

__all__ = [
    "AGGREGATE_WORDS",
    "RULES",
    "Aggregate",
    "Facts",
    "Group",
    "Kind",
    "PredictionBatch",
    "Rule",
    "Statistic",
    "Unit",
    "Where",
    "accuracy",
    "bootstrap",
    "f1_per_class_of",
    "hits_among",
    "pooled_average_precision",
    "rule",
]
