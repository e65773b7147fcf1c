"""The leaderboard's plots: what they compute, against other ways, and what they hand to the page."""

from __future__ import annotations

import itertools
import json
import math
import re
import time
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from made_section import made_row, made_section
from scipy import stats
from tiny_suite import TinySuite, manifest_of

from raybench.attributions import sharing
from raybench.attributions.sharing import shared
from raybench.benchmark.board.plots import section_drawings, section_plots
from raybench.benchmark.board.templating import json_for_script
from raybench.benchmark.datasets import read_picture
from raybench.benchmark.measuring.costs import Cost, CostMeter, add_costs
from raybench.benchmark.pictures.drawing.panels import Axis, Dot, front_of, side_by_side
from raybench.benchmark.pictures.drawing.style import for_matplotlib, for_plotly, shortened
from raybench.benchmark.pictures.figures.classes import class_differences, pairs_of
from raybench.benchmark.pictures.figures.scatter import (
    cost_drawing,
    localisation_drawing,
    milliseconds_per_map,
)
from raybench.benchmark.pictures.figures.values import spread_of, values_drawing
from raybench.benchmark.running.run import evaluate
from raybench.benchmark.suite.settings import Settings

EVIL = "</script><script>alert(1)</script><b>\"'&amp; $x_{" + "y" * 200
DEVICE = {"device": {"name": "a GPU"}, "peak_memory_mb": 512.0}


def costs_of(checkpoint: str, **seconds: float) -> dict[str, Any]:
    """Return a manifest in which a hundred maps of each method took so many seconds."""
    return {
        "costs": {checkpoint: {name: {"maps": 100, "seconds": one} for name, one in seconds.items()}},
        **DEVICE,
    }


@pytest.fixture
def section():
    rng = np.random.default_rng(0)
    rows = []
    for name, accuracy, training in (("base", 70.0, "baseline"), ("better", 75.0, "gc"), (EVIL, 60.0, "gmp")):
        manifest = costs_of(name, cam=0.5, gradient=1.5)
        for method, shift in (("cam", 10), ("gradient", -10)):
            values = (50 + shift + rng.normal(0, 20, 40)).clip(0, 100)
            row = made_row(name, method, values, accuracy=accuracy, training=training, manifest=manifest)
            rows.append(row)
    rows.append(made_row("none", "center", [0.0, 100.0] * 20))
    names = {0: EVIL, 1: "dog"}
    return made_section(*rows, title=EVIL, class_names=names)


def dot(x: float, y: float, group: str = "cam") -> Dot:
    return Dot(f"{x}/{y}", group, "", f"{x}", (x - 1, x, x + 1), (y - 1, y, y + 1))


def is_beaten(one: Dot, by: Dot, sign_x: int, sign_y: int) -> bool:
    """Say by the definition whether a dot is beaten: nowhere worse, somewhere better."""
    across, up = sign_x * (by.x[1] - one.x[1]), sign_y * (by.y[1] - one.y[1])
    return across >= 0 and up >= 0 and (across > 0 or up > 0)


def test_front_of_five_rows():
    dots = [dot(1, 9), dot(2, 7), dot(2, 8), dot(3, 8), dot(4, 1)]
    assert front_of(dots, Axis("x"), Axis("y")) == [0, 3, 4]


@pytest.mark.parametrize(("better_x", "better_y"), list(itertools.product((True, False), repeat=2)))
def test_front_holds_exactly_what_nothing_beats(better_x, better_y):
    places = np.random.default_rng(3).permutation(60)
    dots = [
        dot(float(x), float(y)) for x, y in zip(places, np.random.default_rng(4).permutation(60), strict=True)
    ]
    signs = 1 if better_x else -1, 1 if better_y else -1
    expected = {at for at, one in enumerate(dots) if not any(is_beaten(one, by, *signs) for by in dots)}
    found = front_of(dots, Axis("x", higher_is_better=better_x), Axis("y", higher_is_better=better_y))
    assert set(found) == expected
    assert [dots[at].x[1] for at in found] == sorted(dots[at].x[1] for at in found)


def test_methods_of_a_checkpoint_stand_side_by_side():
    moved = side_by_side([dot(50, 1, "a"), dot(50, 2, "b"), dot(50, 3, "c"), dot(98, 4, "a")])
    # x reaches from 49 to 99; the three groups span 2.4 % of that
    assert [one.aside for one in moved] == pytest.approx([-0.6, 0.0, 0.6, -0.6])
    assert [one.x[1] for one in moved] == [50, 50, 50, 98]


def test_class_differences_agree_with_a_paired_t_test():
    rng = np.random.default_rng(1)
    first, second = rng.uniform(0, 100, (2, 90)).astype(np.float32)
    classes = np.repeat([4, 2, 7], [50, 36, 4])
    found = {one.class_index: one for one in class_differences(first, second, classes)}
    assert set(found) == {2, 4, 7}
    for index in (2, 4):
        here = classes == index
        result = stats.ttest_rel(first[here].astype(float), second[here].astype(float))
        low, high = result.confidence_interval(0.95)
        one = found[index]
        assert (one.mean - one.reach, one.mean + one.reach) == pytest.approx((low, high))
        assert one.queries == here.sum()
    assert math.isnan(found[7].reach)  # four queries say too little for an interval


def test_class_differences_are_in_order_and_pass_over_missing_values():
    first = np.array([10, 50, np.nan, 90], dtype=np.float32)
    second = np.array([20, 20, 30, 30], dtype=np.float32)
    found = class_differences(first, second, np.array([0, 1, 1, 2]))
    assert [(one.class_index, one.mean, one.queries) for one in found] == [
        (2, 60, 1),
        (1, 30, 1),
        (0, -10, 1),
    ]


def test_pairs_begin_with_the_baseline_of_the_same_method():
    rows = (
        made_row("base", "cam", [40.0, 50.0]),
        made_row("base", "gradient", [10.0, 20.0]),
        made_row("gc", "cam", [80.0, 90.0], training="gc"),
        made_row("gc", "gradient", [30.0, 20.0], training="gc"),
        made_row("none", "center", [99.0, 99.0]),
    )
    section = made_section(*rows)
    pairs = [(first.key, second.key) for first, second in pairs_of(section, section.columns[2])]
    assert pairs == [
        ("gc-cam", "base-cam"),
        ("gc-gradient", "base-gradient"),
        ("gc-cam", "gc-gradient"),
        ("gc-cam", "base-gradient"),
    ]


def test_pairs_with_nothing_to_see_are_left_out():
    rows = (
        made_row("net", "cam", [80.0, 90.0]),
        made_row("net", "cam_elementwise", [80.0001, 90.0]),
        made_row("net", "gradient", [30.0, 20.0]),
    )
    section = made_section(*rows)
    pairs = [(first.key, second.key) for first, second in pairs_of(section, section.columns[2])]
    assert pairs == [("net-cam_elementwise", "net-gradient")]


def test_legend_has_a_disc_for_each_method_and_a_shape_for_each_training(section):
    view = next(one for one in section_drawings(section) if one.key == "localisation").views[0]
    shown = [trace for trace in view.data if trace.get("showlegend", True)]
    assert [(trace["name"], trace.get("marker", {}).get("symbol")) for trace in shown] == [
        ("cam", "circle"),
        ("gradient", "circle"),
        ("GC", "circle-open"),
        ("GMP", "square-open"),
        ("baseline", "diamond-open"),
        ("front: nothing is better in both", None),
    ]
    hidden = [trace for trace in view.data if trace.get("showlegend") is False]
    assert [trace["legendgroup"] for trace in hidden] == [trace["legendgroup"] for trace in shown[:2]]


def test_twenty_methods_look_different_in_colour_or_filling(tmp_path):
    rng = np.random.default_rng(0)
    values = [rng.uniform(0, 100, 40) for _ in range(20)]
    rows = [made_row("base", f"method{at}", one, accuracy=70.0) for at, one in enumerate(values)]
    drawing = localisation_drawing(made_section(*rows))
    for shown in (True, False):  # in the legend, and in the plot
        markers = [
            trace["marker"]
            for trace in drawing.views[0].data
            if trace.get("showlegend", True) == shown and trace["name"].startswith("method")
        ]
        looks = {(marker["color"], str(marker["symbol"])) for marker in markers}
        assert len(looks) == len(markers) == 20
    drawing.static.savefig(tmp_path / "paper.png")
    handles = drawing.static.legends[0].legend_handles[:20]
    assert len({(handle.get_color(), handle.get_fillstyle()) for handle in handles}) == 20
    axes = drawing.static.axes[0]
    dots = [line for line in axes.lines if line.get_marker() == "o"]
    assert len({(line.get_color(), line.get_fillstyle()) for line in dots}) == 20
    for line in dots:  # nothing is drawn in white alone
        assert line.get_fillstyle() == "full" or line.get_markeredgecolor() == line.get_color()


@pytest.mark.parametrize(
    ("seconds", "ticks"),
    [
        ((2.3, 7.0), ["0.8", "0.9", "1", "2", "3", "4", "5", "6", "7", "8", "9", "10", "20"]),
        ((0.2, 90.0), ["0.1", "0.2"]),
    ],
)
def test_ticks_of_the_cost_are_written_out(seconds, ticks):
    low, high = seconds
    manifest = costs_of("net", cam=low / 10, gradient=high / 10)
    rows = [made_row("net", name, [50.0], manifest=manifest) for name in ("cam", "gradient")]
    view = next(one for one in section_drawings(made_section(*rows)) if one.key == "cost").views[0]
    axis = view.layout["xaxis"]
    assert axis["ticktext"][: len(ticks)] == ticks
    assert axis["tickvals"] == pytest.approx([float(text.replace(",", "")) for text in axis["ticktext"]])
    assert min(axis["tickvals"]) <= low <= high <= max(axis["tickvals"])


def test_spread_of_six_values():
    spread = spread_of(np.array([0, 4.9, 5, 100, np.nan, 60, 60], dtype=np.float32))
    expected = np.zeros(20)
    expected[[0, 1, 12, 19]] = [2, 1, 2, 1]
    assert spread.shares == pytest.approx(100 * expected / 6)
    assert spread.quartiles == pytest.approx((4.925, 32.5, 60))
    assert spread.mean == pytest.approx((0 + 4.9 + 5 + 100 + 60 + 60) / 6, abs=1e-5)
    assert spread.queries == 6
    assert spread_of(np.array([np.nan], dtype=np.float32)) is None


def test_values_leave_out_metrics_that_only_hit_or_miss(section):
    drawing = values_drawing(section)
    assert [control.options for control in drawing.controls] == [("CH",)]


def test_milliseconds_come_from_the_manifest():
    row = made_row("net", "cam", [50.0], manifest=costs_of("net", cam=0.5))
    assert milliseconds_per_map(row) == 5.0


@pytest.mark.parametrize(
    "costs",
    [None, [], {"net": 3}, {"net": {"cam": {"maps": 0, "seconds": 1}}}, {"net": {"cam": {"maps": "2"}}}],
)
def test_a_manifest_without_costs_gives_no_cost_plot(costs):
    row = made_row("net", "cam", [50.0, 20.0], manifest={"costs": costs, "peak_memory_mb": True})
    assert math.isnan(milliseconds_per_map(row))
    assert cost_drawing(made_section(row)) is None


def test_no_plot_of_accuracy_without_accuracy():
    assert localisation_drawing(made_section(made_row("none", "center", [50.0, 20.0]))) is None


def test_strangers_texts_stay_text():
    assert for_plotly("<b>&</b>") == "&lt;b&gt;&amp;&lt;/b&gt;"
    assert for_matplotlib("$x$") == r"\$x\$"
    assert shortened("a\nb\u202ec") == "a b c"
    assert len(shortened("y" * 200)) == 48
    assert shortened("a" * 30 + "z" * 30, 21) == "a" * 10 + "…" + "z" * 10


class Tags(HTMLParser):
    """Collects the tags and attributes of a page as a browser would see them."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag, attrs):
        self.found.append((tag, dict(attrs)))


def test_hostile_names_add_no_element_to_the_page(section, tmp_path):
    for plot in section_plots(section, tmp_path):
        tags = Tags()
        tags.feed(plot.html)
        assert [attributes.get("type") for tag, attributes in tags.found if tag == "script"] == [
            "application/json"
        ]
        assert not [one for one in tags.found if any(name.startswith("on") for name in one[1])]


def test_every_view_is_one_that_plotly_accepts(section, tmp_path):
    graph_objects = pytest.importorskip("plotly.graph_objects", reason="needs the extra leaderboard")
    plots = section_plots(section, tmp_path)
    assert [plot.key for plot in plots] == [
        f"made-{key}" for key in ("localisation", "values", "classes", "cost")
    ]
    for plot in plots:
        spec = json.loads(re.search(r'<script type="application/json">(.*?)</script>', plot.html, re.S)[1])
        assert spec["views"]
        for view in spec["views"]:
            layout = {**spec["layout"], **view["layout"]}
            figure = graph_objects.Figure(view["data"], layout)  # raises on an unknown or wrong property
            texts = json.dumps(figure.to_plotly_json(), default=list)
            assert "<script" not in texts


def test_choices_and_views_fit_together(section):
    for drawing in section_drawings(section):
        sizes = [len(control.options) for control in drawing.controls]
        places = [view.at for view in drawing.views]
        assert len(set(places)) == len(places)
        assert all(
            len(at) == len(sizes) and all(a < n for a, n in zip(at, sizes, strict=True)) for at in places
        )


def test_files_for_papers_are_written_and_the_same_again(section, tmp_path):
    plots = section_plots(section, tmp_path / "one")
    again = section_plots(section, tmp_path / "two")
    for plot, other in zip(plots, again, strict=True):
        assert plot.html == other.html
        for name in plot.static:
            content = (tmp_path / "one" / name).read_bytes()
            assert content == (tmp_path / "two" / name).read_bytes()
            assert Path(name).parent == Path("plots")
        image = read_picture(tmp_path / "one" / plot.static[0]).convert("L")
        assert image.getextrema()[1] == 255
        assert image.getextrema()[0] < 60  # something dark is drawn on white


def test_description_names_the_front(section):
    text = localisation_drawing(section).description
    assert "1: better · cam (75.00 [73.00, 77.00]" in text


def test_two_hundred_rows_stay_small(tmp_path):
    rng = np.random.default_rng(0)
    rows = [
        made_row(f"net{net:02d}", f"method{method}", rng.uniform(0, 100, 500), accuracy=50 + net)
        for net in range(40)
        for method in range(5)
    ]
    section = made_section(*rows, class_index=rng.integers(0, 100, 500))
    drawing = values_drawing(section)
    (view,) = drawing.views
    assert len(json_for_script(view.data)) < 150_000  # the values alone are 100,000 numbers
    assert len(view.data[0]["z"]) == 200


class Clock:
    """Stands still unless it is told to go on."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 100.0
        monkeypatch.setattr(time, "perf_counter", lambda: self.now)

    def work(self, seconds: float) -> float:
        self.now += seconds
        return seconds


def test_costs_charge_shared_passes_to_every_method(monkeypatch):
    clock, meter = Clock(monkeypatch), CostMeter(torch.device("cpu"))
    for warming_up in (50.0, 0.0):
        with sharing(meter):
            with meter.timed("first", 2):
                shared("pass", (), lambda: clock.work(4.0))
                clock.work(1.0 + warming_up)
            with meter.timed("second", 2):
                shared("pass", (), lambda: clock.work(4.0))
                clock.work(0.5)
    assert meter.totals() == {"first": Cost(2, 5.0), "second": Cost(2, 4.5)}


def test_costs_of_many_calls_add_up(monkeypatch):
    clock, meter = Clock(monkeypatch), CostMeter(torch.device("cpu"))
    for call in range(500):
        with meter.timed("method", 3):
            clock.work(7.0 if call == 0 else 0.25)
    assert meter.totals() == {"method": Cost(499 * 3, pytest.approx(499 * 0.25))}


def test_a_single_call_counts():
    meter = CostMeter(torch.device("cpu"))
    with meter.timed("method", 1):
        pass
    assert meter.totals()["method"].maps == 1


def test_a_call_that_fails_costs_nothing():
    meter = CostMeter(torch.device("cpu"))
    with pytest.raises(ValueError, match="stop"), meter.timed("method", 1):
        raise ValueError("stop")
    assert meter.totals() == {}


def test_costs_of_resumed_runs_add_up():
    manifest: dict[str, Any] = {}
    for cost in (Cost(2, 0.5), Cost(3, 0.25)):
        add_costs(manifest, "net", {"cam": cost})
    assert manifest == {"costs": {"net": {"cam": {"maps": 5, "seconds": 0.75}}}}


def test_a_run_writes_what_its_maps_cost(tiny: TinySuite):
    out = tiny.folder / "out"
    settings = {"data": {"shapes": tiny.data}, "out": out, "processes": 1, "device": "cpu"}
    evaluate(tiny.suite, Settings(**settings, limit=5))
    first = manifest_of(out)["costs"]
    assert {name: set(one) for name, one in first.items()} == {
        name: {"grad_cam", "gradient"} for name in ("first", "second")
    }
    # one query per picture; the first call of a pass is left out
    assert {cost["maps"] for one in first.values() for cost in one.values()} == {4}
    evaluate(tiny.suite, Settings(**settings))
    second = manifest_of(out)["costs"]
    assert second["first"]["gradient"]["maps"] == 4 + 6
    assert second["first"]["gradient"]["seconds"] > first["first"]["gradient"]["seconds"] > 0
