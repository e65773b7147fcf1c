"""The sections of the report, in its order; each is imported when it is measured."""

from __future__ import annotations

from importlib import import_module

from ..options import Section

__all__ = ["SECTIONS", "section_of"]

SECTIONS = {
    "evaluation": "evaluation:EVALUATION",
    "asking": "asking:ASKING",
    "methods": "methods:METHODS",
    "profile": "profiling:PROFILE",
    "exactness": "exactness:EXACTNESS",
    "scaling": "scaling:SCALING",
    "leaderboard": "leaderboard:LEADERBOARD",
    "training": "training:TRAINING",
    "gpu": "gpu:GPU",
}


def section_of(name: str) -> Section:
    """Return a section by name."""
    module, _, constant = SECTIONS[name].partition(":")
    section: Section = getattr(import_module(f"{__name__}.{module}"), constant)
    return section
