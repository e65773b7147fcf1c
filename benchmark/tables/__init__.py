"""Tables of results, measured and published, and the text of a comparison."""

from .arranging import arranged
from .entries import TIED
from .formats import escape_latex, escape_markdown, latex_table, render_table
from .matching import (
    find_published,
    method_of,
    published_beside,
    published_column,
    published_dataset,
    published_title,
    training_name,
)
from .published import (
    NO_REFERENCE,
    REPEATED,
    SOURCES,
    PublishedDataset,
    PublishedValue,
    Source,
    known_datasets,
    load_published,
    published_source,
)
from .tables import comparison_table, published_tables
from .terminal import rich_table

__all__ = [
    "NO_REFERENCE",
    "REPEATED",
    "SOURCES",
    "TIED",
    "PublishedDataset",
    "PublishedValue",
    "Source",
    "arranged",
    "comparison_table",
    "escape_latex",
    "escape_markdown",
    "find_published",
    "known_datasets",
    "latex_table",
    "load_published",
    "method_of",
    "published_beside",
    "published_column",
    "published_dataset",
    "published_source",
    "published_tables",
    "published_title",
    "render_table",
    "rich_table",
    "training_name",
]
