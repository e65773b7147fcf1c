"""The gallery: which queries it shows, thumbnails made afterwards, and the page made from them."""

from __future__ import annotations

import csv
import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import PIL.Image
import pytest
from tiny_suite import TinySuite
from typer.testing import CliRunner

from raybench.base.errors import RaybenchError
from raybench.base.geometry import Point, Size
from raybench.benchmark.board.collect import collect
from raybench.benchmark.board.gallery import section_gallery
from raybench.benchmark.datasets.shapes import write_shapes
from raybench.benchmark.pictures.cells import cell_picture, outlined
from raybench.benchmark.results.files.folder import open_results
from raybench.benchmark.results.files.thumbnails import gallery_images
from raybench.benchmark.results.thumbnail_choice import (
    Choice,
    Chosen,
    choose,
    choose_from,
    read_choice,
    write_choice,
)
from raybench.benchmark.running.gallery import extend_gallery
from raybench.benchmark.running.run import evaluate
from raybench.benchmark.suite.settings import Again, Settings
from raybench.commands import app

ROWS = [("first", "grad_cam"), ("first", "gradient"), ("second", "grad_cam"), ("second", "gradient")]


@pytest.fixture
def run(tiny: TinySuite) -> Path:
    """Return the result folder of the tiny suite, which keeps two pictures by itself."""
    return measured(tiny, tiny.suite, "out")


def measured(tiny: TinySuite, suite: Path, name: str) -> Path:
    out = tiny.folder / name
    evaluate(suite, Settings(data={"shapes": tiny.data}, out=out, processes=1, device="cpu"))
    return out


def again(tiny: TinySuite, each: int = 1, **changes: object) -> Again:
    cards = tuple(str(tiny.folder / f"{name}.yaml") for name in ("first", "second"))
    known = {"data": {"shapes": tiny.data}, "checkpoints": cards, "each": each, "trust_code": True}
    return Again(**{**known, "device": "cpu", **changes})


def maps(out: Path) -> dict[str, bytes]:
    """Return all kept maps, pictures and regions, by path."""
    kinds = ("*/*/gallery/*.png", "gallery/*/*")
    return {str(path.relative_to(out)): path.read_bytes() for kind in kinds for path in out.glob(kind)}


def edit(path: Path, column: int, change: Callable[[str], str]) -> None:
    """Change a column of a CSV file."""
    with path.open(newline="") as file:
        head, *rows = csv.reader(file)
    for row in rows:
        row[column] = change(row[column])
    with path.open("w", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows([head, *rows])


def test_choice_by_hand():
    # columns: all high; all low; disputed; lost by all rows; missing in one row; the second best
    values = np.array([[90.0, 10, 100, 0, 50, 80], [94.0, 20, 0, 0, np.nan, 80]])
    found = choose(values, list("abcdef"), [0, 1, 2, 3, 4, 5], each=1)
    assert [(one.reason, one.image_id, one.class_index, one.mean, one.spread) for one in found] == [
        ("best", "a", 0, 92, 2),
        ("worst", "b", 1, 15, 5),
        ("disputed", "c", 2, 50, 50),
    ]


def test_no_image_is_chosen_twice_and_order_does_not_matter():
    rng = np.random.default_rng(0)
    values, ids, classes = (
        rng.uniform(0, 100, (3, 40)).round(),
        [f"{n // 2:02d}" for n in range(40)],
        [0, 1] * 20,
    )
    found = choose(values, ids, classes, each=5)
    assert len({one.image_id for one in found}) == len(found) == 15
    order = rng.permutation(40)
    shuffled = choose(values[:, order], [ids[at] for at in order], [classes[at] for at in order], each=5)
    assert shuffled == found


def test_choice_runs_out_of_images():
    found = choose(np.array([[1.0, 2.0], [3.0, 4.0]]), ["a", "b"], [0, 0], each=9)
    assert [one.image_id for one in found] == ["b", "a"]


def test_choice_reads_back(tmp_path):
    one = Chosen(image_id="../é", class_index=3, reason="best", mean=1.5, spread=0.25)
    choice = Choice(metric="content_heatmap", queries=(one,))
    write_choice(tmp_path, choice)
    assert read_choice(tmp_path) == choice
    assert read_choice(tmp_path / "nowhere") == Choice()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        '{"metric": "m", "queries": [1]}',
        '{"metric": "m", "queries": [{"image_id": "a"}]}',
        '{"metric": "m", "queries": [{"image_id": "a", "class_index": 0, "reason": "x"}]}',
        "[" * 9999,
    ],
)
def test_damaged_choice_is_named(tmp_path, text):
    (tmp_path / "gallery").mkdir()
    (tmp_path / "gallery" / "gallery.json").write_text(text)
    with pytest.raises(RaybenchError, match=r"gallery\.json is damaged; write it anew"):
        read_choice(tmp_path)


def test_finest_metric_decides(run):
    choice = choose_from(open_results(run), each=2)
    assert choice.metric == "content_heatmap"
    frames = [open_results(run).records(*row).set_index("image_id")["content_heatmap"] for row in ROWS]
    means = sum(frames) / len(frames)
    best = [query.image_id for query in choice.queries if query.reason == "best"]
    worst = [query.image_id for query in choice.queries if query.reason == "worst"]
    assert best[0] == means.idxmax()
    assert worst[0] == means.idxmin()


def test_thumbnails_made_afterwards_equal_those_of_a_run(tiny, run):
    whole = measured(tiny, tiny.with_suite(gallery=12), "whole")
    own = maps(run)
    choice = extend_gallery(run, again(tiny, each=2))
    found = maps(run)
    assert own.items() <= found.items()
    chosen = {query.image_id for query in choice.queries}
    kept = {image.folder.name for image in gallery_images(run)}
    assert kept == chosen
    assert len({query.image_id for query in choice.queries if query.reason != "random"}) == 2 * 3
    reference = maps(whole)
    shown = {path: content for path, content in found.items() if not path.endswith("gallery.json")}
    shown = {path: content for path, content in shown.items() if not path.startswith("none/")}
    for query in choice.queries:
        for checkpoint, attribution in ROWS:
            path = f"{checkpoint}/{attribution}/gallery/{query.image_id}-{query.class_index}.png"
            assert shown[path] == reference[path]
    assert all(reference[path] == content for path, content in shown.items())


def test_fewer_images_remove_the_others_but_not_the_random_ones(tiny, run):
    own = set(maps(run))
    extend_gallery(run, again(tiny, each=3))
    many = set(maps(run))
    choice = extend_gallery(run, again(tiny, each=1))
    few = set(maps(run))
    assert own < few < many
    assert {query.reason for query in choice.queries} == {"best", "worst", "disputed", "random"}
    extend_gallery(run, again(tiny, each=3))
    assert set(maps(run)) == many


def test_other_data_are_refused(tiny, run, tmp_path):
    write_shapes(tmp_path / "other", images=12, seed=6)
    with pytest.raises(
        RaybenchError, match=r"not the one that .* was measured on: its fingerprint is \w{12}"
    ):
        extend_gallery(run, again(tiny, data={"shapes": tmp_path / "other"}))


def test_other_weights_are_refused(tiny, run):
    shutil.copy(tiny.folder / "first.safetensors", tiny.folder / "second.safetensors")
    with pytest.raises(
        RaybenchError, match=r"weights of 'second' have changed since .* SHA-256 \w{12} then, \w{12} now"
    ):
        extend_gallery(run, again(tiny))


def test_another_protocol_is_refused(tiny, run):
    manifest = json.loads((run / "run.json").read_text())
    manifest["protocol"]["fields"]["tolerance_px"] = 3
    (run / "run.json").write_text(json.dumps(manifest))
    with pytest.raises(RaybenchError, match=r"measured under protocol aaai21 \w{12}, which this version"):
        extend_gallery(run, again(tiny))


def test_edited_records_are_noticed(tiny, run):
    edit(run / "second" / "gradient" / "records.csv", -1, lambda text: str(float(text) / 2))
    with pytest.raises(
        RaybenchError, match="second, gradient, image 'shapes_val_.*content_heatmap is .* and was"
    ):
        extend_gallery(run, again(tiny))
    assert not (run / "gallery" / "gallery.json").exists()


def test_missing_and_foreign_cards_are_named(tiny, run, tmp_path):
    with pytest.raises(RaybenchError, match="no card of 'first', 'second' ships with raybench; give it by"):
        extend_gallery(run, again(tiny, checkpoints=()))
    with pytest.raises(
        RaybenchError, match="checkpoint 'shapes-gc' is not in .*, which measured 'first', 'second'"
    ):
        extend_gallery(run, again(tiny, checkpoints=("shapes-gc",)))


def test_run_without_networks_has_nothing_to_choose(tiny, run):
    suite = tiny.with_suite(checkpoints=None, attributions=["center"], metrics=["pointing_game"], gallery=0)
    with pytest.raises(RaybenchError, match="no rows of checkpoints to choose from"):
        extend_gallery(measured(tiny, suite, "center"), again(tiny))


def test_outline_lies_inside_the_region_and_its_rim_around_it():
    mask = np.zeros((12, 12), dtype=bool)
    mask[0:8, 2:9] = True  # touches the upper edge
    painted = outlined(np.full((12, 12, 3), 128, np.uint8), mask)[..., 0]
    column = painted[:, 5].tolist()
    assert column == [255, 255, 0, 128, 128, 0, 255, 255, 0, 128, 128, 128]
    assert painted[4].tolist() == [128, 0, 255, 255, 0, 128, 0, 255, 255, 0, 128, 128]


@pytest.mark.parametrize(("hit", "colour"), [(True, (0, 176, 80)), (False, (224, 32, 44))])
def test_point_is_drawn_where_it_lies(hit, colour):
    picture = np.full((100, 200, 3), 128, np.uint8)
    nothing = np.zeros((100, 200), dtype=bool)
    cell = cell_picture(picture, nothing, None, Point(300, 50), size=Size(200, 400), hit=hit)
    assert cell.size == (200, 100)
    pixels = np.asarray(cell).astype(int)
    where = np.argwhere((abs(pixels - colour) < 8).all(axis=2))
    assert where.mean(axis=0) == pytest.approx((25.25, 150.25), abs=1)
    beyond = np.ones((100, 200), dtype=bool)
    beyond[15:36, 140:161] = False
    assert (pixels[beyond] == 128).all()


def test_small_pictures_are_not_blown_up():
    picture = np.full((30, 60, 3), 9, np.uint8)
    cell = cell_picture(picture, np.zeros((30, 60), bool), None, None, size=Size(30, 60), hit=None)
    assert cell.size == (60, 30)
    assert (np.asarray(cell) == 9).all()


def test_page_shows_every_reason_and_only_files_that_exist(tiny, run, tmp_path):
    extend_gallery(run, again(tiny, each=1))
    (section,) = collect([run], with_published=False).sections
    html = str(section_gallery(section, tmp_path))
    assert re.findall(r"<h4[^>]*>(\w+)", html) == ["Best", "Worst", "Disputed", "Random"]
    pictures = re.findall(
        r'<img loading="lazy" decoding="async" src="([^"]+)" width="(\d+)" height="(\d+)" alt="[^"]+"', html
    )
    assert len(pictures) == html.count("<img")
    for path, width, height in pictures:
        assert path.startswith(f"gallery/{section.key}/")
        with PIL.Image.open(tmp_path / path) as image:
            assert image.size == (int(width), int(height))
    assert sum(one.stat().st_size for one in tmp_path.rglob("*.webp")) < 1_000_000
    hits = sum(
        open_results(run).records(*row).set_index("image_id").loc[query.image_id, "pointing_game"] == 100
        for row in ROWS
        for query in read_choice(run).queries
    )
    assert html.count("the most salient pixel is a hit") == hits


def test_run_that_never_saw_the_command_shows_its_random_queries(run, tmp_path):
    (section,) = collect([run], with_published=False).sections
    html = str(section_gallery(section, tmp_path))
    assert re.findall(r"<h4[^>]*>(\w+)", html) == ["Random"]
    assert html.count("<details") == 2


def test_damaged_gallery_does_not_stop_the_page(run, tmp_path):
    (section,) = collect([run], with_published=False).sections
    first, second = sorted((run / "gallery").glob("*/picture.jpg"))
    picture = PIL.Image.new("RGB", (4000, 4000))
    picture.save(second, "PNG")  # no thumbnail
    assert section_gallery(section, tmp_path) is None
    first.write_bytes(b"no picture")
    assert section_gallery(section, tmp_path) is None


def test_links_out_of_the_folder_are_not_followed(run, tmp_path):
    secret = tmp_path / "secret.png"
    PIL.Image.new("L", (32, 32), 200).save(secret)
    for path in (run / "first").glob("*/gallery/*.png"):
        path.unlink()
        path.symlink_to(secret)
    region = sorted((run / "gallery").glob("*/region-*.png"))[0]
    region.unlink()
    region.symlink_to(secret)
    (section,) = collect([run], with_published=False).sections
    html = str(section_gallery(section, tmp_path / "site"))
    assert html.count("<details") == 1
    assert html.count("no map kept") == 2
    assert html.count("<figure>") == 2


def test_hostile_class_names_stay_text(tiny, run, tmp_path):
    (section,) = collect([run], with_published=False).sections
    for checkpoint, attribution in ROWS:
        records = run / checkpoint / attribution / "records.csv"
        edit(records, 2, lambda text: "<script>alert(1)</script>")
    html = str(section_gallery(section, tmp_path))
    assert "<script" not in html
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in html


def test_command_says_what_it_chose(tiny, run):
    words = ["gallery", str(run), "--data", f"shapes={tiny.data}", "--images", "1", "--trust-code"]
    for name in ("first", "second"):
        words += ["--checkpoint", str(tiny.folder / f"{name}.yaml")]
    result = CliRunner().invoke(app, words, catch_exceptions=False)
    assert result.exit_code == 0
    for query in read_choice(run).queries:
        assert re.search(rf"{query.reason} +{query.image_id}, class {query.class_index}: ", result.output)
    assert f"next: raybench leaderboard {run}" in result.output
    assert "Example: raybench gallery" in CliRunner().invoke(app, ["gallery", "--help"]).output
