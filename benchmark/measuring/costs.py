"""What each method's maps cost: time on the device, as if the method had run alone."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, NamedTuple

import torch


class Cost(NamedTuple):
    """How long some maps took: `maps` of them in `seconds`."""

    maps: int
    seconds: float


class CostMeter:
    """Times calls of methods without waiting for the device.

    Methods of one batch share passes through the network (see `raybench.attributions.sharing`): whoever asks
    first does the work. A method is charged for the passes that it reuses too, so that the order of a suite
    does not decide what is cheap. The first call of each method is left out if there are others: it pays for
    memory and for libraries that start up.
    """

    def __init__(self, device: torch.device) -> None:
        """Time work on `device`."""
        self._on_gpu = device.type == "cuda"
        self._calls: dict[str, list[tuple[int, list[tuple[Any, Any]]]]] = defaultdict(list)
        self._spans: list[tuple[Any, Any]] = []

    @contextmanager
    def timed(self, name: str, maps: int) -> Iterator[None]:
        """Charge what happens inside to the method `name`, for so many maps; nothing if it raises."""
        self._spans = []
        start = self.mark()
        yield
        self._calls[name].append((maps, [*self._spans, (start, self.mark())]))
        self._settle(name)

    def mark(self) -> Any:
        """Return this moment, in the device's own order of work."""
        if not self._on_gpu:
            return time.perf_counter()
        event = torch.cuda.Event(enable_timing=True)  # type: ignore[no-untyped-call]
        event.record()
        return event

    def reused(self, start: Any, stop: Any) -> None:
        """Charge the method at work for a pass that another one did between two marks."""
        self._spans.append((start, stop))

    def totals(self) -> dict[str, Cost]:
        """Return the cost of each method; waits for the device."""
        if self._on_gpu:
            torch.cuda.synchronize()
        found = {}
        for name, calls in self._calls.items():
            counted = calls[1:] or calls
            seconds = sum(_seconds(start, stop) for _, spans in counted for start, stop in spans)
            found[name] = Cost(sum(maps for maps, _ in counted), seconds)
        return found

    def _settle(self, name: str) -> None:
        """Fold calls that are over into one, so that long runs do not gather marks."""
        calls = self._calls[name]
        if len(calls) < 64:
            return
        done = [call for call in calls[1:] if not self._on_gpu or all(stop.query() for _, stop in call[1])]
        left = calls[1 + len(done) :]
        seconds = sum(_seconds(start, stop) for _, spans in done for start, stop in spans)
        if done:
            calls[1:] = [(sum(maps for maps, _ in done), [(0.0, seconds)]), *left]


def _seconds(start: Any, stop: Any) -> float:
    """Seconds between two marks: moments of a clock, or events of a GPU."""
    return float(stop - start if isinstance(stop, float) else start.elapsed_time(stop) / 1000)


def add_costs(manifest: dict[str, Any], checkpoint: str, costs: Mapping[str, Cost]) -> None:
    """Add the costs of one checkpoint's methods to the manifest's, which resumed runs go on adding to."""
    known = manifest.setdefault("costs", {}).setdefault(checkpoint, {})
    for name, cost in costs.items():
        before = known.get(name, {"maps": 0, "seconds": 0.0})
        known[name] = {
            "maps": before["maps"] + cost.maps,
            "seconds": round(before["seconds"] + cost.seconds, 6),
        }
