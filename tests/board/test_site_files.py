"""What `raybench leaderboard` writes, without a browser."""

from __future__ import annotations

import base64
import gzip
import json
import math
import re
import shlex
import sys
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from board_folders import change_manifest, made_up_values, write_run
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from raybench.base.errors import RaybenchError
from raybench.benchmark.board import build as site
from raybench.benchmark.board.bars import Scale
from raybench.benchmark.board.build import write_plotly
from raybench.benchmark.board.collect import collect
from raybench.benchmark.board.provenance import shell_command
from raybench.benchmark.board.templating import json_for_script, safe_key
from raybench.benchmark.results.files.folder import open_results
from raybench.benchmark.results.sections import Score
from raybench.commands import app


@pytest.fixture
def run(tmp_path: Path) -> Path:
    rows = {
        ("one", "grad_cam"): made_up_values(20, 60, seed=1),
        ("two", "grad_cam"): made_up_values(20, 50, seed=2),
    }
    return write_run(tmp_path / "run", rows, accuracy={"one": 50})


def contents(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def test_same_folders_give_the_same_bytes(run: Path, tmp_path: Path) -> None:
    for name in ("first", "second"):
        site.build_site(collect([run]), tmp_path / name)
    assert contents(tmp_path / "first") == contents(tmp_path / "second")


def test_feed_holds_the_numbers_of_every_row(run: Path, tmp_path: Path) -> None:
    page = site.build_site(collect([run]), tmp_path / "site")
    feed = json.loads((page.parent / "feed.json").read_text())
    assert feed["version"] == "https://jsonfeed.org/version/1.1"
    assert len(feed["items"]) == 2
    for item in feed["items"]:
        assert f'id="{item["id"]}"' in page.read_text()
        assert item["url"] == f"index.html#{item['id']}"
        level, seed = {"one": (60, 1), "two": (50, 2)}[item["_raybench"]["checkpoint"]]
        score = item["_raybench"]["scores"]["content_heatmap"]
        assert score["value"] == pytest.approx(made_up_values(20, level, seed=seed).mean())
        assert score["low"] < score["value"] < score["high"]
        assert f"CH {score['printed']}" in item["content_text"]
    table, latex = sorted((page.parent / "tables").iterdir())
    for file in (table, latex):
        assert f'href="tables/{file.name}"' in page.read_text()
    lines = {line.split(" & ")[0].strip(" {}"): line for line in latex.read_text().splitlines()}
    best = {name: [r"\textbf" in cell for cell in lines[name].split("&")[2:]] for name in ("one", "two")}
    assert best["one"][2:4] == [True, True]  # SPG and CH, of which the other is surely worse
    assert best["two"][2:4] == [False, False]
    rows = pd.read_csv(table).set_index("checkpoint")
    assert rows.loc["one", "content_heatmap"] == pytest.approx(made_up_values(20, 60, seed=1).mean())
    assert list(rows["content_heatmap_place"]) == [1, 2]


def test_names_are_no_formulas_and_same_weights_are_said(tmp_path: Path) -> None:
    values = made_up_values(20, 60, seed=1)
    run = write_run(tmp_path / "run", {("=1+1", "rise"): values, ("b", "rise"): values})
    change_manifest(run, weights_sha256={"=1+1": "ab" * 32, "b": "ab" * 32})
    page = site.build_site(collect([run], with_published=False), tmp_path / "site")
    (table,) = (page.parent / "tables").glob("*.csv")
    assert set(pd.read_csv(table)["checkpoint"]) == {"'=1+1", "b"}
    assert re.search(r"The same weights under several names: (=1\+1, b|b, =1\+1)\.", page.read_text())


class Links(HTMLParser):
    """Collects every address on a page."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found += [
            value for name, value in attrs if name in ("href", "src", "srcset", "action") and value
        ]


def test_page_is_small_and_links_only_to_itself(run: Path, tmp_path: Path) -> None:
    page = site.build_site(collect([run]), tmp_path / "site")
    weight = page.stat().st_size + sum(len(data) for data in contents(page.parent / "assets").values())
    assert weight < 6_000_000
    links = Links()
    links.feed(page.read_text())
    assert len(links.found) > 10
    for link in links.found:
        if link.startswith("#"):
            assert f'id="{link[1:]}"' in page.read_text()
        else:
            assert (page.parent / link).is_file()


def test_command_builds_the_site_and_says_what_to_open(run: Path, tmp_path: Path) -> None:
    done = CliRunner().invoke(app, ["leaderboard", str(run), "-o", str(tmp_path / "site")])
    assert done.exit_code == 0
    assert f"2 rows; open {tmp_path / 'site' / 'index.html'}" in done.stderr
    assert (tmp_path / "site" / "index.html").is_file()


def test_command_fails_in_one_sentence_if_nothing_is_left(run: Path, tmp_path: Path) -> None:
    (run / "run.json").write_text("{")
    done = CliRunner().invoke(app, ["leaderboard", str(run), "-o", str(tmp_path / "site")])
    assert isinstance(done.exception, RaybenchError)  # the entry point prints it and leaves with 2
    assert "excluded.html says why" in str(done.exception)
    assert "not valid JSON" in (tmp_path / "site" / "excluded.html").read_text()
    assert (tmp_path / "site" / "index.html").is_file()


WEIRD: tuple[Any, ...] = (
    None,
    3,
    -1.5,
    True,
    "x",
    "\ud800",
    [],
    [3],
    ["x"],
    [[]],
    {},
    {"a": [1]},
    {"name": 3},
)


@pytest.mark.parametrize(
    "key",
    [
        "suite",
        "dataset",
        "metrics",
        "checkpoints",
        "attributions",
        "weights_sha256",
        "started",
        "limit",
        "command",
        "device",
        "versions",
        "skipped",
        "notes",
        "without_queries",
        "wall_seconds",
        "seed",
        "git_revision",
    ],
)
def test_no_value_in_a_manifest_makes_the_build_fail(key: str, tmp_path: Path) -> None:
    folders = []
    for number, value in enumerate(WEIRD):
        rows = {(f"net{number}", "grad_cam"): made_up_values(4, 60, seed=number)}
        folders.append(write_run(tmp_path / f"run{number}", rows))
        change_manifest(folders[-1], **{key: value})
    rows = {("sound", "grad_cam"): made_up_values(4, 60, seed=99)}
    folders.append(write_run(tmp_path / "sound", rows))
    board = collect(folders, with_published=False)
    shown = {row.checkpoint for section in board.sections for row in section.rows}
    assert "sound" in shown
    assert len(shown) + len({one.path for one in board.excluded}) == len(folders)
    assert b"sound" in site.render_pages(board)["index.html"]


def test_manifest_nested_too_deep_is_left_out(run: Path) -> None:
    (run / "run.json").write_text("[" * 100_000)
    assert "nested too deep" in collect([run]).excluded[0].reason


def test_json_in_a_script_element_cannot_end_it() -> None:
    data = {"</script><!--": ["<script>", "a & b", "\u2028", "\ud800"]}
    text = str(json_for_script(data))
    assert not set("<>&") & set(text)
    assert text.isascii()
    assert json.loads(text) == data
    assert json_for_script([math.nan, math.inf, (2, None)]) == "[null,null,[2,null]]"


def test_plotly_is_packed_as_it_is_installed(tmp_path: Path) -> None:
    write_plotly(tmp_path)
    packed = re.search(r'\("([A-Za-z0-9+/=]+)"\);\n$', (tmp_path / "plotly.js").read_text())
    assert packed is not None
    import plotly.offline

    assert gzip.decompress(base64.b64decode(packed[1])).decode() == plotly.offline.get_plotlyjs()


def test_missing_library_names_the_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "plotly", None)
    with pytest.raises(
        RaybenchError, match=r"needs the package plotly; install it by .*raybench\[leaderboard\]"
    ):
        write_plotly(tmp_path)


def test_command_again_is_quoted_and_holds_no_folder_of_the_old_machine(run: Path) -> None:
    change_manifest(
        run,
        suite={"name": "a b; rm -rf ~"},
        limit=7,
        command=[
            "raybench",
            "run",
            "x",
            "--checkpoint=/home/me/card.yaml",
            "--out",
            "/home/me/out",
        ],
        checkpoints=[{"name": "$(id)\x1b[2J"}, {"name": "$(id)"}],
    )
    command = shell_command(open_results(run), "$(id)")
    assert shlex.split(command) == [
        "raybench",
        "run",
        "a b; rm -rf ~",
        "--data",
        "shapes=PATH",
        "--checkpoint",
        "$(id)",
        "--limit",
        "7",
        "--out",
        "runs/a b; rm -rf ~",
    ]
    assert "/home/me" not in command


@given(
    st.lists(
        st.lists(st.text(max_size=60), min_size=1, max_size=3).map(tuple), min_size=2, max_size=2, unique=True
    )
)
def test_keys_are_safe_and_tell_names_apart(names: list[tuple[str, ...]]) -> None:
    first, second = (safe_key(*parts) for parts in names)
    assert re.fullmatch(r"[a-z0-9-]+", first)
    assert len(first) < 200
    plain = re.compile(r"[a-z0-9._-]+")
    if not all(plain.fullmatch(part) for parts in names for part in parts):
        assert first != second


def test_key_of_a_plain_name_keeps_its_looks() -> None:
    assert safe_key("resnet18-gmp", "grad_cam") == "resnet18-gmp-grad-cam"


def test_bar_places_value_and_interval_on_a_round_scale() -> None:
    scale = Scale.around([Score(52.0, 50.5, 54.0), Score(69.0), Score(published=61.0)])
    assert scale == Scale(50, 70)
    assert scale.bar(Score(55.0, 52.0, 60.0)) == (25.0, 10.0, 50.0)
    assert scale.bar(Score(69.0)) == (95.0, 95.0, 95.0)
    assert scale.bar(Score(10.0, 5.0, 99.0)) == (0.0, 0.0, 100.0)
    assert Scale.around([]) == Scale(0, 100)
    assert Scale.around([Score(40.0)]).low == 40
    assert not math.isnan(Scale.around([Score(40.0)]).bar(Score(40.0)).point)
