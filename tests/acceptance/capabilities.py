"""Tries every own method on networks of many families, and writes docs/capabilities.md and .csv.

    python tests/acceptance/capabilities.py [NAME …]

Weights are random; pictures are small where a network takes any size, and methods of many passes take few.
What the table has already is left out. A method `works` if its map is one that a run would score;
else the table has the status that a run would count, or the sentence in which the method refuses the network.
About an hour on one core.
"""

from __future__ import annotations

import argparse
import csv
import re
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from string import ascii_uppercase
from typing import NamedTuple

import PIL.Image
import torch
from target_layers import FAMILIES, built, noise_picture
from torch import nn

from raybench.attributions import ATTRIBUTIONS, BoundAttribution, bind, target_layer_of
from raybench.attributions.layers.features import features_of
from raybench.base import RaybenchError, options_of
from raybench.benchmark.measuring import explain_image, pictured
from raybench.benchmark.results import STATUSES
from raybench.benchmark.suite import protocol_from
from raybench.checkpoints import Network, network_from_module

DOCS = Path(__file__).parents[2] / "docs"
OF_TIMM = (
    *("beit_base_patch16_224", "botnet26t_256", "cait_xxs24_224", "caformer_s18", "coatnet_0_rw_224"),
    *("convit_tiny", "convmixer_768_32", "crossvit_tiny_240", "cspresnet50", "davit_tiny"),
    *("deit_tiny_distilled_patch16_224", "dla34", "edgenext_xx_small", "efficientformer_l1"),
    *(
        "efficientvit_b0",
        "eva02_tiny_patch14_336.mim_in22k_ft_in1k",
        "fastvit_t8",
        "focalnet_tiny_srf",
        "gcvit_xxtiny",
    ),
    *(
        "ghostnet_050",
        "gmlp_ti16_224",
        "hardcorenas_a",
        "hgnetv2_b0",
        "hrnet_w18_small",
        "inception_next_atto",
    ),
    *("levit_128s", "mambaout_femto", "maxvit_rmlp_pico_rw_256", "mixer_s32_224", "mobilevit_xxs"),
    *("mvitv2_tiny", "nest_tiny", "nf_regnet_b0", "pit_ti_224", "poolformer_s12", "pvt_v2_b0", "repvgg_a0"),
    *("resmlp_12_224", "resnest14d", "rexnet_100", "sequencer2d_s", "swin_tiny_patch4_window7_224"),
    *(
        "tiny_vit_5m_224.dist_in22k_ft_in1k",
        "twins_pcpvt_small",
        "visformer_tiny",
        "vit_tiny_patch16_224",
        "volo_d1_224",
    ),
    *("vovnet39a", "xcit_nano_12_p16_224"),
)
SMALL = 128
MOST_CHANNELS = 256
FEW = {**{"steps": 2, "samples": 8, "masks": 8, "areas": [0.1], "cells": 2, "window": 0.5, "stride": 0.25}}


_CLASSES = 4
GROUPS = ("activation", "gradient", "relevance", "attention", "perturbation")


class Tried(NamedTuple):
    """What became of a method on a network: `works`, the status of its map, or the sentence that refuses."""

    network: str
    layer: str
    method: str
    outcome: str


def methods() -> tuple[str, ...]:
    """Every own method that asks a network, family by family."""
    found = {one.name: one for one in ATTRIBUTIONS if "." not in one.name}
    asking = [name for name, one in found.items() if one.kind == "network" and one.family in GROUPS]
    return tuple(sorted(asking, key=lambda name: (GROUPS.index(found[name].family), name)))


def tried(name: str, labels: Sequence[str]) -> Iterator[Tried]:
    """Try methods on a network with seeded random weights."""
    module, size = built(name)
    try:
        with torch.no_grad():
            module(torch.zeros(1, 3, SMALL, SMALL))
        size = (SMALL, SMALL)
    except Exception:  # it takes one size alone
        pass
    _calibrate(module, size)
    network = network_from_module(module, name=name.replace(":", "-"), classes="imagenet1k", input_size=size)
    try:
        layer = target_layer_of(network).words
    except RaybenchError as error:
        layer = str(error)
    picture = noise_picture(*size)
    for label in labels:
        few = FEW | ({"steps": 60} if label == "meaningful_perturbation" else {})
        options = {key: few[key] for key in options_of(ATTRIBUTIONS.get(label).function) if key in few}
        try:
            method = bind(label, options)
            method.check(network)
            if method.passes.forwards_per_channel and _channels(network, picture) > MOST_CHANNELS:
                yield Tried(name, layer, label, "fits")
                continue
            outcome = _status(network, picture, method)
        except RaybenchError as error:
            outcome = str(error)
        yield Tried(name, layer, label, "works" if outcome == "ok" else outcome)


def read(path: Path) -> list[Tried]:
    """Read the table of trials."""
    with path.open(newline="", encoding="utf-8") as file:
        return [Tried(**row) for row in csv.DictReader(file)]


def page(trials: Sequence[Tried]) -> str:
    """Write networks x methods in markdown; methods that fare alike on all networks share a column."""
    outcomes: dict[str, dict[str, str]] = {}
    for one in trials:
        outcomes.setdefault(one.method, {})[one.network] = one.outcome
    columns: dict[tuple[str, ...], list[str]] = {}
    for method, found in outcomes.items():
        columns.setdefault(tuple(_mark(outcome) for outcome in found.values()), []).append(method)
    networks = {one.network: one.layer for one in trials}
    works = sum(_mark(one.outcome) == "✓" for one in trials)
    lines = [
        *("# Which methods work on which networks", ""),
        f"{len(networks)} networks with random weights, {len(outcomes)} methods, every pair tried: {works:,} "
        f"of {len(trials):,} give a map. ✓: a map that a run scores; of methods that ask once for each "
        f"channel, where there are more than {MOST_CHANNELS}, that they fit. x: refused in a sentence, "
        "before anything is measured. o: a map that says nothing, which a run counts: cancelled or zero. "
        "Methods that fare alike on all of these networks share a column. Trained weights of the same "
        "architecture fare alike, but for o. [capabilities.csv](capabilities.csv) has the sentence of each "
        "refusal; `python tests/acceptance/capabilities.py` makes both. How layers are found stands in "
        "[networks](networks.md), how far methods agree with what they were checked against in "
        "[methods](methods.md#what-each-was-checked-against).",
        "",
        *("| | method | checked against |", "|---|---|---|"),
    ]
    names, oracles = ascii_uppercase[: len(columns)], checked_against()
    for name, methods in zip(names, columns.values(), strict=True):
        lines += [f"| {name} | `{one}` | {oracles[one]} |" for one in methods]
    lines += ["", "| network | maps are read at | " + " | ".join(names) + " |"]
    lines.append("|---|---|" + ":-:|" * len(names))
    for place, (network, layer) in enumerate(networks.items()):
        at = layer.split(" for pictures")[0].replace("'", "`") if layer.startswith("'") else "none found"
        lines.append(f"| {network} | {at} | " + " | ".join(marks[place] for marks in columns) + " |")
    return "\n".join([*lines, "", *_reasons(trials)]) + "\n"


def checked_against() -> dict[str, str]:
    """Read from docs/methods.md what each method was compared with."""
    found = {}
    for line in (DOCS / "methods.md").read_text(encoding="utf-8").splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if len(cells) == 3 and re.fullmatch(r"(`\w+`(, )?)+", cells[0]):
            found |= dict.fromkeys(re.findall(r"`(\w+)`", cells[0]), cells[1])
    return found


def _reasons(trials: Sequence[Tried]) -> list[str]:
    reasons: dict[tuple[str, str], set[str]] = {}
    for one in trials:
        if _mark(one.outcome) == "x":
            words = re.sub(r"'[^']*'", "'…'", re.sub(r"-?\d[\d.e+-]*\d", "…", one.outcome))
            reasons.setdefault((one.method, words), set()).add(one.network)
    shared: dict[tuple[str, int], list[str]] = {}
    for (method, words), refusing in reasons.items():
        shared.setdefault((words, len(refusing)), []).append(method)
    lines = ["## Why a method is refused", "", "| methods | networks | in a run's words |", "|---|---:|---|"]
    for (words, count), methods in sorted(shared.items(), key=lambda one: -one[0][1]):
        lines.append(f"| {', '.join(f'`{one}`' for one in methods)} | {count} | {words} |")
    return lines


def _mark(outcome: str) -> str:
    return "✓" if outcome in ("works", "fits") else "o" if outcome in STATUSES else "x"


def _channels(network: Network, picture: PIL.Image.Image) -> int:
    image = pictured(network, picture, "whole", protocol_from("native"))
    return features_of(network, image, torch.tensor([0])).shape[1]


def _calibrate(module: nn.Module, size: tuple[int, int]) -> None:
    """Let normalisations see what passes them: signals of random weights fade, and maps would say nothing."""
    drawn = torch.randn(4, 3, *size, generator=torch.Generator().manual_seed(3))
    normalisations = [part for part in module.modules() if isinstance(part, nn.BatchNorm2d)]
    for part in normalisations:
        part.train()
        part.momentum = 1.0
    with torch.no_grad():
        module(drawn)
    module.eval()


def _status(network: Network, picture: PIL.Image.Image, method: BoundAttribution) -> str:
    """The first class with a map tells, the likeliest before others: some maps are negative all over."""
    status = ""
    for class_index in (None, *range(_CLASSES)):
        made = explain_image(
            network, picture, class_index, attribution=method, protocol=protocol_from("native")
        )
        status = made.status[0]
        if status == "ok":
            break
    return status


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*")
    parser.add_argument("--out", type=Path, default=DOCS / "capabilities.csv")
    given = parser.parse_args()
    undescribed = sorted(set(methods()) - checked_against().keys())
    if undescribed:
        parser.error(f"docs/methods.md does not say what {', '.join(undescribed)} was checked against")
    found = read(given.out) if given.out.exists() else []
    known, order = [*FAMILIES, *(f"timm:{name}" for name in OF_TIMM), *given.names], methods()
    for name in given.names or known:
        start, done = time.perf_counter(), {one.method for one in found if one.network == name}
        rows = list(tried(name, [one for one in order if one not in done])) if set(order) - done else []
        found = sorted([*found, *rows], key=lambda one: (known.index(one.network), order.index(one.method)))
        with given.out.open("w", newline="", encoding="utf-8") as file:
            csv.writer(file, lineterminator="\n").writerows([Tried._fields, *found])
        works = sum(row.outcome == "works" for row in rows)
        print(f"{name}: {works} of {len(rows)} work, {time.perf_counter() - start:.0f} s", flush=True)
    given.out.with_suffix(".md").write_text(page(read(given.out)), encoding="utf-8")


if __name__ == "__main__":
    main()
