"""Published tables measured again: which cells, whether all is there, and what the numbers say."""

from .ready import look
from .reproducing import Reproduction, reproduce
from .table import open_table
from .writing import lines_of, planned_lines, write_reproduction

__all__ = [
    "Reproduction",
    "lines_of",
    "look",
    "open_table",
    "planned_lines",
    "reproduce",
    "write_reproduction",
]
