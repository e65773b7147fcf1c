"""Benchmarks of next to no work, on one thread: that they run is tested, never how long they take."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch

from perf.options import Options


@pytest.fixture
def options(monkeypatch: pytest.MonkeyPatch) -> Iterator[Options]:
    """Everything tiny, in this process."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield Options(rounds=1, cores=1, quick=True)
    torch.set_num_threads(threads)
