"""Does the map say what the network goes by? One file per question that is put to the network again."""

from . import coherency, completeness, deletion, drop, flipping, road, subsets  # noqa: F401
