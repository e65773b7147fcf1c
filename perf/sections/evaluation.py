"""Section `evaluation`: raybench against the bare network, TorchRay and the published scripts."""

from __future__ import annotations

import dataclasses
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from raybench import Settings, evaluate

from ..apart import apart
from ..options import Options
from ..pictures import repeated_pictures
from ..report import table
from ..turns import in_turn, ratio, spread
from ..ways.ancestors import three_scripts, torchray
from ..ways.floors import FLOORS, FORMULAS, limit_of, parts_of
from ..ways.work import Work, Yield

Runs = Mapping[str, Sequence[Mapping[str, Any]]]

_TIMES = 4
_FORWARD = ("forward", "forward_processes")
_BACKWARD = ("forward_backward", "forward_backward_processes")
_FLOOR_OF = {"grad_cam": _FORWARD, "gradient": _BACKWARD, "excitation_backprop": _BACKWARD}
_NAMES = {
    "forward": "bare forward, all threads",
    "forward_processes": "bare forward, a process for each core",
    "forward_backward": "forward + backward for each query, all threads",
    "forward_backward_processes": "forward + backward for each query, a process for each core",
}


def measure(options: Options) -> list[str]:
    """Measure all comparisons."""
    with tempfile.TemporaryDirectory() as folder:
        return _measure(options, Path(folder))


def _measure(options: Options, folder: Path) -> list[str]:
    networks = ("resnet18",) if options.quick else ("resnet18", "resnet50")
    imagenet = _imagenet(options, folder)
    works = [dataclasses.replace(imagenet, checkpoint=f"killthebits-{network}") for network in networks]
    lines = ["### Against the bare network", "", *_FLOORS_SAY]
    for network, work in zip(networks, works, strict=True):
        lines += _floors(work, options)
        if not options.quick:
            lines += _floors(_work(options, f"killthebits-{network}-coco", "coco", 48, quick=2), options)
    lines += ["### Against TorchRay", "", *_TORCHRAY_SAYS]
    for network in networks:
        lines += _torchray(f"killthebits-{network}-coco", options)
    lines += ["### Against three scripts", "", *_SCRIPTS_SAY]
    return [*lines, *_three_scripts(works, options)]


def _imagenet(options: Options, folder: Path) -> Work:
    """Work on ImageNet's pictures, each of them a few times over: start-up is not what a picture costs."""
    once = _work(options, "", "imagenet", 23, quick=2)
    times = 1 if options.quick else _TIMES
    dataset = once.dataset_opened()
    pictures = [Path(dataset.path_of(index)) for index in range(min(once.limit, len(dataset)))]
    repeated = repeated_pictures(folder, pictures, times)
    return dataclasses.replace(once, limit=times * len(pictures), folder=str(repeated))


_FLOORS_SAY = [
    "Short side 448, whole pictures. The floor is the faster, in each round, of the bare network on all "
    "threads and in single-threaded processes side by side, channels-last, on prepared tensors; raybench "
    "decodes, resizes, measures by all three localisation metrics and writes records. For methods that go "
    "backward the floor is a forward pass per picture and a backward pass to the input per query. Each "
    f"ImageNet picture is there {_TIMES} times, under names of its own, here and against three scripts: the "
    "first picture of a process costs two, which weighs on few pictures and on no real run.",
    "",
]
_TORCHRAY_SAYS = [
    "TorchRay's own loop, one picture and class at a time, and its pointing game alone, against raybench "
    "with all three metrics. The limit is what the passes of the network alone allow, from parts timed in "
    "the same rounds (`perf/ways/floors.py`): "
    + "; ".join(f"{name}: {formula}" for name, formula in FORMULAS.items())
    + ", with N pictures, Q queries, f forward, b backward to the input, z and t the forward pass after and "
    "the backward pass to the layer of excitation backprop, h the backward pass to that of Grad-CAM. More "
    "than the limit comes from what TorchRay does beside the passes, and from threads. On picture "
    "350679 TorchRay's excitation backprop through ResNet50 gives NaN for all five classes, so that its "
    "points lie where they may; ours are numbers, and one of them hits.",
    "",
]
_SCRIPTS_SAY = [
    "The published way of working: a script per metric, each of which decodes and runs every picture again, "
    "one at a time, with a graph through the whole network, and tests each of 100 drawn points on a "
    "grid of distances of full size. The passes of the network alone allow 3 times less.",
    "",
]


def _floors(work: Work, options: Options) -> list[str]:
    """Each method against its floor, all in turn."""
    if not options.wants(f"floor {work.checkpoint}"):
        return []
    ways = {way: (way, work) for way in FLOORS}
    ways |= {
        f"raybench, {name}": ("raybench", dataclasses.replace(work, attribution=name)) for name in _FLOOR_OF
    }
    runs = _measured(ways, options)
    rows = []
    for label, found in runs.items():
        method = label.removeprefix("raybench, ")
        against, hits = "", ""
        if method in _FLOOR_OF:
            floors = [_per_image(runs[way]) for way in _FLOOR_OF[method]]
            floor = [min(pair) for pair in zip(*floors, strict=True)]
            against = str(ratio(_per_image(found), floor))
            hits = f"{found[0]['hits']} of {found[0]['queries']}"
        rows.append(
            [_NAMES.get(label, label), _milliseconds(_per_image(found)), against, hits, _memory(found)]
        )
    first = runs["forward"][0]
    return [
        f"**{work.checkpoint}, {work.dataset}: {first['images']} pictures, {first['queries']} queries**",
        "",
        *table(["way", "ms per picture", "time against the floor", "hits", "peak memory, MB"], rows),
    ]


def _torchray(checkpoint: str, options: Options) -> list[str]:
    """Each method by TorchRay and by us, in turn, beside the limit."""
    if not options.wants(f"torchray {checkpoint}"):
        return []
    work = _work(options, checkpoint, "coco", 12, quick=1)
    ways = {
        (way, name): (way, dataclasses.replace(work, attribution=name))
        for name in FORMULAS
        for way in ("raybench", "torchray")
    }
    fields = dataclasses.asdict(work)
    runs = _measured(ways, options, parts=lambda: apart(parts_of, options, **fields))
    rows = []
    for name in FORMULAS:
        both = ours, theirs = runs["raybench", name], runs["torchray", name]
        images, queries = ours[0]["images"], ours[0]["queries"]
        limit = spread([limit_of(name, parts, images, queries) for parts in runs["parts"]]).median
        faster = ratio(_per_image(theirs), _per_image(ours))
        rates = [spread([one["queries"] / one["seconds"] for one in found]).median for found in both]
        shares = f"{limit:.2f}", f"{100 * faster.median / limit:.0f} %"
        hits = [str(found[0]["hits"]) for found in both]
        rows.append([name, *(f"{rate:.2f}" for rate in rates), str(faster), *shares, *hits])
    headings = ["method", "queries per second, raybench", "TorchRay", "times faster", "limit"]
    headings += ["share of the limit", "hits, raybench", "TorchRay"]
    first = runs["raybench", "grad_cam"][0]
    title = f"**{checkpoint}, coco: {first['images']} pictures, {first['queries']} queries**"
    return [title, "", *table(headings, rows)]


def _three_scripts(works: Sequence[Work], options: Options) -> list[str]:
    rows = []
    for work in works:
        if not options.wants(f"scripts {work.checkpoint}"):
            continue
        work = dataclasses.replace(work, attribution="grad_cam_elementwise")
        runs = _measured({way: (way, work) for way in ("raybench", "three_scripts")}, options)
        ours, theirs = runs.values()
        times = ratio(_per_image(theirs), _per_image(ours))
        hits = [f"{found[0]['hits']} of {found[0]['queries']}" for found in (ours, theirs)]
        memory = [_memory(found) for found in (ours, theirs)]
        per_image = [_milliseconds(_per_image(found)) for found in (ours, theirs)]
        rows.append([work.checkpoint, *per_image, str(times), *hits, *memory])
    headings = ["network", "ms per picture, raybench", "scripts", "times faster", "hits, raybench", "scripts"]
    return table([*headings, "peak memory, MB, raybench", "scripts"], rows)


def _measured(ways: Mapping[Any, tuple[str, Work]], options: Options, **others: Any) -> Any:
    """Run all ways in turn, each time in a fresh process."""
    calls = {
        label: lambda way=way, work=work: apart(run, options, way=way, **dataclasses.asdict(work))
        for label, (way, work) in ways.items()
    }
    return in_turn({**calls, **others}, options.rounds)


def _work(options: Options, checkpoint: str, dataset: str, usual: int, quick: int) -> Work:
    short_side = 96 if options.quick else 448
    limit = options.pick(usual, quick)
    return Work(checkpoint, dataset, limit=limit, cores=options.cores, short_side=short_side)


def _per_image(runs: Sequence[Mapping[str, Any]]) -> list[float]:
    return [one["seconds"] / one["images"] for one in runs]


def _milliseconds(seconds: Sequence[float]) -> str:
    return f"{1e3 * spread(seconds).median:.0f}"


def _memory(runs: Sequence[Mapping[str, Any]]) -> str:
    return f"{spread([one['peak_memory_mb'] for one in runs]).median:.0f}"


def raybench(work: Work) -> Yield:
    """`raybench run`: all three localisation metrics, records and summary on disk."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "out"
        settings = Settings(data=work.data, out=out, limit=work.limit, processes=work.cores, device="cpu")
        results = evaluate(work.suite(), settings)
        manifest = results.manifest
        records = results.records(manifest["checkpoints"][0]["name"], work.attribution)
    images = manifest["measured_images"] - len(manifest["without_queries"])
    hits = int((records["pointing_game"] == 100).sum())
    return Yield(manifest["measuring_seconds"], images, len(records), hits)


WAYS: dict[str, Callable[[Work], Yield]] = {
    "raybench": raybench,
    "torchray": torchray,
    "three_scripts": three_scripts,
    **FLOORS,
}


def run(way: str, **fields: Any) -> dict[str, Any]:
    """Do the work of these fields in one way."""
    return dataclasses.asdict(WAYS[way](Work(**fields)))
