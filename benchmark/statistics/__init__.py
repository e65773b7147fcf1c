"""What follows from numbers alone: aggregates and their intervals."""

from .intervals import Statistic, bootstrap

__all__ = ["Statistic", "bootstrap"]
