"""Section `exactness`: whether the ways of running a suite give the same records, query by query."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..cards import SMALL, random_card
from ..command import run_suite
from ..differences import compare
from ..options import Options
from ..pictures import make_pictures
from ..report import table
from ..ways.work import METRICS

PLAIN = "--processes 1 --threads 1 --workers 0"
"""One thread of one process, which also decodes."""

VARIANTS = {
    "as plain, again": PLAIN,
    "batches of 1": "--batch-size 1",
    "batches of 64": "--batch-size 64",
    "2 workers": "--processes 1 --workers 2",
    "2 processes": "--processes 2",
    "2 threads": "--processes 1 --threads 2",
    "resize on the device": "--resize device",
    "decode on the device": "--resize device --decode device",
    "TF32": "--precision tf32",
    "bfloat16": "--precision bfloat16",
    "float16": "--precision float16",
    "compiled": "--compile stages",
}
"""Words on the command line by what they are called."""
_QUICK = ("as plain, again", "2 processes", "resize on the device")


def measure(options: Options) -> list[str]:
    """Run a suite in every variant and compare its records with the plain run's."""
    lines = [
        "The same suite in several ways; every record is compared with that of one thread of one process. "
        "Differences are the largest of any query, in points; hits are queries of the pointing game that "
        "differ.",
        "",
    ]
    with tempfile.TemporaryDirectory() as folder:
        for title, suite, words in _suites(Path(folder), options):
            lines += [f"**{title}**", "", *_compared(suite, words, Path(folder), options)]
    return lines


def _suites(folder: Path, options: Options) -> list[tuple[str, dict[str, Any], list[str]]]:
    """Suites on real pictures, or on made ones where there are none: title, suite, command-line words."""
    methods = ["grad_cam", "gradient", "excitation_backprop", "contrastive_excitation_backprop", "random"]
    common = {"protocol": "aaai21", "attributions": methods, "metrics": METRICS, "gallery": 0}
    imagenet = common | {"name": "imagenet", "dataset": "imagenet", "checkpoints": ["killthebits-resnet18"]}
    coco = common | {"name": "coco", "dataset": "coco", "checkpoints": ["killthebits-resnet18-coco"]}
    if options.quick or not os.environ.get("RAYBENCH_DATA"):
        pictures = make_pictures(folder / "pictures", options.pick(24, 2))
        made = {
            "protocol": {"name": "aaai21", "short_side": 96},
            "checkpoints": [str(random_card(folder, SMALL))],
        }
        return [("Made pictures, a small network", imagenet | made, ["--data", f"imagenet={pictures}"])]
    limit = ["--limit", str(options.pick(24, 2))]
    return [("ImageNet, ResNet18", imagenet, limit), ("COCO, ResNet18", coco, limit)]


def _compared(suite: Mapping[str, Any], words: list[str], folder: Path, options: Options) -> list[str]:
    common = [*words, "--device", options.device]
    named = {**suite, "name": f"{suite['name']}-plain"}
    plain = run_suite(named, folder, options, [*common, *PLAIN.split()])
    if plain.code:
        return [f"The plain run {plain.failure}", ""]
    rows = []
    for number, (name, variant) in enumerate(VARIANTS.items()):
        if options.wants(name) and (name in _QUICK or not options.quick):
            named = {**suite, "name": f"{suite['name']}-{number}"}
            ran = run_suite(named, folder, options, [*common, *variant.split()])
            cells = [ran.failure, *[""] * 4]
            if not ran.code:
                cells = compare(folder / f"{suite['name']}-plain", folder / named["name"])
            rows.append([name, f"`{variant}`", *cells])
    return table(["variant", "options", "records that are equal", "SPG", "CH", "hits", "peaks"], rows)
