"""The sections of the report, in its order: a module each, with a function `measure`."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module

from ..options import Options

__all__ = ["SECTIONS", "measure_of"]

SECTIONS = {
    "evaluation": True,
    "asking": False,
    "methods": True,
    "exactness": False,
    "training": False,
    "gpu": False,
}
"""Whether each reads the pictures and weights of RAYBENCH_DATA."""


def measure_of(name: str) -> Callable[[Options], list[str]]:
    """Return what measures a section: options to the Markdown lines after its head."""
    measure: Callable[[Options], list[str]] = import_module(f"{__name__}.{name}").measure
    return measure
