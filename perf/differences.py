"""How far the records of one run lie from those of another, query by query."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

_KEYS = ["image_id", "class_index"]


def compare(expected: Path, found: Path) -> list[str]:
    """Compare all records of two result folders.

    Returns:
        Cells of a table: how many records are the same to the last digit, of those of `expected`; the largest
        differences of SPG and of CH, in points; how many queries one run hits and the other misses, and of
        how many another pixel is the most salient.
    """
    pairs, total = [], 0
    for path in sorted(expected.rglob("records.csv")):
        left, right = (
            pd.read_csv(one, dtype=str, keep_default_na=False)
            for one in (path, found / path.relative_to(expected))
        )
        pairs.append(left.merge(right, on=_KEYS))
        total += len(left)
    both = pd.concat(pairs)
    names = [name.removesuffix("_x") for name in both.columns if name.endswith("_x")]
    same = pd.DataFrame({name: both[f"{name}_x"].eq(both[f"{name}_y"]) for name in names})
    equal, missing = int(same.all(axis=1).sum()), total - len(both)
    if equal == total:
        return [f"all {total}", "0", "0", "0", "0"]
    metrics = ("stochastic_pointing_game", "content_heatmap")
    gaps = [(both[f"{name}_x"].astype(float) - both[f"{name}_y"].astype(float)).abs() for name in metrics]
    moved = ~(same["point_x"] & same["point_y"])
    return [
        f"{equal} of {len(both)}" + (f", {missing} missing" if missing else ""),
        *(f"{gap.max():.3g}" for gap in gaps),
        str(int((~same["pointing_game"]).sum())),
        str(int(moved.sum())),
    ]
