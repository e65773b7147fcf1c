"""Writes docs/glossary.md from the registries, and draws the maps that each metric likes best and least.

`python docs/make/glossary.py FOLDER` draws too, on the scenes in FOLDER, which takes minutes; without a
folder it writes the page alone.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from matplotlib.figure import Figure
from shared import DOCS

from raybench.attributions import ATTRIBUTIONS, Attribution
from raybench.benchmark.metrics import METRICS
from raybench.benchmark.pictures import save_figure
from raybench.benchmark.pictures.drawing.style import INK
from raybench.benchmark.pictures.overlay import bare, draw_outline, overlay
from raybench.benchmark.results import gallery_images, map_path, read_map
from raybench.benchmark.running import Results, evaluate
from raybench.benchmark.suite import Settings, Suite
from raybench.benchmark.tables import escape_markdown

METHODS = ("grad_cam", "gradient", "excitation_backprop", "integrated_gradients", "random")
NETWORK = "shapes-baseline"
GROUPS = {
    "localisation": ("Localisation", "metrics/localisation.md", "whether the map lies on the object"),
    "faithfulness": (
        "Faithfulness",
        "metrics/faithfulness.md",
        "whether what the map marks matters to the network",
    ),
    "sanity": ("Sanity", "metrics/sanity.md", "whether the map depends on what the network has learned"),
    "robustness": ("Robustness", "metrics/sanity.md", "whether like pictures have like maps"),
    "complexity": ("Complexity", "metrics/complexity.md", "how much of the picture the map marks"),
    "accuracy": ("Accuracy", "protocols.md", "whether the network is right at all"),
}
FAMILIES = {
    "activation": "features of a layer, weighed",
    "gradient": "gradients at the pixels",
    "relevance": "the score, handed down to the pixels",
    "attention": "what transformers attend to",
    "perturbation": "what happens when something is hidden",
    "baseline": "what every method should beat, and what none can",
}
ARROWS = {True: "\N{UPWARDS ARROW}", False: "\N{DOWNWARDS ARROW}", None: ""}
TERMS = {
    "card": "what a checkpoint is: architecture, weights, classes, input ([checkpoints](checkpoints.md))",
    "degenerate": "of a map: zero, constant, cancelled or not a number; scored as a uniform one, and counted",
    "heat": "the positive part of a map, brought to a sum of 1",
    "map": "a number for each pixel: how much it matters, as a method says",
    "method": "makes a map of a picture, a network and a class ([methods](methods.md))",
    "metric": "turns a map into a number ([metrics](metrics.md))",
    "protocol": "all rules that decide a number, with an id ([protocols](protocols.md))",
    "query": "a class that a picture is asked about; a picture may have several",
    "region": "where the objects of that class are: boxes or a mask",
    "row": "a checkpoint under a method; what tables and boards list",
    "suite": "a file that says what is measured: checkpoints, methods, metrics, data, protocol",
}


def own_methods(family: str) -> list[Attribution]:
    """Methods of raybench itself, without those of libraries beside it."""
    return [one for one in ATTRIBUTIONS if one.family == family and "." not in one.name]


def page() -> str:
    """The glossary as Markdown."""
    lines = ["# Glossary", "", "`python docs/make/glossary.py` writes this page from what is registered.", ""]
    lines += ["| term | what it is |", "|---|---|"]
    lines += [f"| {term} | {words} |" for term, words in TERMS.items()]
    lines += ["", "## Metrics", ""]
    lines += [
        f"Of each, the best and worst of the maps that {len(METHODS)} methods make of six scenes; "
        "an arrow says where better values lie. Metrics of the whole set have no value for a single map.",
    ]
    for group, (title, path, words) in GROUPS.items():
        metrics = [one for one in METRICS if one.group == group]
        lines += ["", f"### {title}", "", f"{words[0].upper()}{words[1:]} ([more]({path}))."]
        if any(one.per_query for one in metrics):
            lines += [
                "",
                f"![The best and the worst map by each metric of {group}](glossary/{group}.jpg)",
            ]
        lines += ["", "| label | name | what it says |", "|---|---|---|"]
        lines += [f"| {one.label} | `{one.name}` | {escape_markdown(one.words)} |" for one in metrics]
    lines += ["", "## Methods", "", "All on one picture; `raybench explain PICTURE` draws them on yours."]
    for family, words in FAMILIES.items():
        lines += ["", f"### {family.capitalize()}", "", f"{words[0].upper()}{words[1:]}."]
        if (DOCS / "methods" / f"{family}.md").is_file():
            lines[-1] = f"{lines[-1][:-1]} ([more](methods/{family}.md))."
            lines += ["", f"![One picture, explained by each method of {family}](methods/{family}.jpg)"]
        lines += ["", "| name | what its map is |", "|---|---|"]
        lines += [f"| `{one.name}` | {escape_markdown(one.summary)} |" for one in own_methods(family)]
    return "\n".join([*lines, ""])


def measured(data: Path, out: Path) -> Results:
    """Score maps of a few scenes by all metrics."""
    suite = Suite.model_validate(
        {
            "name": "glossary",
            "protocol": {
                "name": "aaai21-clamped",
                "short_side": 80,
                "crop_resize": 80,
                "crop": 80,
                "tolerance_px": 5,
            },
            "dataset": "shapes",
            "images": 6,
            "gallery": 1000,
            "checkpoints": [NETWORK],
            "attributions": list(METHODS),
            "metrics": [one.name for one in METRICS if one.per_query],
        }
    )
    return evaluate(suite, Settings(data={"shapes": data}, out=out))


def draw(results: Results, group: str) -> None:
    """Draw the best and the worst map by each metric of a group, with the values."""
    metrics = [one for one in METRICS if one.group == group and one.per_query]
    pictures = {image.folder.name: image for image in gallery_images(results.out)}
    records = {method: results.records(NETWORK, method) for method in METHODS}
    across = min(3, len(metrics))
    rows = -(-len(metrics) // across)
    figure = Figure(figsize=(3.0 * across, 1.65 * rows), layout="constrained")
    panels = figure.subplots(rows, 2 * across, squeeze=False).reshape(rows * across, 2)
    for pair in panels[len(metrics) :]:
        for axes in pair:
            axes.set_axis_off()
    for pair, metric in zip(panels, metrics, strict=False):
        found = [
            (float(row[metric.name]), method, row["image_id"], int(row["class_index"]))
            for method, frame in records.items()
            for _, row in frame.dropna(subset=[metric.name]).iterrows()
        ]
        found.sort(key=lambda one: one[0], reverse=metric.higher_is_better is not False)
        words = ("highest", "lowest") if metric.higher_is_better is None else ("best", "worst")
        for axes, (value, method, image_id, class_index), word in zip(
            pair, (found[0], found[-1]), words, strict=True
        ):
            image = pictures[image_id]
            path = map_path(results.out, NETWORK, method, image_id, class_index)
            axes.imshow(overlay(image.picture(), read_map(path)))
            draw_outline(axes, image.region(class_index))
            bare(axes)
            axes.set_xlabel(f"{word}: {value:.3g}", fontsize=8, color=INK)
        pair[0].set_title(
            f"{metric.label} {ARROWS[metric.higher_is_better]}", fontsize=9, color=INK, loc="left"
        )
    save_figure(figure, DOCS / "glossary" / f"{group}.jpg")


def main() -> None:
    """Write the page, and with a folder of scenes the pictures."""
    if len(sys.argv) > 1:
        (DOCS / "glossary").mkdir(exist_ok=True)
        with tempfile.TemporaryDirectory() as out:
            results = measured(Path(sys.argv[1]), Path(out))
            for group in GROUPS:
                if any(one.per_query for one in METRICS if one.group == group):
                    draw(results, group)
    (DOCS / "glossary.md").write_text(page(), encoding="utf-8")


if __name__ == "__main__":
    main()
