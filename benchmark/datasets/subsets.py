"""Queries that are reported a second time, among themselves: a fact of the annotations."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import replace

from .sample import Dataset, Query

DIFFICULT = "difficult"

_SMALL = 0.25


def subsets_of(dataset: Dataset) -> tuple[str, ...]:
    """Return the names of the subsets that the queries of a dataset are sorted into; empty for most."""
    found: tuple[str, ...] = getattr(dataset, "subsets", ())
    return found


def with_difficult(queries: Iterable[Query], clear: Collection[int]) -> tuple[Query, ...]:
    """Say of each query whether it is difficult: a small object beside one of another class.

    Small is a region of less than a quarter of the image.

    Args:
        queries: of one image.
        clear: classes with an object that the annotation does not call difficult; others neither are nor make
            a query difficult.

    Source: Zhang et al., Top-down Neural Attention by Excitation Backprop, IJCV 2018; with VOC's boxes and
        COCO's masks as in the lists that TorchRay ships.
    """
    return tuple(
        replace(query, subsets=(*query.subsets, DIFFICULT)) if _is_difficult(query, clear) else query
        for query in queries
    )


def _is_difficult(query: Query, clear: Collection[int]) -> bool:
    if query.class_index not in clear or len(clear) < 2:
        return False
    return bool(query.region.mask().mean() < _SMALL)
