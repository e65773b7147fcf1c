"""Do methods say the same? The maps that runs keep for their galleries, pair by pair."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import PIL.Image
from numpy.typing import NDArray
from scipy.special import stdtrit

from ...base import RaybenchError
from ..results import gallery_images, map_path, read_choice, read_map, safe_name
from .rows import MeasuredRow, find_rows

Floats = NDArray[np.float64]

_SIDE, _TOP = 56, 157
"""Maps are compared at 56 x 56, and their hottest 5 % there."""
_WINDOW = 7

_MEASURES = {"spearman": "rank correlation", "ssim": "SSIM", "overlap": "overlap of the hottest 5 %"}
"""How alike two maps are, with words; each is 1 for equal maps."""
_LISTED = 5


@dataclass(frozen=True, eq=False)
class MapAgreement:
    """How alike the maps of R rows are, on the queries of which all keep one.

    Attributes:
        rows: names.
        queries: (`safe_name` of the image, class) of each of Q queries.
        values: by measure (R, R, Q).
    """

    rows: tuple[str, ...]
    queries: tuple[tuple[str, int], ...]
    values: dict[str, Floats]

    def mean(self, measure: str) -> Floats:
        """Mean over queries: (R, R)."""
        found: Floats = self.values[measure].mean(axis=2)
        return found

    def interval(self, measure: str) -> tuple[Floats, Floats]:
        """Ends of the 95 % t interval with images as units: (R, R) each, NaN for a single image."""
        _, image = np.unique([name for name, _ in self.queries], return_inverse=True)
        counts = np.bincount(image)
        of_images = (
            np.stack([np.bincount(image, one) for one in self._flat(measure)], axis=1) / counts[:, None]
        )
        if len(counts) < 2:
            nothing = np.full((len(self.rows),) * 2, np.nan)
            return nothing, nothing
        reach = stdtrit(len(counts) - 1, 0.975) * of_images.std(axis=0, ddof=1) / np.sqrt(len(counts))
        mean, reach = of_images.mean(axis=0).reshape(len(self.rows), -1), reach.reshape(len(self.rows), -1)
        return np.maximum(mean - reach, -1), np.minimum(mean + reach, 1)

    @property
    def pairs(self) -> list[tuple[int, int]]:
        """Pairs of rows, the least alike first."""
        mean = self.mean("spearman")
        pairs = zip(*np.triu_indices(len(self.rows), 1), strict=True)
        return sorted(((int(a), int(b)) for a, b in pairs), key=lambda pair: mean[pair])

    def _flat(self, measure: str) -> Floats:
        return self.values[measure].reshape(len(self.rows) ** 2, -1)


def compare_maps(*folders: str | Path) -> MapAgreement:
    """Compare the maps that rows of runs keep in their galleries, of the queries that were drawn at random.

    A run keeps those of as many queries as its suite's `gallery` says, in 256 levels and at most 320 pixels
    wide. All are brought to 56 x 56 by the mean over areas.

    Args:
        folders: runs, checkpoints or rows; see `find_rows`.

    Raises:
        RaybenchError: fewer than two rows, no query of which all rows keep a map, or a damaged file.
    """
    rows = [row for folder in folders for row in find_rows(folder)]
    kept = [set(_kept(row)) for row in rows]
    queries = sorted(set.intersection(*kept)) if kept else []
    if len(rows) < 2 or not queries:
        raise RaybenchError(
            f"{' and '.join(map(str, folders))}: {len(rows)} rows, with maps of {len(queries)} queries; "
            "it takes two rows, and a run that kept maps, of 200 queries with `gallery: 200` in its suite"
        )
    maps = [np.stack([_small(row, *query) for query in queries]) for row in rows]
    looks = [[_Look.of(one) for one in of_row] for of_row in maps]
    values = {name: np.ones((len(rows), len(rows), len(queries))) for name in _MEASURES}
    for a, b in zip(*np.triu_indices(len(rows), 1), strict=True):
        found = np.array([one.alike(other) for one, other in zip(looks[a], looks[b], strict=True)])
        for place, name in enumerate(_MEASURES):
            values[name][a, b] = values[name][b, a] = found[:, place]
    return MapAgreement(_names(rows, folders), tuple(queries), values)


def agreement_matrices(found: MapAgreement) -> dict[str, Floats]:
    """Means over queries (R, R) by words for the measure."""
    return {words: found.mean(name) for name, words in _MEASURES.items()}


def agreement_lines(found: MapAgreement) -> list[str]:
    """Name the pairs that are least and most alike, each with the query on which it is least so."""
    low, high = found.interval("spearman")
    mean, pairs = found.mean("spearman"), found.pairs
    lines = [f"rank correlation of maps at {_SIDE} x {_SIDE}, mean over {len(found.queries)} queries"]
    for words, chosen in (("least alike", pairs[:_LISTED]), ("most alike", pairs[: -_LISTED - 1 : -1])):
        for a, b in chosen:
            image, index = found.queries[int(found.values["spearman"][a, b].argmin())]
            interval = f" ({low[a, b]:.2f} to {high[a, b]:.2f})" if low[a, b] == low[a, b] else ""
            names = f"{found.rows[a]} and {found.rows[b]}"
            lines.append(f"{words}: {names}: {mean[a, b]:.2f}{interval}; least on {image}, class {index}")
    return lines


def agreement_csv(found: MapAgreement) -> str:
    """Write a row for each pair and measure: mean, interval, and how many queries there are."""
    lines = ["first,second,measure,mean,ci_low,ci_high,queries"]
    for name in _MEASURES:
        mean, (low, high) = found.mean(name), found.interval(name)
        for a, b in found.pairs:
            cells = (found.rows[a], found.rows[b], name, mean[a, b], low[a, b], high[a, b])
            lines.append(",".join(f'"{one}"' if isinstance(one, str) else f"{one:.9g}" for one in cells))
            lines[-1] += f",{len(found.queries)}"
    return "\n".join(lines) + "\n"


def _kept(row: MeasuredRow) -> Iterator[tuple[str, int]]:
    """Queries of which a row keeps a map; those that were chosen for what they show are left out."""
    chosen = {
        (safe_name(one.image_id), one.class_index)
        for one in read_choice(row.run.path).queries
        if one.reason != "random"
    }
    for image in gallery_images(row.run.path):
        for index in image.class_indices:
            query = image.folder.name, index
            path = map_path(row.run.path, row.checkpoint, row.attribution, *query)
            if query not in chosen and path.is_file():
                yield query


def _small(row: MeasuredRow, image: str, class_index: int) -> Floats:
    heat = read_map(map_path(row.run.path, row.checkpoint, row.attribution, image, class_index))
    small = PIL.Image.fromarray(heat.astype(np.float32)).resize((_SIDE, _SIDE), PIL.Image.Resampling.BOX)
    return np.asarray(small, dtype=np.float64)


def _names(rows: Sequence[MeasuredRow], folders: Sequence[str | Path]) -> tuple[str, ...]:
    """Name rows by what tells them apart: method, checkpoint and method, or the run too."""
    for names in ([row.attribution for row in rows], [str(row) for row in rows]):
        if len(set(names)) == len(rows):
            return tuple(names)
    return tuple(f"{row} in {row.run.path.name}" for row in rows)


@dataclass(frozen=True, eq=False)
class _Look:
    """What of a map (56, 56) is compared: its ranks, its values from 0 to 1, and how much each is hottest."""

    ranks: Floats
    values: Floats
    hottest: Floats

    @classmethod
    def of(cls, heat: Floats) -> _Look:
        from scipy.stats import rankdata  # takes as long to import as a whole comparison of values

        flat = heat.ravel()
        ranks, least = rankdata(flat) - (flat.size + 1) / 2, np.sort(flat)[-_TOP]
        above, at = flat > least, flat == least
        return cls(ranks, heat / (heat.max() or 1.0), above + at * ((_TOP - above.sum()) / at.sum()))

    def alike(self, other: _Look) -> tuple[float, float, float]:
        """Rank correlation, SSIM, and the share of the hottest pixels that both have."""
        lengths = np.linalg.norm(self.ranks) * np.linalg.norm(other.ranks)
        correlation = float(self.ranks @ other.ranks / lengths) if lengths else 0.0
        overlap = float(np.minimum(self.hottest, other.hottest).sum() / _TOP)
        return correlation, _structural(self.values, other.values), overlap


def _structural(one: Floats, other: Floats) -> float:
    """Mean SSIM in windows of 7 x 7 of maps from 0 to 1 (Wang et al., TIP 2004)."""
    from scipy.ndimage import uniform_filter

    means = [uniform_filter(part, _WINDOW) for part in (one, other, one * one, other * other, one * other)]
    first, second, square, square2, product = means
    sample = _WINDOW**2 / (_WINDOW**2 - 1)
    spread, together = sample * (square + square2 - first**2 - second**2), sample * (product - first * second)
    found = (2 * first * second + 1e-4) * (2 * together + 9e-4)
    found = found / ((first**2 + second**2 + 1e-4) * (spread + 9e-4))
    inside = slice(_WINDOW // 2, -(_WINDOW // 2))
    return float(found[inside, inside].mean())
