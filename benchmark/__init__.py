"""How it is measured: datasets, metrics, protocols, the runner, and what is made of the results.

The public functions are `raybench.evaluate` and `raybench.attribute`.
"""

import sys
from importlib import import_module
from types import ModuleType
from typing import Any


class _Moved(ModuleType):
    """Where scripts written before the rooms find what they import, which lies in a room now."""

    room: str

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        found = getattr(import_module(f"{__name__}.{self.room}"), name)
        return _from_bound_metrics(found) if name == "write_summary" else found


def _from_bound_metrics(write_summary: Any) -> Any:
    def write(out: Any, manifest: Any, metrics: Any, image_ids: Any, classes: Any) -> None:
        write_summary(out, manifest, [bound.metric for bound in metrics], image_ids, len(classes))

    return write


for _name, _room in {"protocol": "suite", "single": "measuring", "summary": "results"}.items():
    sys.modules[f"{__name__}.{_name}"] = _module = _Moved(f"{__name__}.{_name}")
    _module.room = _room
