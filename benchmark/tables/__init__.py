"""Tables of results, measured and published, and the text of a comparison."""

from .formats import render_table, rich_table
from .published import (
    REPEATED,
    SOURCES,
    PublishedValue,
    Source,
    find_published,
    load_published,
    normal_training,
    published_column,
    published_dataset,
    published_title,
    training_name,
)
from .tables import comparison_table, published_tables

__all__ = [
    "REPEATED",
    "SOURCES",
    "PublishedValue",
    "Source",
    "comparison_table",
    "find_published",
    "load_published",
    "normal_training",
    "published_column",
    "published_dataset",
    "published_tables",
    "published_title",
    "render_table",
    "rich_table",
    "training_name",
]
