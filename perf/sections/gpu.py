"""Section `gpu`: end to end from JPEG files on one GPU, with pictures and weights that are made on the spot.

    python -m perf gpu
    python -m perf gpu --limit 50000 --only "resnet18 plain"

Needs no data and no network connection. With `--device cpu` it does the same on a processor, for tests.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from ..apart import apart
from ..cards import random_card
from ..command import Ran, run_suite
from ..differences import compare
from ..options import Options
from ..pictures import make_pictures
from ..report import table
from ..ways.decoding import bare_forward, decode_by_pillow, decode_by_torchvision
from ..ways.work import METRICS

VARIANTS = {
    "plain": "",
    "TF32": "--precision tf32",
    "bfloat16": "--precision bfloat16",
    "decode on the device": "--resize device --decode device",
    "resize on the device": "--resize device",
    "decode, resize, bfloat16": "--decode device --resize device --precision bfloat16",
    "fast": "--fast",
    "compiled": "--compile stages",
    "compiled, CUDA graphs": "--compile graphs",
}
"""Words on the command line by what they are called."""
_QUICK = ("plain", "resize on the device")
_HEADINGS = (
    *("way", "pictures per second", "time against the bare forward of that precision", "seconds measured"),
    *("seconds of the command", "seconds for 50,000, projected", "peak memory, MB"),
    *("records equal to the processor's", "SPG", "CH", "hits that differ"),
)
_PICTURES, _SAMPLE, _BATCH, _ALL_OF_IMAGENET = 4000, 64, 32, 50_000


def measure(options: Options) -> list[str]:
    """Measure decoding, then each network in every variant."""
    short_side = 64 if options.quick else 448
    with tempfile.TemporaryDirectory(prefix="raybench-gpu-") as name:
        folder, count = Path(name), options.pick(_PICTURES, 4)
        make_pictures(folder / "pictures", count)
        lines = [
            f"{count:,} made JPEG files of common sizes, short side {short_side}, Grad-CAM and all three "
            "localisation metrics, random weights. The rate is end to end, from files to records, with what "
            "the first batches pay for start-up; so the time of 50,000 pictures is projected too high rather "
            "than too low. The bare forward pass runs on batches of the same shapes that lie on the device "
            "already; no run can be faster than the slower of it and of decoding. Differences are from a run "
            "on the processor, the largest of any query of a sample, in points.",
            "",
            *("**Decoding alone**", "", *_decoding(folder, options)),
        ]
        for network in ("resnet18",) if options.quick else ("resnet18", "resnet50"):
            variants = {
                name: words
                for name, words in VARIANTS.items()
                if options.wants(f"{network} {name}") and (name in _QUICK or not options.quick)
            }
            if variants:
                lines += [
                    f"**{network}**",
                    "",
                    *_network(network, variants, folder, count, short_side, options),
                ]
            if not options.quick:  # so that something is left of a run that is cut off
                print("\n".join(lines), flush=True)
    return lines


def _decoding(folder: Path, options: Options) -> list[str]:
    """Rates of decoding, and nothing else."""
    pictures, workers = str(folder / "pictures"), 0 if options.quick else options.cores
    ways: dict[str, Callable[[], Mapping[str, Any]]] = {
        f"Pillow, {workers} workers": lambda: apart(
            decode_by_pillow, options, pictures=pictures, workers=workers
        ),
        f"torchvision, on the device ({options.device})": lambda: apart(
            decode_by_torchvision, options, pictures=pictures, device=options.device
        ),
    }
    rows = []
    for name, way in ways.items():
        try:
            rows.append([name, _number(way()["per_second"])])
        except Exception as error:  # one decoder that fails does not stop the others
            rows.append([name, f"failed: {str(error).strip().splitlines()[-1][:200]}"])
    return table(["decoder", "pictures per second"], rows)


def _network(
    architecture: str,
    variants: Mapping[str, str],
    folder: Path,
    count: int,
    short_side: int,
    options: Options,
) -> list[str]:
    """All variants of one network beside the bare forward pass, and their differences from the processor."""
    card = random_card(folder / "cards", architecture)
    floors = apart(
        bare_forward,
        options,
        card=str(card),
        pictures=str(folder / "pictures"),
        device=options.device,
        short_side=short_side,
        batch_size=_BATCH if options.device == "cuda" else 1,
    )
    del floors["peak_memory_mb"]

    def run(name: str, words: list[str]) -> Ran:
        suite = {
            "name": name,
            "protocol": {"name": "aaai21", "short_side": short_side},
            "dataset": "imagenet",
            "checkpoints": [str(card)],
            "attributions": ["grad_cam"],
            "metrics": METRICS,
            "gallery": 0,
        }
        words = ["--data", f"imagenet={folder / 'pictures'}", *words]
        return run_suite(suite, folder, options, words, timeout_s=100 + count / 200)

    rows = [
        [f"bare forward, {precision}", _number(rate), "", "", "", f"{_ALL_OF_IMAGENET / rate:.0f}", *[""] * 5]
        for precision, rate in floors.items()
    ]
    sample = str(2 if options.quick else _SAMPLE)
    on_cpu = run(f"{architecture}-cpu", ["--device", "cpu", "--limit", sample])
    for number, (name, words) in enumerate(variants.items()):
        found = f"{architecture}-{number}"
        ran = run(found, ["--device", options.device, "--batch-size", str(_BATCH), *words.split()])
        if ran.code:
            rows.append([name, ran.failure, *[""] * 9])
            continue
        apart_by = [""] * 4 if on_cpu.code else compare(folder / f"{architecture}-cpu", folder / found)[:4]
        rows.append([name, *_cells(ran, floors), *apart_by])
    return table(_HEADINGS, rows)


def _cells(ran: Ran, floors: Mapping[str, float]) -> list[str]:
    """Rate, times and memory of a variant."""
    facts = ran.manifest
    rate = facts["images_per_second"]
    floor = floors.get(facts["protocol"]["fields"].get("precision", "float32"), floors["float32"])
    cells = [_number(rate), f"{floor / rate:.2f}", f"{facts['measuring_seconds']:.1f}", f"{ran.seconds:.0f}"]
    return [*cells, f"{_ALL_OF_IMAGENET / rate:.0f}", f"{facts['peak_memory_mb']:.0f}"]


def _number(value: float) -> str:
    return f"{value:.0f}" if value >= 100 else f"{value:.1f}"
