"""Published tables measured again: which cells, whether all is there, and what the numbers say."""

from .judging import Judged, Sample
from .ready import Lack, Readiness, look
from .reproducing import Reproduction, reproduce
from .table import Group, PublishedTable, open_table
from .verdicts import Verdict, Word
from .writing import lines_of, planned_lines, write_reproduction

__all__ = [
    "Group",
    "Judged",
    "Lack",
    "PublishedTable",
    "Readiness",
    "Reproduction",
    "Sample",
    "Verdict",
    "Word",
    "lines_of",
    "look",
    "open_table",
    "planned_lines",
    "reproduce",
    "write_reproduction",
]
