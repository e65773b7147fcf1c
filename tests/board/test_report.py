"""`raybench report`: one page that needs no other file."""

from __future__ import annotations

import base64
import io
import re
from html.parser import HTMLParser
from pathlib import Path

import PIL.Image
import pytest
from tiny_suite import TinySuite, manifest_of
from typer.testing import CliRunner

from raybench.base.errors import RaybenchError
from raybench.benchmark.board.report import report_html, write_report
from raybench.benchmark.results.files.folder import open_results
from raybench.benchmark.running.run import evaluate
from raybench.benchmark.suite.settings import Settings
from raybench.commands import app


@pytest.fixture
def run(tiny: TinySuite) -> Path:
    out = tiny.folder / "out"
    evaluate(tiny.suite, Settings(data={"shapes": tiny.data}, out=out, processes=1, device="cpu"))
    return out


class References(HTMLParser):
    """Collects what a browser would fetch or run."""

    def __init__(self) -> None:
        super().__init__()
        self.scripts = 0
        self.addresses: list[str] = []

    def handle_starttag(self, tag, attrs):
        self.scripts += tag == "script" or any(name.startswith("on") for name, _ in attrs)
        self.addresses += [value or "" for name, value in attrs if name in ("src", "href", "srcset", "data")]


def test_page_needs_no_script_and_no_other_file(run):
    html = report_html(run)
    assert report_html(run) == html
    found = References()
    found.feed(html)
    assert found.scripts == 0
    assert found.addresses
    assert {address.partition(";")[0] for address in found.addresses} == {
        "data:image/svg+xml",
        "data:image/webp",
    }
    assert not re.search(r"url\(|@import", html)
    for address in found.addresses:
        content = base64.b64decode(address.partition(",")[2], validate=True)
        if address.startswith("data:image/webp"):
            assert max(PIL.Image.open(io.BytesIO(content)).size) <= 224
        else:
            assert b"</svg>" in content


def test_page_holds_every_number_of_the_summary_and_where_it_comes_from(run):
    html = report_html(run)
    quoted = {
        "pointing_game": "class_mean",
        "stochastic_pointing_game": "query_mean",
        "content_heatmap": "query_mean",
    }
    rows = [row for row in open_results(run).rows if quoted.get(row["metric"]) == row["aggregate"]]
    assert len(rows) == 6 * 3
    for row in rows:
        numbers = rf"{row['value']:.2f}(</strong>)? \[{row['ci_low']:.2f}, {row['ci_high']:.2f}\]"
        line = rf">{row['checkpoint']}</th><th scope=\"row\">{row['attribution']}<.*{numbers}"
        assert re.search(line, html), row
    manifest = manifest_of(run)
    for fact in (manifest["protocol"]["id"], manifest["dataset"]["fingerprint"], manifest["started"]):
        assert fact in html


def test_damaged_run_is_one_sentence(run, tmp_path):
    records = run / "first" / "grad_cam" / "records.csv"
    lines = records.read_text().splitlines()
    for path in run.glob("*/*/records.csv"):
        path.write_text("\n".join([lines[0], "half a line"]))
    with pytest.raises(RaybenchError, match=r"cannot be reported: .*records\.csv"):
        write_report(run, tmp_path / "report.html")
    assert not (tmp_path / "report.html").exists()


def test_wrong_ending_and_missing_folder_are_named(run, tmp_path):
    with pytest.raises(RaybenchError, match=r"no format '\.docx'; use \.html"):
        write_report(run, tmp_path / "report.docx")
    with pytest.raises(RaybenchError, match="no folder .*nowhere"):
        write_report(tmp_path / "nowhere", tmp_path / "report.html")


def test_hostile_names_stay_text(run):
    path = run / "run.json"
    path.write_text(path.read_text().replace('"resnet', '"<img src=x onerror=alert(1)>resnet'))
    manifest = path.read_text().replace('"description": ""', '"description": "<script>alert(1)</script>"')
    path.write_text(manifest)
    found = References()
    html = report_html(run)
    found.feed(html)
    assert "alert(1)" in html
    assert found.scripts == 0


def test_command_says_what_to_open(run, tmp_path):
    result = CliRunner().invoke(
        app, ["report", str(run), "-o", str(tmp_path / "r.html")], catch_exceptions=False
    )
    assert result.exit_code == 0
    assert f"open {tmp_path / 'r.html'}" in result.output
    assert f"next: raybench gallery {run}" in result.output.replace("\n", " ")
    assert "Example: raybench gallery runs/demo && raybench report" in " ".join(
        CliRunner().invoke(app, ["report", "--help"]).output.split()
    )
