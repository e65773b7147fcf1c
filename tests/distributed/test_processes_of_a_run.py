"""A run divided over processes of one machine: the same bytes, and one sentence when one of them fails."""

from __future__ import annotations

import multiprocessing
import os
import shutil
import signal
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
from commands_running import start_command
from tiny_suite import IMAGES, TinySuite, manifest_of, result_bytes

from raybench.attributions import ATTRIBUTIONS, Attribution
from raybench.base.errors import RaybenchError
from raybench.benchmark.running.machine.crew import Crew, drawn
from raybench.benchmark.running.machine.processes import divide, threads_limited
from raybench.benchmark.running.run import evaluate
from raybench.benchmark.suite.settings import Settings

measuring = sys.modules["raybench.benchmark.measuring.measure"]

forking = pytest.mark.skipif(sys.platform in ("darwin", "win32"), reason="processes are forked")


def settings(tiny: TinySuite, out: str, **changes: object) -> Settings:
    return Settings(**{"data": {"shapes": tiny.data}, "out": tiny.folder / out, "workers": 0, **changes})


@forking
def test_any_number_of_processes_writes_the_same_bytes(tiny: TinySuite) -> None:
    evaluate(tiny.suite, settings(tiny, "one", processes=1))
    for processes in (2, 5):
        evaluate(tiny.suite, settings(tiny, "several", processes=processes, fresh=True))
        assert result_bytes(tiny.folder / "several") == result_bytes(tiny.folder / "one")
        assert not list((tiny.folder / "several").rglob("*.part-*"))
        assert manifest_of(tiny.folder / "several")["processes"] == processes
        assert manifest_of(tiny.folder / "several")["measured_images"] == 2 * IMAGES
    assert len(list((tiny.folder / "several/second/gradient/gallery").glob("*.png"))) == 2


@forking
def test_processes_with_loader_workers_and_a_larger_machine_write_the_same_bytes(tiny: TinySuite) -> None:
    evaluate(tiny.suite, settings(tiny, "one", processes=1))
    evaluate(tiny.suite, settings(tiny, "several", processes=2, workers=1))
    assert result_bytes(tiny.folder / "several") == result_bytes(tiny.folder / "one")


@forking
def test_each_process_may_compute_with_several_threads(tiny: TinySuite) -> None:
    words = ["run", tiny.suite, "--data", f"shapes={tiny.data}", "--threads", 2]
    for processes in (1, 2):
        out = ["--out", tiny.folder / f"{processes}", "--processes", processes]
        start_command(*words, *out, said=tiny.folder / "said").finish()
    assert result_bytes(tiny.folder / "2") == result_bytes(tiny.folder / "1")


def test_threads_of_the_machine_change_no_byte_and_are_restored(tiny: TinySuite) -> None:
    with threads_limited(2):
        evaluate(tiny.suite, settings(tiny, "two", processes=1))
        assert torch.get_num_threads() == 2
    with threads_limited(1):
        evaluate(tiny.suite, settings(tiny, "one", processes=1))
    assert result_bytes(tiny.folder / "two") == result_bytes(tiny.folder / "one")
    assert manifest_of(tiny.folder / "two")["device"]["threads"] == 1


@forking
def test_mistake_in_one_process_ends_all_and_what_is_measured_stays(tiny: TinySuite) -> None:
    data = tiny.folder / "data"
    shutil.copytree(tiny.data, data)
    picture = sorted((data / "val").glob("*.jpg"))[9]
    content = picture.read_bytes()
    picture.write_bytes(b"no picture")
    strict = settings(tiny, "out", data={"shapes": data}, processes=2, strict=True)
    with pytest.raises(RaybenchError, match=f"{picture.name}.*--strict"):
        evaluate(tiny.suite, strict)
    assert not multiprocessing.active_children()
    picture.write_bytes(content)
    evaluate(tiny.suite, replace(strict, processes=3))
    evaluate(tiny.suite, settings(tiny, "whole"))
    assert result_bytes(tiny.folder / "out") == result_bytes(tiny.folder / "whole")


def with_method(monkeypatch: pytest.MonkeyPatch, function: Callable[..., torch.Tensor]) -> None:
    monkeypatch.setitem(ATTRIBUTIONS._entries, "odd", Attribution("odd", function))


@forking
def test_killed_process_is_one_sentence_that_says_how_to_go_on(
    tiny: TinySuite, monkeypatch: pytest.MonkeyPatch
) -> None:
    def die(_network: object, images: torch.Tensor, image_index: torch.Tensor, *_: object) -> torch.Tensor:
        if multiprocessing.parent_process() is not None:  # not in the rehearsal
            os.kill(os.getpid(), signal.SIGKILL)
        return torch.ones(len(image_index), 1, 1)

    with_method(monkeypatch, die)
    with pytest.raises(RaybenchError, match="one of the 2 processes .* was killed by SIGKILL.*run again"):
        evaluate(tiny.with_suite(attributions=["odd"]), settings(tiny, "out", processes=2))
    assert not multiprocessing.active_children()


@forking
def test_fault_of_a_method_in_a_process_is_one_sentence_with_its_line(
    tiny: TinySuite, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_network: object, images: torch.Tensor, image_index: torch.Tensor, *_: object) -> torch.Tensor:
        if multiprocessing.parent_process() is not None:  # not in the rehearsal
            raise ZeroDivisionError("by nothing")
        return torch.ones(len(image_index), 1, 1)

    with_method(monkeypatch, fail)
    with pytest.raises(RaybenchError, match=r"'odd'.*ZeroDivisionError: by nothing, at .*\.py, line \d+"):
        evaluate(tiny.with_suite(attributions=["odd"]), settings(tiny, "out", processes=2))


@forking
def test_killed_run_leaves_no_process_behind(tiny: TinySuite) -> None:
    suite = tiny.with_suite(protocol={"name": "aaai21", "short_side": 320})
    words = ["run", suite, "--out", tiny.folder / "out", "--data", f"shapes={tiny.data}", "--processes", 2]
    running = start_command(*words, said=tiny.folder / "said")
    shard = tiny.folder / "out/first/grad_cam/records.part-1.csv"
    while running.is_running() and not (shard.exists() and shard.stat().st_size):
        time.sleep(0.002)
    running.kill()
    assert running.leaves_nobody_within(30)
    evaluate(suite, settings(tiny, "out", processes=2))
    evaluate(suite, settings(tiny, "whole"))
    assert result_bytes(tiny.folder / "out") == result_bytes(tiny.folder / "whole")


def test_each_position_is_drawn_once_whoever_draws() -> None:
    counter, found, lock = Crew().counter("images"), [], threading.Lock()

    def locked(amount: int) -> int:
        with lock:
            return counter(amount)

    def take(at_once: int) -> None:
        found.extend(drawn(locked, 1003, at_once))

    takers = [threading.Thread(target=take, args=(at_once,)) for at_once in (1, 7, 32)]
    for taker in takers:
        taker.start()
    for taker in takers:
        taker.join()
    assert sorted(found) == list(range(1003))


def test_a_cpu_is_divided_into_processes_of_one_thread() -> None:
    cpu = torch.device("cpu")
    with threads_limited(6):
        default = divide(Settings(), cpu, Crew())
        assert divide(Settings(threads=2), cpu, Crew()).threads == 2
        under_torchrun = divide(Settings(), cpu, Crew(rank=1, size=4))
        assert (under_torchrun.threads, under_torchrun.processes) == (1, 1)
        if sys.platform == "linux":
            assert (default.threads, default.processes) == (1, 6)
            assert divide(Settings(threads=2), cpu, Crew()).processes == 3
            assert [default.processes_for(images) for images in (0, 5, 15, 16, 1000)] == [1, 1, 1, 2, 6]
            assert [divide(Settings(processes=3), cpu, Crew()).processes_for(n) for n in (1, 2, 9)] == [
                1,
                2,
                3,
            ]


@pytest.mark.parametrize(("device", "crew"), [("cuda", Crew()), ("cpu", Crew(rank=0, size=2))])
def test_processes_beside_torchrun_or_gpus_are_refused(device: str, crew: Crew) -> None:
    with pytest.raises(RaybenchError, match="--processes 2 .*torchrun --nproc-per-node=2 -m raybench run"):
        divide(Settings(processes=2), torch.device(device), crew)


def test_batch_that_does_not_fit_is_halved_and_nothing_is_lost(
    tiny: TinySuite, monkeypatch: pytest.MonkeyPatch
) -> None:
    eights = settings(tiny, "out", batch_size=8)
    suite = tiny.with_suite(checkpoints=[], attributions=["random"], metrics=["pointing_game"])
    evaluate(suite, replace(eights, out=tiny.folder / "whole"))
    predicted, sizes = measuring.predicted, []

    def with_little_room(batch, *rest):  # type: ignore[no-untyped-def]
        sizes.append(len(batch.images))
        if len(batch.images) > 2:  # after some rows are on disk
            raise torch.OutOfMemoryError("CUDA out of memory")
        return predicted(batch, *rest)

    monkeypatch.setattr(measuring, "predicted", with_little_room)
    results = evaluate(suite, eights)
    assert results.manifest["largest_batch"] == 2
    assert sizes == [8, 4, 2, 2, 2, 2, 2, 2]
    assert results.manifest["measured_images"] == IMAGES
    assert result_bytes(tiny.folder / "out") == result_bytes(tiny.folder / "whole")
