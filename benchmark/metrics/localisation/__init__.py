"""Does the map lie on the object? One file per question."""

from . import boxes, overlap, points, pooled, ranking  # noqa: F401
