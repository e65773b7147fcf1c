"""Section `gpu`: end to end from JPEG files on one GPU, with pictures and weights that are made on the spot.

    python -m perf gpu
    python -m perf gpu --limit 50000 --only "resnet18 plain"

Needs no data and no network connection; takes about six minutes, after which variants are left out. With
`--device cpu` it does the same on a processor, for tests.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from ..apart import MeasurementError, apart
from ..cards import random_card
from ..command import Ran, run_suite
from ..differences import compare
from ..options import Options, Section
from ..pictures import made_annotations, make_pictures
from ..report import table
from ..ways.decoding import bare_forward, decode_by_pillow, decode_by_torchvision
from ..ways.work import METRICS
from .exactness import Variant

__all__ = ["GPU", "VARIANTS"]

VARIANTS = (
    Variant("plain"),
    Variant("TF32", ("--precision", "tf32")),
    Variant("bfloat16", ("--precision", "bfloat16")),
    Variant("decode on the device", ("--resize", "device", "--decode", "device")),
    Variant("resize on the device", ("--resize", "device")),
    Variant(
        "decode, resize, bfloat16", ("--decode", "device", "--resize", "device", "--precision", "bfloat16")
    ),
)
_QUICK = ("plain", "resize on the device")
_PICTURES, _SAMPLE, _BATCH = 4000, 64, 32
_SECONDS_IN_ALL, _SECONDS_EACH = 340.0, 100.0  # and what many pictures take beyond that
_ALL_OF_IMAGENET = 50_000


class _Bench(NamedTuple):
    """Where things are, and how long there is."""

    folder: Path
    pictures: Path
    total: int
    options: Options
    deadline: float
    short_side: int

    @property
    def seconds_left(self) -> float:
        return self.deadline - time.monotonic()


def measure(options: Options) -> list[str]:
    """Measure decoding, then each network in every variant."""
    networks = ("resnet18",) if options.quick else ("resnet18", "resnet50")
    known = [variant for variant in VARIANTS if not options.quick or variant.name in _QUICK]
    with tempfile.TemporaryDirectory(prefix="raybench-gpu-", dir=options.work) as name:
        folder, count = Path(name), options.pick(_PICTURES, 4)
        pictures = make_pictures(folder / "pictures", count, made_annotations(count))
        deadline = time.monotonic() + _SECONDS_IN_ALL + count / 200
        bench = _Bench(folder, pictures, count, options, deadline, 64 if options.quick else 448)
        lines = [_SAYS.format(count=count, short_side=bench.short_side), ""]
        lines += ["**Decoding alone**", "", *_decoding(bench)]
        for network in networks:
            variants = [variant for variant in known if options.wants(f"{network} {variant.name}")]
            if not variants:
                continue
            lines += [f"**{network}**", "", *_network(network, variants, bench)]
            if not options.quick:  # so that something is left of a run that is cut off
                print("\n".join(lines), flush=True)
    return lines


GPU = Section("gpu", measure)

_SAYS = (
    "{count:,} made JPEG files of common sizes, short side {short_side}, Grad-CAM and all three localisation "
    "metrics, random weights. The rate is end to end, from files to records, with what the first batches "
    "pay for start-up; so the time of 50,000 pictures is projected too high rather than too low. The bare "
    "forward pass runs on batches of the same shapes that lie on the device already; no run can be faster "
    "than the slower of it and of decoding. Differences are from a run on the processor, the largest of any "
    "query of a sample, in points."
)


def _decoding(bench: _Bench) -> list[str]:
    """Rates of decoding, and nothing else."""
    options, workers = bench.options, 0 if bench.options.quick else bench.options.cores
    folder = str(bench.pictures)
    rows = [
        [
            f"Pillow, {workers} workers",
            _rate(lambda: apart(decode_by_pillow, options, pictures=folder, workers=workers)),
        ],
        [
            f"torchvision, on the device ({options.device})",
            _rate(lambda: apart(decode_by_torchvision, options, pictures=folder, device=options.device)),
        ],
    ]
    return table(["decoder", "pictures per second"], rows)


def _rate(measured: Callable[[], Mapping[str, Any]]) -> str:
    try:
        return _number(measured()["per_second"])
    except Exception as error:  # one decoder that fails does not stop the others
        return f"failed: {_last_line(error)}"


def _network(architecture: str, variants: list[Variant], bench: _Bench) -> list[str]:
    """All variants of one network beside the bare forward pass, and their differences from the processor."""
    card = random_card(bench.folder / "cards", architecture)
    floors, note = _floors(card, bench)
    suite = {
        "protocol": {"name": "aaai21", "short_side": bench.short_side},
        "dataset": "imagenet",
        "checkpoints": [str(card)],
        "attributions": ["grad_cam"],
        "metrics": METRICS,
        "gallery": 0,
    }
    sample = 2 if bench.options.quick else _SAMPLE
    on_cpu = _run(suite, f"{architecture}-cpu", bench, ["--device", "cpu", "--limit", str(sample)])
    expected = None if on_cpu is None or on_cpu.code else bench.folder / f"{architecture}-cpu"
    rows = [
        [f"bare forward, {precision}", _number(rate), "", "", "", f"{_ALL_OF_IMAGENET / rate:.0f}", *[""] * 5]
        for precision, rate in floors.items()
    ]
    for number, variant in enumerate(variants):
        name = f"{architecture}-{number}"
        words = ["--device", bench.options.device, "--batch-size", str(_BATCH), *variant.options]
        ran = _run(suite, name, bench, words)
        rows.append([variant.name, *_cells(ran, floors, expected, bench.folder / name)])
    headings = [
        "way",
        "pictures per second",
        "time against the bare forward of that precision",
        "seconds measured",
    ]
    headings += ["seconds of the command", "seconds for 50,000, projected", "peak memory, MB"]
    headings += ["records equal to the processor's", "SPG", "CH", "hits that differ"]
    return [*note, *table(headings, rows)]


def _floors(card: Path, bench: _Bench) -> tuple[dict[str, float], list[str]]:
    """Pictures per second of the bare network, by precision; or none, and why."""
    try:
        rates = apart(
            bare_forward,
            bench.options,
            card=str(card),
            pictures=str(bench.pictures),
            device=bench.options.device,
            short_side=bench.short_side,
            batch_size=_BATCH if bench.options.device == "cuda" else 1,
        )
    except Exception as error:
        return {}, [f"The bare forward pass failed: {_last_line(error)}", ""]
    return {name: rate for name, rate in rates.items() if name != "peak_memory_mb"}, []


def _run(suite: Mapping[str, Any], name: str, bench: _Bench, words: list[str]) -> Ran | None:
    """Run a suite within the time that is left; None if there is none."""
    if bench.seconds_left < 10:
        return None
    timeout_s = min(_SECONDS_EACH + bench.total / 200, bench.seconds_left)
    words = ["--data", f"imagenet={bench.pictures}", *words]
    return run_suite({**suite, "name": name}, bench.folder, bench.options, words, timeout_s)


def _cells(ran: Ran | None, floors: Mapping[str, float], expected: Path | None, found: Path) -> list[str]:
    """Cells of a variant, after its name."""
    if ran is None or ran.code:
        told = "left out: no time left" if ran is None else _failure(ran)
        return [told, *[""] * 9]
    facts = ran.manifest
    rate = facts["images_per_second"]
    precision = facts["protocol"]["fields"].get("precision", "float32")
    floor = floors.get(precision, floors.get("float32"))
    against = f"{floor / rate:.2f}" if floor else ""
    cells = [_number(rate), against, f"{facts['measuring_seconds']:.1f}", f"{ran.seconds:.0f}"]
    cells += [f"{_ALL_OF_IMAGENET / rate:.0f}", f"{facts['peak_memory_mb']:.0f}"]
    differences = compare(expected, found).cells()[:4] if expected else [""] * 4
    return [*cells, *differences]


def _failure(ran: Ran) -> str:
    if ran.is_unknown_option:
        return "not in this version"
    return "took too long" if ran.code == -9 else f"failed: {ran.failure}"


def _number(value: float) -> str:
    return f"{value:.0f}" if value >= 100 else f"{value:.1f}"


def _last_line(error: Exception) -> str:
    lines = str(error).strip().splitlines() if isinstance(error, MeasurementError) else [repr(error)]
    return lines[-1][:200] if lines else repr(error)
