"""Reads what trainers write beside tensors without running or importing any of it."""

from __future__ import annotations

import sys
from _compat_pickle import IMPORT_MAPPING
from pathlib import Path
from typing import Any

import torch

_KINDS = (
    *("list", "dict", "set", "frozenset", "tuple", "int", "float"),
    *("complex", "str", "bytes", "bytearray", "bool"),
)
_PLAIN_DATA = {
    *("argparse.Namespace", "types.SimpleNamespace", "uuid.UUID", "decimal.Decimal", "fractions.Fraction"),
    *("torch.torch_version.TorchVersion", "_codecs.encode"),
    *(f"{module}.{kind}" for module in ("builtins", "__builtin__") for kind in _KINDS),
}
_PLAIN_MODULES = ("pathlib", "datetime", "collections", "zoneinfo")
"""Values of Python's own that say something of a training; else what it names there may be for running."""


class Inert:
    """Stands where a file names a class or a function: takes whatever that was given, and does nothing."""

    def __new__(cls, *_: Any, **__: Any) -> Inert:
        """Take any arguments."""
        return object.__new__(cls)

    def __init__(self, *_: Any, **__: Any) -> None:
        """Take any arguments."""

    def __setstate__(self, state: Any) -> None:
        """Take any state."""


def load_inertly(path: Path, **options: Any) -> Any:
    """Load a file of `torch.save` by torch's safe unpickler, with stand-ins for values beside its tensors.

    Names of torch itself, whose objects would hold the tensors, of functions of Python's and of its modules
    that do things get no stand-in, so that such files are refused.

    Raises:
        pickle.UnpicklingError: it needs something else, or is damaged; `torch.load` raises much besides.
    """
    named = torch.serialization.get_unsafe_globals_in_checkpoint(str(path))
    stand_ins: list[Any] = [(_stand_in(name), name) for name in named if _is_data(name)]
    with torch.serialization.safe_globals(stand_ins):
        return torch.load(path, map_location="cpu", weights_only=True, **options)


def _stand_in(name: str) -> Any:
    if name == "collections.defaultdict":
        return _plain  # entries are put into it, which the unpickler lets happen to plain ones alone
    module, _, short = name.rpartition(".")
    return type(short, (Inert,), {"__module__": module})


def _plain(*_: Any) -> dict[Any, Any]:
    return {}


def _is_data(name: str) -> bool:
    """Say whether a name is of data: a class of somebody's own, or one of few of Python's."""
    if name in _PLAIN_DATA or name.partition(".")[0] in _PLAIN_MODULES:
        return True
    module = name.rpartition(".")[0]
    root = IMPORT_MAPPING.get(module, module).partition(".")[0]  # pickles name modules as Python 2 did
    return bool(root) and root not in {*sys.stdlib_module_names, "torch", "torchvision"}
