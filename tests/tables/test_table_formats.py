"""Printed tables: every character that a format acts on is escaped, CSV keeps full precision."""

from __future__ import annotations

import csv
import html
import io
import shutil
import subprocess
from dataclasses import replace

import pytest
from rich.console import Console

from raybench.base.errors import UnknownNameError, broken
from raybench.benchmark.results.scores import Column, Row, Score, Table
from raybench.benchmark.tables.formats import TABLE_FORMATS, render_table
from raybench.benchmark.tables.tables import published_tables
from raybench.benchmark.tables.terminal import rich_table

NASTY = "<script>alert('x')</script> a|b_c_ & 100 % $x^2 ~ # {y} \\ `z` *w* [k]"
COLUMN = Column("pointing_game", "PG", "class_mean")


def table(*cells: Score, label: str = "net") -> Table:
    rows = tuple(Row((label, "grad_cam_elementwise"), (cell,)) for cell in cells)
    return Table("title", ("checkpoint", "attribution"), (COLUMN,), rows)


@pytest.mark.parametrize("kind", sorted(TABLE_FORMATS))
def test_every_format_prints_value_and_names(kind):
    text = render_table(table(Score(69.434), Score(12.0)), kind)
    assert "69.43" in text
    assert "grad_cam_elementwise".replace("_", r"\_" if kind == "latex" else "_") in text
    assert text.endswith("\n")


def test_markdown_escapes_pipes_tags_and_emphasis():
    text = render_table(table(Score(1.0), label=NASTY), "markdown")
    row = text.splitlines()[4]
    assert "<script>" not in text
    assert "&lt;script&gt;" in row
    assert r"a\|b_c\_ &amp; 100 %" in row
    assert r"\`z\` \*w\* \[k\]" in row
    unescaped = row.replace(r"\|", "")
    assert unescaped.count("|") == 4


def test_markdown_marks_best_and_shows_published_and_interval():
    best = Score(69.434, 68.0, 70.126, best=True, published=69.43)
    assert "| **69.43** (69.43) |" in render_table(table(best), "markdown")
    assert "| **69.43** [68.00, 70.13] (69.43) |" in render_table(table(best), "markdown", intervals=True)


def test_missing_score_is_an_empty_cell():
    assert render_table(table(Score()), "markdown").splitlines()[4] == "| net | grad_cam_elementwise |  |"
    assert render_table(table(Score()), "csv").splitlines()[1] == "net,grad_cam_elementwise,"


def test_latex_escapes_every_special_character():
    text = render_table(table(Score(1.0), label=NASTY), "latex")
    row = text.splitlines()[9]
    expected = (
        r"\textless{}script\textgreater{}alert('x')\textless{}/script\textgreater{} a\textbar{}b\_c\_ "
        r"\& 100 \% \$x\textasciicircum{}2 \textasciitilde{} \# \{y\} \textbackslash{} `z` *w* [k]"
    )
    assert row.strip() == rf"{{}}{expected} & grad\_cam\_elementwise & 1.00 \\"


def test_latex_needs_no_fonts_but_the_usual():
    assert r"{}a {\char34}b{\char34} &" in render_table(table(Score(1.0), label='a "b"'), "latex")


def test_latex_is_a_booktabs_table_with_balanced_braces_and_bold_best():
    text = render_table(table(Score(69.4, best=True), Score(1.0)), "latex")
    for part in (r"\begin{tabular}{llr}", r"\toprule", r"\midrule", r"\bottomrule", r"\textbf{69.40}"):
        assert part in text
    plain = text.replace(r"\{", "").replace(r"\}", "")
    assert plain.count("{") == plain.count("}")
    assert text.count(r"\begin") == text.count(r"\end")


def test_html_escapes_and_is_ascii():
    text = render_table(table(Score(5.0, best=True), label=NASTY + " é"), "html")
    assert "<script>" not in text
    assert html.escape("<script>alert('x')</script>") in text
    assert "&#233;" in text
    assert text.isascii()
    assert '<td class="best"><strong>5.00</strong></td>' in text


def test_csv_keeps_every_digit_and_quotes_names():
    value = 1 / 3
    text = render_table(table(Score(value, 0.1 + 0.2, 2 / 3, published=12.5), label='a,"b"'), "csv")
    (row,) = csv.DictReader(io.StringIO(text))
    assert row["checkpoint"] == 'a,"b"'
    assert float(row["pointing_game"]) == value
    assert float(row["pointing_game_ci_low"]) == 0.1 + 0.2
    assert float(row["pointing_game_published"]) == 12.5


def test_remarks_get_letters_unless_all_published_values_share_one():
    marked = Score(1.0, published=2.0, mark="doubtful")
    text = render_table(table(marked, Score(1.0, published=3.0)), "markdown")
    assert "(2.00<sup>a</sup>)" in text
    assert "- a: doubtful" in text
    shared = render_table(table(marked, Score(1.0)), "markdown")
    assert "<sup>" not in shared
    assert "- doubtful" in shared


def test_degenerate_column_appears_only_if_there_are_any():
    plain = table(Score(1.0))
    assert "degen." not in render_table(plain, "markdown")
    counted = replace(plain, rows=(replace(plain.rows[0], degenerate=3),))
    assert render_table(counted, "markdown").splitlines()[4].endswith("| 1.00 | 3 |")
    assert render_table(counted, "latex").splitlines()[9].endswith(r"1.00 & 3 \\")


def drawn(one: Table, width: int, **options: object) -> str:
    """What a terminal of this width shows; what is wider shows beside it."""
    console = Console(width=width, file=io.StringIO(), force_terminal=False)
    console.print(rich_table(one, width=width, **options), crop=False)
    return console.file.getvalue()


@pytest.mark.parametrize("width", [60, 80, 200])
def test_terminal_table_fits_and_keeps_every_character_of_names(width):
    name = "resnet18-with-a-very-long-name_and_no_spaces"
    text = drawn(table(Score(69.43, published=70.0), label=name), width)
    assert max(map(len, text.splitlines())) <= width
    left = "".join(line.split()[0] for line in text.splitlines()[4:] if line.startswith(" ") and line.split())
    assert name in left
    assert "69.43" in text
    assert "(70.00)" in text


@pytest.mark.parametrize("width", [24, 60, 80, 4000])
@pytest.mark.parametrize("over", ["", "pointing game"])
def test_no_number_is_broken_however_narrow_a_terminal_is(width, over):
    values = [100 - 1.37 * place for place in range(12)]
    columns = tuple(
        Column(f"m{at}", f"integrated_gradients{at}", "query_mean", over=over) for at in range(12)
    )
    cells = tuple(Score(value, value - 9, value + 9) for value in values)
    wide = Table("title", ("checkpoint", "attribution"), columns, (Row(("my-network", "grad_cam"), cells),))
    text = drawn(wide, width, intervals=True)
    words = text.split()
    for value in values:
        assert f"{value:.2f}" in words
        assert f"[{value - 9:.2f}, {value + 9:.2f}]" in text
    if width == 4000:  # one line for each row: nothing has to fit
        assert all(name in text for name in ("my-network", "integrated_gradients11"))
        assert sum("grad_cam" in line for line in text.splitlines()) == 1
    elif width > 24:
        assert max(map(len, text.splitlines())) <= width


def test_in_plain_text_a_star_marks_what_a_terminal_shows_bold():
    best = table(Score(69.4, best=True), Score(1.0))
    for notes, expected in ((), "*: the best value of a column"), (("bold: values",), "*: values"):
        text = drawn(replace(best, notes=notes), 80, plain=True)
        assert expected in text.splitlines()
        assert "*69.40" in text
        assert "*1.00" not in text
    assert "*" not in drawn(table(Score(1.0)), 80, plain=True)


def test_terminal_table_reads_no_markup_in_names():
    assert "[red]net[/red]" in drawn(table(Score(1.0), label="[red]net[/red]"), 100)


def test_names_break_at_joints():
    assert broken("contrastive_excitation_backprop", 12) == "contrastive_\nexcitation_\nbackprop"
    assert broken("grad_cam", 12) == "grad_cam"
    assert broken("", 12) == ""


def test_unknown_format_names_the_nearest():
    with pytest.raises(UnknownNameError, match="unknown table format 'markdwon'; did you mean 'markdown'"):
        render_table(table(Score()), "markdwon")


def test_published_table_in_markdown_has_the_printed_values():
    text = render_table(published_tables("aaai21")[0], "markdown")
    assert "| resnet18 | gmp_gc | 69.02 | 79.60 | 68.74 | 65.35 |" in text
    assert text.count("\n| ") == 12  # heading, rule and ten rows


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="there is no pdflatex")
def test_latex_compiles_and_stays_on_the_page(tmp_path):
    cells = (Score(69.4, 68.0, 71.0, best=True),) * 20
    wide = Table("title", ("checkpoint",), (COLUMN,) * 20, (Row((NASTY,), cells),), ("a note of words",) * 3)
    long = table(*cells * 4)
    text = "".join(render_table(one, "latex", intervals=True) for one in (wide, long))
    document = r"\documentclass{article}\usepackage{booktabs,graphicx}\begin{document}" + text
    (tmp_path / "a.tex").write_text(document + r"\end{document}", encoding="utf-8")
    command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "a.tex"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-2000:]
    assert "Overfull" not in done.stdout
    assert "Float too large" not in done.stdout
