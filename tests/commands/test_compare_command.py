"""`raybench compare` as a user meets it."""

from __future__ import annotations

import io

import pandas as pd
import pytest
from calls import call
from tiny_suite import TinySuite

from raybench.base.errors import RaybenchError
from raybench.benchmark.comparison import compare
from raybench.benchmark.comparison.comparing import Comparison
from raybench.benchmark.comparison.printing import comparison_csv, comparison_markdown, rich_comparison


def made_up(**changes: object) -> Comparison:
    """A comparison in which one metric differs for sure and one does not."""
    names = {"checkpoint_a": "net", "attribution_a": "cam", "checkpoint_b": "wide", "attribution_b": "cam"}
    line = {
        "aggregate": "query_mean",
        "value_a": 50.0,
        "value_b": 61.25,
        "difference": 11.25,
        "ci_low": 9.0,
        "ci_high": 13.5,
        "p_value": 1e-9,
        "images": 1200,
        "queries": 3000,
        "p_holm": 2e-9,
    }
    sure = names | {"metric": "content_heatmap"} | line
    tied = sure | {"metric": "pointing_game", "difference": -0.001, "ci_low": -2.0, "p_holm": 0.4}
    image = names | {"image_id": "im1", "class_index": 3, "class_name": "cat"}
    image |= {"value_a": 10.0, "value_b": 90.0, "difference": 80.0}
    facts = {
        "a": "runs/one",
        "b": "runs/two",
        "metrics": pd.DataFrame([sure, tied]),
        "images": pd.DataFrame([image]),
        "metric": "content_heatmap",
        "notes": ("left out: 3 of 9 queries",),
    }
    return Comparison(**(facts | changes))


def printed(comparison: Comparison, width: int = 80) -> str:
    from rich.console import Console

    console = Console(width=width, file=io.StringIO(), force_terminal=False)
    console.print(rich_comparison(comparison))
    return console.file.getvalue()


def test_markdown_says_which_is_better_and_how_sure_that_is() -> None:
    lines = comparison_markdown(made_up()).splitlines()
    assert lines[0] == "**A: net, cam; B: wide, cam; 1,200 images, 3,000 queries**"
    assert lines[2] == "| metric | A | B | B \N{MINUS SIGN} A | 95 % interval | p (Holm) | better |"
    assert lines[4].replace("**", "") == (
        r"| CH | 50.00 | 61.25 | +11.25 | \[+9.00, +13.50\] | &lt;0.0001 | B |"
    )
    assert lines[5] == r"| PG | 50.00 | 61.25 | 0.00 | \[-2.00, +13.50\] | 0.40 | tied |"
    assert "| im1 | cat | 10.00 | 90.00 | +80.00 |" in lines
    assert "- p (Holm): corrected for the 2 comparisons shown; bold where it is at most 0.05" in lines
    assert "- left out: 3 of 9 queries" in lines


def test_terminal_of_80_columns_shows_every_number_whole() -> None:
    text = printed(made_up())
    for word in ("CH", "50.00", "61.25", "+11.25", "[+9.00, +13.50]", "<0.0001", "tied", "im1", "+80.00"):
        assert word in text
    assert max(map(len, text.splitlines())) <= 80


def test_csv_holds_every_digit() -> None:
    comparison = made_up()
    metrics, images = comparison_csv(comparison).split("\n\n")
    pd.testing.assert_frame_equal(pd.read_csv(io.StringIO(metrics)), comparison.metrics, check_exact=True)
    pd.testing.assert_frame_equal(pd.read_csv(io.StringIO(images)), comparison.images, check_exact=True)
    assert "\n\n" not in comparison_csv(made_up(images=pd.DataFrame()))


def test_rows_of_equal_names_are_told_apart_by_their_folders() -> None:
    metrics = made_up().metrics.assign(checkpoint_b="net")
    assert "**A: net, cam in runs/one; B: net, cam in runs/two;" in comparison_markdown(
        made_up(metrics=metrics)
    )


def test_lower_may_be_better(monkeypatch: pytest.MonkeyPatch) -> None:
    from dataclasses import replace

    from raybench.benchmark.comparison import comparing

    plain = comparing.column_for
    monkeypatch.setattr(
        comparing, "column_for", lambda *names: replace(plain(*names), higher_is_better=False)
    )
    assert comparison_markdown(made_up()).splitlines()[4].replace("*", "").endswith("| A |")


def test_hostile_names_do_no_harm() -> None:
    hostile = "\x1b[31m<script>|**\x07" + "x" * 200
    comparison = made_up()
    comparison.images["image_id"] = hostile
    comparison.metrics["checkpoint_a"] = hostile
    text = printed(comparison)
    assert "\x1b" not in text
    assert "\x07" not in text
    assert "<script>" in text  # as text, whole lines folded
    markdown = comparison_markdown(comparison)
    assert "<script>" not in markdown
    assert "\x1b" not in markdown
    assert r"&lt;script&gt;\|\*\*" in markdown


def test_compare_follows_a_run(tiny: TinySuite) -> None:
    out = tiny.folder / "out"
    call("run", tiny.suite, "--data", f"shapes={tiny.data}", "--out", out)
    one, other = out / "first" / "grad_cam", out / "second" / "gradient"
    assert "images on which A and B differ most in SPG" in call("compare", one, other)
    assert "| PG |" in call("compare", one, other, "--format", "markdown").replace("**", "")
    text = call("compare", one, other, "--format", "csv", "--images", "0")
    expected = compare(one, other, images=0).metrics
    found = pd.read_csv(io.StringIO(text), keep_default_na=False, na_values={"value_a": [""]})
    assert found["difference"].tolist() == expected["difference"].tolist()
    assert found["metric"].tolist() == [
        "top1_accuracy",
        "pointing_game",
        "stochastic_pointing_game",
        "content_heatmap",
    ]
    with pytest.raises(RaybenchError, match="unknown metric"):
        call("compare", one, other, "--metric", "nosuch")
    with pytest.raises(RaybenchError, match="no folder"):
        call("compare", one, "nowhere")


def test_help_has_an_example() -> None:
    assert "Example: raybench compare" in " ".join(call("compare", "--help").split())
