"""Plots: what is drawn is where the numbers say, nothing global changes, files are reproducible."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from xml.etree import ElementTree

import numpy as np
import pandas as pd
import PIL.Image
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from scipy import stats

from raybench.base.errors import RaybenchError
from raybench.benchmark.pictures.drawing.style import looks_of, save_figure
from raybench.benchmark.pictures.figures.bars import bar_figure
from raybench.benchmark.pictures.figures.curves import curve_figures, mean_curve
from raybench.benchmark.pictures.figures.scatter import scatter_figure
from raybench.benchmark.pictures.gallery import gallery_columns, gallery_figure
from raybench.benchmark.pictures.overlay import HIT_COLOUR, MISS_COLOUR
from raybench.benchmark.pictures.plots import plot_all
from raybench.benchmark.tables.tables import comparison_table

SCORES = {
    "first": {"grad_cam": 25.0, "gradient": 50.0},
    "second": {"grad_cam": 75.0, "gradient": 50.0},
    "none": {"box_oracle": 100.0},
}
ACCURACY = {"first": 50.0, "second": 75.0}


def pixels_of(figure) -> np.ndarray:
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[..., :3]


def test_bars_are_as_long_as_the_values(make_run):
    table = comparison_table([make_run(scores=SCORES, accuracy=ACCURACY)])
    figure = bar_figure(table)
    assert [axes.get_title() for axes in figure.axes] == ["PG (%)", "SPG (%)", "CH (%)", "Top-1 (%)"]
    lengths = [[bar.get_width() for bar in axes.patches] for axes in figure.axes]
    assert lengths[1] == [25, 50, 75, 50, 100]
    assert lengths[3] == [50, 75]
    labels = [label.get_text() for label in figure.axes[0].get_yticklabels()]
    assert labels == ["first", "second", "box_oracle\n(no network)"]
    assert {axes.get_xlim() for axes in figure.axes} == {(0, 100)}


def test_whiskers_span_the_interval(make_run):
    table = comparison_table([make_run(scores=SCORES)])
    axes = bar_figure(table).axes[0]
    cells = [row.cells[1] for row in table.rows]
    assert [tuple(line.get_xdata()) for line in axes.lines] == [(cell.low, cell.high) for cell in cells]


def test_bars_of_one_method_share_a_colour_and_methods_differ(make_run):
    axes = bar_figure(comparison_table([make_run(scores=SCORES)])).axes[0]
    first, second, third, fourth, oracle = [bar.get_facecolor() for bar in axes.patches]
    assert first == third
    assert second == fourth
    assert len({first, second, oracle}) == 3


def test_dots_of_many_methods_differ_and_the_legend_shows_them(make_run):
    methods = {f"method_{number:02d}": 3.0 * number for number in range(24)}
    scores = {"first": methods, "second": {"method_00": 50.0}}
    figure = scatter_figure(comparison_table([make_run(scores=scores, accuracy=ACCURACY)]))
    markers = [line for line in figure.axes[0].lines if line.get_marker() != "None"]
    assert len(markers) == 25
    markers = markers[:24]
    looks = [
        (line.get_markerfacecolor(), line.get_markeredgecolor(), line.get_fillstyle()) for line in markers
    ]
    assert len(set(looks)) == 24
    *shown, front = figure.legends[0].get_lines()
    assert front.get_linestyle() == ":"
    assert [text.get_text() for text in figure.legends[0].get_texts()][:-1] == list(methods)
    assert [
        (line.get_markerfacecolor(), line.get_markeredgecolor(), line.get_fillstyle()) for line in shown
    ] == looks


def test_missing_score_leaves_a_gap(make_run):
    run = make_run(scores=SCORES)
    path = run / "summary.csv"
    lines = [line for line in path.read_text().splitlines() if "second,gradient,content_heatmap" not in line]
    path.write_text("\n".join(lines) + "\n")
    figure = bar_figure(comparison_table([run]))
    assert [len(axes.patches) for axes in figure.axes] == [5, 5, 4, 2]


def test_colours_of_the_first_twenty_methods_are_all_different():
    looks = looks_of(f"method {place}" for place in range(20)).values()
    assert len(set(looks)) == len({(look.colour, look.hatch) for look in looks}) == 20


def test_dots_stand_at_accuracy_and_score(make_run):
    table = comparison_table([make_run(scores=SCORES, accuracy=ACCURACY)])
    figure = scatter_figure(table)
    axes = figure.axes[1]
    dots = [line for line in axes.lines if line.get_marker() not in ("None", "", None)]
    places = {(float(line.get_xdata()[0]), float(line.get_ydata()[0])) for line in dots}
    # those of a checkpoint stand side by side, up to 1.2 % of the range of both intervals away
    for x, y in ((50, 25), (50, 50), (75, 75), (75, 50)):
        assert any(abs(across - x) < 1 and up == y for across, up in places)
    assert len(places) == 4
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("Top-1 (%)", "SPG (%)")


def test_scatter_names_checkpoints_in_a_legend_of_markers(make_run):
    scores = {f"a-checkpoint-with-a-long-name-{place}": {"m": 50.0} for place in range(9)}
    figure = scatter_figure(comparison_table([make_run(scores=scores)]))
    assert {text.get_text() for axes in figure.axes for text in axes.texts} == {"1"}  # numbers of the front
    names = {text.get_text().replace("\n", "") for legend in figure.legends for text in legend.get_texts()}
    assert names >= set(scores)


def test_no_accuracy_or_one_accuracy_gives_no_scatter(make_run):
    for scores in ({"none": {"center": 30.0}}, {"first": {"gradient": 20.0, "rise": 30.0}}):
        assert scatter_figure(comparison_table([make_run(scores=scores, accuracy=ACCURACY)])) is None


def test_one_checkpoint_on_two_datasets_has_two_accuracies(make_run):
    table = comparison_table([make_run(scores={"first": {"rise": 30.0}}, accuracy=ACCURACY)])
    rows = [replace(table.rows[0], labels=(name, *table.rows[0].labels)) for name in ("one", "two")]
    both = replace(table, headings=("dataset", *table.headings), rows=tuple(rows))
    assert scatter_figure(table) is None
    assert scatter_figure(both) is not None


def test_gallery_marks_hits_green_and_misses_red_at_their_pixels(make_run):
    # 25 and 75 % of 12 images: of the first four, images 0 to 2 hit in the first column, all in the second
    run = make_run(scores={"a": {"m": 25.0}, "b": {"m": 75.0}}, gallery=4)
    figure = gallery_figure(gallery_columns([run]))
    pixels = pixels_of(figure)
    for row in range(4):
        for column, hits in ((1, row < 3), (2, True)):
            axes = figure.axes[3 * row + column]
            box = axes.get_window_extent()
            x, y = (45, 25) if hits else (110, 5)
            across = box.x0 + box.width * (x + 0.5) / 120
            down = pixels.shape[0] - (box.y1 - box.height * (y + 0.5) / 60)
            colour = np.round(255 * np.array(to_rgb(HIT_COLOUR if hits else MISS_COLOUR)))
            found = pixels[round(down) - 1 : round(down) + 2, round(across) - 1 : round(across) + 2]
            assert np.median(np.abs(found.astype(int) - colour).max(axis=2)) <= 12, (row, column)


def test_gallery_names_classes_methods_checkpoints_and_scores(make_run):
    run = make_run(
        scores={"a": {"m": 25.0, "n": 50.0}, "b": {"m": 75.0}, "none": {"center": 10.0}}, gallery=2
    )
    columns = gallery_columns([run])
    assert [(column.checkpoint, column.attribution) for column in columns] == [
        ("a", "m"),
        ("a", "n"),
        ("b", "m"),
    ]
    figure = gallery_figure(columns)
    top = figure.axes[:4]
    assert [axes.get_title() for axes in top] == ["ground truth", "m", "n", "m"]
    assert [text.get_text() for axes in top for text in axes.texts] == ["a", "b"]
    assert [axes.get_ylabel() for axes in figure.axes[::4]] == ["cat", "dog"]
    assert [axes.get_xlabel() for axes in top] == ["", "SPG 25   CH 12", "SPG 50   CH 25", "SPG 75   CH 38"]


def test_gallery_says_when_a_map_was_degenerate(make_run):
    run = make_run(gallery=1)
    path = run / "net" / "grad_cam" / "records.csv"
    path.write_text(path.read_text().replace("000,0,cat,ok", "000,0,cat,constant"))
    figure = gallery_figure(gallery_columns([run]))
    assert "constant map" in [text.get_text() for text in figure.axes[1].texts]


def test_gallery_scales_points_of_large_pictures(make_run, monkeypatch):
    monkeypatch.setattr(
        "raybench.benchmark.results.files.thumbnails.LONGEST_SIDE_PX", 60
    )  # half of the made-up pictures
    figure = gallery_figure(gallery_columns([make_run(gallery=1)]))
    (marker,) = figure.axes[1].lines
    assert (float(marker.get_xdata()[0]), float(marker.get_ydata()[0])) == pytest.approx((22, 12), abs=1)


def test_mean_curve_averages_the_queries_of_an_image_first():
    cells = ["0 1", "1 1", "1 0.5", ""]
    curves = pd.DataFrame({"image_id": ["a", "a", "b", "c"], "falling": cells})
    curve = mean_curve(curves, "falling")
    assert curve.mean.tolist() == [0.75, 0.75]  # of (0.5, 1) and (1, 0.5)
    for place in range(2):
        low, high = stats.t.interval(0.95, 1, 0.75, stats.sem([[0.5, 1], [1, 0.5]][place]))
        assert (curve.low[place], curve.high[place]) == pytest.approx((low, high))
    assert np.isnan(mean_curve(curves[:1], "falling").low).all()
    assert mean_curve(curves[3:], "falling") is None


CURVE = {
    "name": "falling",
    "kind": "network",
    "label": "F",
    "title": "Falling",
    "curve": "share",
    "unit": "none",
}


def test_curves_are_drawn_for_each_checkpoint_and_a_damaged_file_is_named(make_run, tmp_path):
    facts = {"metrics": {"falling": CURVE}}
    metrics = {"pointing_game": {}, "falling": {}}
    run = make_run(scores=SCORES, accuracy=ACCURACY, metrics=metrics, facts=facts)
    for checkpoint, share in (("first", 0.5), ("second", 0.25)):
        lines = [f"{number:03d},0,1 {share} 0" for number in range(12)]
        text = "\n".join(["image_id,class_index,falling", *lines]) + "\n"
        (run / checkpoint / "gradient" / "curves.csv").write_text(text)
    looks = looks_of(("grad_cam", "gradient"))
    (figure,) = curve_figures([run], looks, "title")
    assert [axes.get_title() for axes in figure.axes] == ["Falling, first", "Falling, second"]
    for axes, share in zip(figure.axes, (0.5, 0.25), strict=True):
        (line,) = axes.lines
        assert line.get_xdata().tolist() == [0, 50, 100]
        assert line.get_ydata().tolist() == [1, share, 0]
        assert line.get_color() == looks["gradient"].colour
    assert "curves" in {path.stem for path in plot_all([run], tmp_path / "plots")}
    path = run / "first" / "gradient" / "curves.csv"
    path.write_text(path.read_text().replace("1 0.5 0", "1 0.5", 1))
    with pytest.raises(RaybenchError, match=r"first.gradient.curves\.csv: the curves of falling"):
        curve_figures([run], looks, "title")


def test_bars_of_a_metric_that_asks_the_network_leave_out_methods_without_one(make_run):
    table = comparison_table([make_run(scores=SCORES)])
    columns = [replace(one, needs_network=one.label == "SPG") for one in table.columns]
    panels = {axes.get_title(): axes for axes in bar_figure(replace(table, columns=tuple(columns))).axes}
    names = {title: [text.get_text() for text in axes.get_yticklabels()] for title, axes in panels.items()}
    assert names["SPG (%)"] == ["first", "second"]
    assert names["PG (%)"] == ["first", "second", "box_oracle\n(no network)"]


def test_gallery_needs_pictures(make_run):
    assert gallery_columns([make_run()]) == []
    assert gallery_figure([]) is None


def test_all_plots_are_written_twice_with_the_same_bytes(make_run, tmp_path):
    run = make_run(scores=SCORES, accuracy=ACCURACY, gallery=2)
    files = [plot_all([run], tmp_path / name) for name in ("one", "two")]
    names = [path.name for path in files[0]]
    assert names == [
        f"{name}.{kind}" for name in ("bars", "accuracy", "ranks", "gallery") for kind in ("png", "svg")
    ]
    for first, second in zip(*files, strict=True):
        assert first.read_bytes() == second.read_bytes()
        if first.suffix == ".svg":
            assert ElementTree.parse(first).getroot().tag.endswith("svg")
        else:
            pixels = np.asarray(PIL.Image.open(first).convert("RGB"))
            assert min(pixels.shape[:2]) > 200
            assert len(np.unique(pixels.reshape(-1, 3), axis=0)) > 20


def test_plots_for_a_column_are_as_wide_as_asked_with_their_numbers_beside(make_run, tmp_path):
    table = comparison_table([run := make_run(scores=SCORES, accuracy=ACCURACY)])
    files = plot_all([run], tmp_path, only=["accuracy", "bars"], formats=["svg"], width=3.3)
    assert [path.name for path in files] == ["bars.svg", "accuracy.svg"]
    for path in files:
        assert ElementTree.parse(path).getroot().get("width") == f"{3.3 * 72}pt"
    bars = pd.read_csv(tmp_path / "bars.csv").set_index(["panel", "row"]).sort_index()
    drawn = bars.loc[("PG (%)", "second")].set_index("name")
    place = [column.label for column in table.columns].index("PG")
    for row in table.rows[2:4]:
        line, cell = drawn.loc[row.labels[1]], row.cells[place]
        assert (line["low"], line["value"], line["high"]) == pytest.approx((cell.low, cell.value, cell.high))
    dots = pd.read_csv(tmp_path / "accuracy.csv")
    assert set(dots["x"]) == {50.0, 75.0}
    assert "PG (%) against Top-1 (%)" in set(dots["panel"])
    with pytest.raises(RaybenchError, match="--only: unknown figure 'bar'; did you mean 'bars'"):
        plot_all([run], tmp_path, only=["bar"])


def test_numbers_beside_a_figure_hold_names_as_they_are(make_run, tmp_path):
    long = "a-network-whose-name-fills_more-than-one-line"
    scores = {long: SCORES["first"], "second": SCORES["second"], "none": {"box_oracle": 100.0}}
    run = make_run(scores=scores, accuracy={long: 50.0, "second": 75.0})
    plot_all([run], tmp_path, only=["bars", "accuracy"], formats=["svg"])
    assert set(pd.read_csv(tmp_path / "bars.csv")["row"]) == {long, "second", "box_oracle"}
    assert set(pd.read_csv(tmp_path / "accuracy.csv")["row"]) == {long, "second"}


def test_wide_gallery_is_split_between_checkpoints(make_run, tmp_path):
    scores = {name: {f"m{place}": 50.0 for place in range(3)} for name in ("a", "b", "c")}
    files = plot_all([make_run(scores=scores, gallery=1)], tmp_path / "plots")
    assert [path.stem for path in files if path.suffix == ".png"][3:] == ["gallery", "gallery-2"]


def test_plots_of_runs_that_are_not_comparable_are_refused(make_run, tmp_path):
    runs = [make_run("one"), make_run("two", dataset="coco")]
    with pytest.raises(RaybenchError, match="dataset is 'imagenet' and 'coco'"):
        plot_all(runs, tmp_path / "plots")
    assert plot_all(runs, tmp_path / "plots", mixed=True)


def test_unknown_kind_of_picture_is_refused(tmp_path):
    with pytest.raises(RaybenchError, match=r"no format '\.gif7'; use \.png, \.svg or \.pdf"):
        save_figure(Figure(), tmp_path / "picture.gif7")


def test_folder_that_cannot_be_written_is_a_clear_error(make_run, tmp_path):
    (tmp_path / "plots").write_text("a file")
    with pytest.raises(RaybenchError, match=r"cannot write .*plots"):
        plot_all([make_run()], tmp_path / "plots")


def test_plotting_never_loads_pyplot_and_importing_raybench_never_loads_matplotlib():
    code = (
        "import sys, raybench; assert 'matplotlib' not in sys.modules;"
        "import raybench.benchmark.results.files.thumbnails, raybench.benchmark.results.summary;"
        "assert 'matplotlib' not in sys.modules;"
        "import raybench.benchmark.pictures.plots; assert 'matplotlib.pyplot' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)


def test_a_long_title_is_broken_to_fit_a_narrow_figure(make_run):
    table = comparison_table([make_run(scores=SCORES)])
    figure = bar_figure(replace(table, title="measured on very many pictures " * 6), across=1)
    FigureCanvasAgg(figure).draw()
    title = figure._suptitle.get_window_extent()
    assert title.x0 >= 0
    assert title.x1 <= figure.bbox.width
