"""Ways of doing the same work, each timed from pictures on disk: ours, the bare network, the ancestors'."""

from __future__ import annotations

import dataclasses
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from raybench import Settings, evaluate

from .ancestors import three_scripts, torchray
from .floors import FLOORS
from .work import Work, Yield


def raybench(work: Work) -> Yield:
    """`raybench run`: all three localisation metrics, records and summary on disk."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "out"
        settings = Settings(data=work.data, out=out, limit=work.limit, processes=work.cores, device="cpu")
        results = evaluate(work.suite(), settings)
        manifest = results.manifest
        records = results.records(manifest["checkpoints"][0]["name"], work.attribution)
    images = manifest["measured_images"] - len(manifest["without_queries"])
    hits = int((records["pointing_game"] == 100).sum())
    return Yield(manifest["measuring_seconds"], images, len(records), hits)


WAYS: dict[str, Callable[[Work], Yield]] = {
    "raybench": raybench,
    "torchray": torchray,
    "three_scripts": three_scripts,
    **FLOORS,
}


def run(way: str, **fields: Any) -> dict[str, Any]:
    """Do the work of these fields in one way."""
    return dataclasses.asdict(WAYS[way](Work(**fields)))
