"""raybench measures where image classifiers look."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from .base import __version__

if TYPE_CHECKING:
    from .benchmark.measuring import attribute
    from .benchmark.running import Results
    from .benchmark.suite import Settings
    from .checkpoints import Network
    from .checkpoints import load_network as load_checkpoint
    from .evaluating import evaluate
    from .explaining import Explained, explain

__all__ = ["Explained", "Network", "Results", "Settings", "__version__", "attribute", "evaluate", "explain",
           "load_checkpoint"]  # fmt: skip

# In a checkout the sub-packages are the folders beside this one; in an installed package they are inside it.
_here = Path(__file__).resolve().parent
if not (_here / "benchmark").is_dir():
    __path__.append(str(_here.parent))

_PUBLIC = {
    "Explained": ("explaining", "Explained"),
    "Network": ("checkpoints", "Network"),
    "Results": ("benchmark.running", "Results"),
    "Settings": ("benchmark.suite", "Settings"),
    "attribute": ("benchmark.measuring", "attribute"),
    "evaluate": ("evaluating", "evaluate"),
    "explain": ("explaining", "explain"),
    "load_checkpoint": ("checkpoints", "load_network"),
}


def __getattr__(name: str) -> Any:
    """Import the public functions on first use, so that `import raybench` loads no torch."""
    if name not in _PUBLIC:
        raise AttributeError(f"module 'raybench' has no attribute {name!r}")
    from importlib import import_module

    module, attribute_name = _PUBLIC[name]
    return getattr(import_module(f"raybench.{module}"), attribute_name)
