"""How often forged results pass `raybench check --remeasure`: attacks on the records of a real run, by lot.

`python -m perf.attacks RUN` takes the result folder of a run with several classes per picture, sampled SPG
and predictions, forges its records, and judges draws of images as the check does: `before`, each value alone
within its tolerance, and `now`. Another kind of processor is assumed, which allows most, and honest rounding
added.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from raybench.benchmark.metrics import METRICS, bind_metric
from raybench.benchmark.results import read_manifest, read_predictions, read_records
from raybench.benchmark.statistics import Facts
from raybench.benchmark.submission.agreement import OTHER, Agreement, compare_records
from raybench.benchmark.submission.remeasure import compare_predictions
from raybench.benchmark.submission.report import Findings, chance_to_pass

TIMES = 100
PG, SPG, CH = "pointing_game", "stochastic_pointing_game", "content_heatmap"


@dataclass(frozen=True)
class Attack:
    """Forged rows, those that were measured, and what of them lies at pixels or logits that are as high."""

    words: str
    size: str
    forged: pd.DataFrame
    measured: pd.DataFrame
    metrics: tuple[Facts, ...]
    classes: int = 0

    def passes(self, chosen: set[str], *, together: bool) -> bool:
        """Whether a draw of images finds nothing."""
        rows = [frame[frame["image_id"].isin(chosen)] for frame in (self.forged, self.measured)]
        agreement, findings = Agreement(allowance=OTHER), Findings()
        if self.classes:
            # before, any one class a picture might come or go
            high = (lambda *_: False) if together else (lambda *_: True)
            compare_predictions("p", rows[0], rows[1], self.metrics, self.classes, high, agreement)
        else:
            compare_records("r", rows[0], rows[1], self.metrics, lambda *_: {PG: 100.0}, agreement)
        if together:
            agreement.report(findings)
        return not agreement.faults and not findings.all


def attacks(records: pd.DataFrame, predictions: pd.DataFrame, metrics: tuple[Facts, ...]) -> Iterator[Attack]:
    """Yield each attack, on the rows of one method."""
    noise = 1 + np.random.default_rng(0).normal(0, 1e-6, len(records))
    measured = records.assign(**{CH: records[CH] * noise})

    def forge(
        words: str, column: str, change: Callable[[pd.Series[float]], pd.Series[float]], **more: object
    ) -> Attack:
        forged = records.assign(**{column: change(records[column]), **more})
        size = f"{column_label(column)} {(forged[column] - records[column]).mean():+.2f}"
        return Attack(words, size, forged, measured, metrics)

    yield Attack("none: honest rounding", "", records, measured, metrics)
    for share in (0.0009, 0.0002):
        yield forge(f"every CH raised by {100 * share:g} % of itself", CH, lambda x, by=share: x * (1 + by))
    signs = np.where(np.arange(len(records)) % 2, 0.0009, -0.0001)
    yield forge(
        "every second CH raised by 0.09 %, the others lowered by 0.01 %", CH, lambda x: x * (1 + signs)
    )
    yield forge("SPG of 100 draws raised by three draws", SPG, lambda x: (x + 3).clip(upper=100))
    misses = records.index[records[PG] == 0]
    for count in (len(misses) // 2, 3):
        moved = records.index.isin(misses[:count])
        yield forge(
            f"{count} misses called hits at a pixel that is as salient", PG,
            lambda x, m=moved: x.mask(m, 100.0), point_x=records["point_x"] + moved,
        )  # fmt: skip
    for count in (1, 3):
        images = records["image_id"].isin(records.loc[misses, "image_id"].unique()[:count])
        yield forge(
            f"all CH of {count} of {records['image_id'].nunique()} images set to SPG",
            CH,
            lambda x, m=images: x.mask(m, records[SPG]),
        )
    wrong = predictions.assign(positives=[_mended(row) for row in predictions.itertuples()])
    f1 = (METRICS.get("f1_overall"),)
    changed = int((wrong["positives"] != predictions["positives"]).sum())
    yield Attack(
        "one class a picture exchanged in `positives`", f"{changed} pictures", wrong, predictions, f1, 80
    )


def _mended(row: object) -> str:
    """Take away one wrong class, or add one that was missed."""
    targets, found = ({int(word) for word in text.split()} for text in (row.targets, row.positives))  # type: ignore[attr-defined]
    wrong, missed = sorted(found - targets), sorted(targets - found)
    found -= set(wrong[:1])
    found |= set() if wrong else set(missed[:1])
    return " ".join(map(str, sorted(found)))


def column_label(name: str) -> str:
    """Short name of a metric."""
    return METRICS.get(name).label


def main(run: Path) -> None:
    """Print the table."""
    manifest = read_manifest(run / "run.json")
    metrics = tuple(
        bound.metric
        for name, options in manifest["metrics"].items()
        if (bound := bind_metric(name, options)).metric.per_query
    )
    path = sorted(run.glob("*/grad_cam/records.csv"))[0]
    records, predictions = read_records(path), read_predictions(path.parents[1] / "predictions.csv")
    images = sorted(set(records["image_id"]))
    draws = (len(images) // 4, len(images) // 2, len(images))
    print("| attack | size | " + " | ".join(f"before, {n} of {len(images)} | now" for n in draws) + " |")
    print("| --- | --- |" + " ---: | ---: |" * len(draws))
    for attack in attacks(records, predictions, metrics):
        cells = []
        for count in draws:
            random = np.random.default_rng(1)
            lots = [
                set(random.choice(images, count, replace=False))
                for _ in range(TIMES if count < len(images) else 1)
            ]
            for together in (False, True):
                share = np.mean([attack.passes(lot, together=together) for lot in lots])
                cells.append(f"{100 * share:.0f} %")
        print(f"| {attack.words} | {attack.size} | {' | '.join(cells)} |")
    print(
        "\n| images changed of 50,000 | 50 drawn | 200 drawn | 1,000 drawn | 5,000 drawn |\n| ---: |"
        + " ---: |" * 4
    )
    for changed in (25, 50, 250, 500, 2500):
        chances = [chance_to_pass(50_000, count, changed) for count in (50, 200, 1000, 5000)]
        words = [f"{100 * one:.2g} %" if one > 1e-3 else "< 0.1 %" for one in chances]
        print(f"| {changed:,} | {' | '.join(words)} |")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
