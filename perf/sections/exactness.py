"""Section `exactness`: whether the ways of running a suite give the same records, query by query."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from ..cards import SMALL, random_card
from ..command import run_suite
from ..differences import compare
from ..options import Options, Section
from ..pictures import made_annotations, make_pictures
from ..report import table
from ..ways.work import METRICS

__all__ = ["EXACTNESS", "VARIANTS", "Variant"]


class Variant(NamedTuple):
    """A way of running: what it is called, and its words on the command line."""

    name: str
    options: tuple[str, ...] = ()


PLAIN = Variant("plain", ("--processes", "1", "--threads", "1", "--workers", "0"))
"""One thread of one process, which also decodes."""

VARIANTS = (
    Variant("as plain, again", PLAIN.options),
    Variant("batches of 1", ("--batch-size", "1")),
    Variant("batches of 64", ("--batch-size", "64")),
    Variant("2 workers", ("--processes", "1", "--workers", "2")),
    Variant("2 processes", ("--processes", "2")),
    Variant("2 threads", ("--processes", "1", "--threads", "2")),
    Variant("resize on the device", ("--resize", "device")),
    Variant("decode on the device", ("--resize", "device", "--decode", "device")),
    Variant("TF32", ("--precision", "tf32")),
    Variant("bfloat16", ("--precision", "bfloat16")),
    Variant("float16", ("--precision", "float16")),
)
_QUICK = ("as plain, again", "2 processes", "resize on the device")


def measure(options: Options) -> list[str]:
    """Run a suite in every variant and compare its records with the plain run's."""
    variants = [variant for variant in VARIANTS if options.wants(variant.name)]
    if options.quick:
        variants = [variant for variant in variants if variant.name in _QUICK]
    lines = list(_SAYS)
    with tempfile.TemporaryDirectory(dir=options.work) as name:
        folder = Path(name)
        for title, suite, words in _suites(folder, options):
            lines += [f"**{title}**", "", *_compared(suite, words, variants, folder, options)]
    return lines


EXACTNESS = Section("exactness", measure)

_SAYS = [
    "The same suite in several ways; every record is compared with that of one thread of one process. "
    "Differences are the largest of any query, in points; hits are queries of the pointing game that differ.",
    "",
]

_Named = tuple[str, dict[str, Any], list[str]]


def _suites(folder: Path, options: Options) -> list[_Named]:
    """Suites on real pictures, or on made ones where there are none: title, suite, command-line words."""
    methods = ["grad_cam", "gradient", "excitation_backprop", "contrastive_excitation_backprop", "random"]
    common = {"attributions": methods, "metrics": METRICS, "gallery": 0}
    if options.quick or not os.environ.get("RAYBENCH_DATA"):
        pictures = make_pictures(folder / "pictures", options.pick(24, 2), made_annotations(24))
        suite = {
            "name": "made",
            "protocol": {"name": "aaai21", "short_side": 96},
            "dataset": "imagenet",
            "checkpoints": [str(random_card(folder, SMALL))],
        }
        return [("Made pictures, a small network", common | suite, ["--data", f"imagenet={pictures}"])]
    limit = ["--limit", str(options.pick(24, 2))]
    real = {"protocol": "aaai21", "checkpoints": ["killthebits-resnet18"], "dataset": "imagenet"}
    several = {"checkpoints": ["killthebits-resnet18-coco"], "dataset": "coco"}
    return [
        ("ImageNet, ResNet18", common | real | {"name": "imagenet"}, limit),
        ("COCO, ResNet18", common | real | several | {"name": "coco"}, limit),
    ]


def _compared(
    suite: Mapping[str, Any], words: list[str], variants: Sequence[Variant], folder: Path, options: Options
) -> list[str]:
    device = ["--device", options.device]
    plain = run_suite(
        {**suite, "name": f"{suite['name']}-plain"}, folder, options, [*words, *device, *PLAIN.options]
    )
    if plain.code:
        return [f"The plain run failed: {plain.failure}", ""]
    rows = []
    for number, variant in enumerate(variants):
        name = f"{suite['name']}-{number}"
        ran = run_suite({**suite, "name": name}, folder, options, [*words, *device, *variant.options])
        if ran.is_unknown_option:
            result = ["not in this version", "", "", "", ""]
        elif ran.code:
            result = [f"failed: {ran.failure}", "", "", "", ""]
        else:
            result = compare(folder / f"{suite['name']}-plain", folder / name).cells()
        rows.append([variant.name, f"`{' '.join(variant.options)}`", *result])
    return table(["variant", "options", "records that are equal", "SPG", "CH", "hits", "peaks"], rows)
