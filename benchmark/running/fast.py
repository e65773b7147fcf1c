"""`--fast`: try the options that cost little accuracy on a sample, and keep those that pay."""

from __future__ import annotations

import itertools
import math
import os
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from ...base import RaybenchError
from ...checkpoints import Compile
from ..results import ResultFiles, read_manifest
from ..suite import Settings, Suite
from .machine.devices import pick_device
from .progress import Reporter

if TYPE_CHECKING:
    from .run import Results


LARGEST_DIFFERENCE = 0.1
"""Points by which no summarised value of the sample may move."""

_WORTH = 1.03
"""An option has to be so many times faster to be kept."""

_SAMPLE = {"cuda": 2000, "cpu": 32}

_KEY = ["checkpoint", "attribution", "metric", "aggregate"]


@dataclass(frozen=True)
class _Option:
    """Something that may be faster, tried with what was kept before it; at most one of a kind is kept."""

    kind: str
    words: str
    changes: Mapping[str, str]
    compile: Compile = "no"

    def applied(self, settings: Settings) -> Settings:
        """Return the settings with this option."""
        how = settings.compile if self.compile == "no" else self.compile
        return replace(settings, protocol={**settings.protocol, **self.changes}, compile=how)


_OPTIONS = {
    "cuda": (
        _Option("pictures", "decode and resize on the device", {"decode": "device", "resize": "device"}),
        _Option("pictures", "resize on the device", {"resize": "device"}),
        _Option("precision", "bfloat16", {"precision": "bfloat16"}),
        _Option("precision", "tf32", {"precision": "tf32"}),
        _Option("compile", "compile the stages", {}, "stages"),
    ),
    "cpu": (
        _Option("pictures", "resize by torch", {"resize": "device"}),
        _Option("precision", "bfloat16", {"precision": "bfloat16"}),
    ),
}


@dataclass(frozen=True)
class _Trial:
    images_per_second: float
    summary: pd.Series

    def difference(self, other: _Trial) -> float:
        """Largest difference of any summarised value, in points."""
        both = pd.concat([self.summary, other.summary], axis=1, keys=["ours", "theirs"])
        gone = both["ours"].isna() != both["theirs"].isna()
        return float("inf") if gone.any() else float((both["ours"] - both["theirs"]).abs().max())


def choose_fast(
    source: str | Path | Suite, settings: Settings, evaluate: Callable[..., Results], reporter: Reporter
) -> Settings:
    """Return the settings with the options that keep every value within a tenth of a point of the exact run.

    Each option is tried on the first images of the dataset, together with those kept before it, and kept if
    no value of the summary moves by more than `LARGEST_DIFFERENCE` points and the run is faster. A folder
    that holds results goes on with the options it was begun with.

    Args:
        source: the suite, as `evaluate` takes it.
        settings: how; its own options are where the trials begin.
        evaluate: runs a suite, without a word.
        reporter: is told what each option brought.

    Raises:
        RaybenchError: the suite names no checkpoint, or torchrun started several processes.
    """
    if int(os.environ.get("WORLD_SIZE", "1")) > 1:
        raise RaybenchError(
            "--fast tries its options in one process: run it without torchrun on a few images (--limit), "
            "then give torchrun the options that it found"
        )
    known = _chosen_before(settings)
    if known is not None:
        reporter.say(f"--fast: {settings.out} goes on with the options that it was begun with")
        return known
    device = pick_device(settings.device).type
    sample = min(_SAMPLE[device], settings.limit or _SAMPLE[device])
    settings.out.mkdir(parents=True, exist_ok=True)
    reporter.say(f"--fast: trying what is faster on {sample} images; values may move by {LARGEST_DIFFERENCE}")
    with tempfile.TemporaryDirectory(prefix=".fast-", dir=settings.out) as folder:
        tried = replace(settings, limit=sample, fresh=True, fast=False)
        numbers = itertools.count()

        def trial(changed: Settings) -> _Trial:
            out = Path(folder) / str(next(numbers))
            results = evaluate(source, replace(changed, out=out))
            if not results.manifest["checkpoints"]:
                raise RaybenchError("there is no checkpoint, so there is nothing for --fast to speed up")
            return _Trial(results.manifest["images_per_second"], results.summary.set_index(_KEY)["value"])

        kept, report = _kept(_OPTIONS[device], tried, trial, reporter.say)
    return replace(
        settings, protocol=kept.protocol, compile=kept.compile, fast=False, fast_report=tuple(report)
    )


def _chosen_before(settings: Settings) -> Settings | None:
    """Return the options of the results that lie in the folder, or None if there are none to go on with."""
    path = ResultFiles(settings.out).manifest
    if settings.fresh or not path.is_file():
        return None
    manifest = read_manifest(path)
    fields = manifest["protocol"]["fields"]
    changes = {key: fields[key] for key in ("decode", "resize", "precision") if key in fields}
    how: Compile = manifest.get("compute", {}).get("compile", "no")
    return replace(settings, protocol={**settings.protocol, **changes}, compile=how, fast=False)


def _kept(
    options: Sequence[_Option],
    kept: Settings,
    trial: Callable[[Settings], _Trial],
    say: Callable[[str], None],
) -> tuple[Settings, list[dict[str, Any]]]:
    """Try options one after the other; return the settings with those that pay, and a report on each."""
    report = []
    trial(kept)  # what starts up with the first run is not charged to any option
    exact = best = trial(kept)
    kinds: set[str] = set()
    for option in options:
        if option.kind in kinds:
            continue
        tried = option.applied(kept)
        entry: dict[str, Any] = {"option": option.words, "speed": None, "difference": None, "used": False}
        report.append(entry)
        try:
            if option.compile != "no":
                trial(tried)  # compiling takes longer than the sample, and nothing of a long run
            found = trial(tried)
        except (RaybenchError, RuntimeError) as error:
            reason = str(error).partition("\n")[0]
            say(f"--fast: {option.words}: failed ({reason}); not used")
            continue
        difference, speed = exact.difference(found), found.images_per_second / best.images_per_second
        used = difference <= LARGEST_DIFFERENCE and speed >= _WORTH
        entry |= {"speed": round(speed, 3), "used": used}
        entry["difference"] = difference if math.isfinite(difference) else None
        say(
            f"--fast: {option.words}: {speed:.2f} times as fast, values move by up to {difference:.3f} points"
            f"{'' if used else '; not used'}"
        )
        if used:
            kept, best = tried, found
            kinds.add(option.kind)
    say(f"--fast: {best.images_per_second / exact.images_per_second:.2f} times as fast as the exact run")
    return kept, report
