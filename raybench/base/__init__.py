"""The ground: what every room stands on, and nothing of the subject."""

from .code_files import CodeFiles, names_code, without_folder
from .documents import Document, DocumentError, checked_label, document_from, parse_document, read_document
from .errors import (
    RaybenchError,
    SeveralMistakesError,
    ToldElsewhereError,
    UnknownNameError,
    broken,
    few,
    nearest,
    quoted,
    written,
)
from .failures import worded, worded_time
from .flags import Flag, offered, refuse_out_of_range
from .geometry import Box, Point, Size
from .memory import keep_freed_memory
from .options import check_options, misfit, options_of
from .plain_yaml import parse_yaml
from .registry import Registry, functions_of
from .seeds import seed_for
from .stand_ins import looking_only

__all__ = [
    "Box",
    "CodeFiles",
    "Document",
    "DocumentError",
    "Flag",
    "Point",
    "RaybenchError",
    "Registry",
    "SeveralMistakesError",
    "Size",
    "ToldElsewhereError",
    "UnknownNameError",
    "__version__",
    "broken",
    "check_options",
    "checked_label",
    "document_from",
    "few",
    "functions_of",
    "keep_freed_memory",
    "looking_only",
    "misfit",
    "names_code",
    "nearest",
    "offered",
    "options_of",
    "parse_document",
    "parse_yaml",
    "quoted",
    "read_document",
    "refuse_out_of_range",
    "seed_for",
    "without_folder",
    "worded",
    "worded_time",
    "written",
]

__version__ = "0.1.0"
"""As results carry it."""
