"""Prints tables: Markdown, LaTeX, CSV, HTML and JSON."""

from __future__ import annotations

import html
import math
import re
from collections.abc import Callable, Sequence
from functools import partial
from types import MappingProxyType
from typing import Literal

from ...base import UnknownNameError
from ..results import Column, Row, Score, Table

Intervals = bool | Literal["half-width"]

_LOPSIDED = 0.1
"""Share of its half-width by which an interval may lie beside its value and still be written with a ±."""

_LATEX = {
    "\\": r"\textbackslash{}",
    "{": r"\{",
    "}": r"\}",
    "$": r"\$",
    "&": r"\&",
    "#": r"\#",
    "%": r"\%",
    "_": r"\_",
    "^": r"\textasciicircum{}",
    "~": r"\textasciitilde{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    '"': r"{\char34}",  # \textquotedbl stops a document that is not set in T1 fonts
}


def render_table(table: Table, kind: str, *, intervals: Intervals = False) -> str:
    """Print a table as text that ends with a newline.

    Args:
        table: what to print.
        kind: `markdown`, `latex` (needs the packages booktabs and graphicx), `csv` and `json` (full
            precision) or `html` (a fragment).
        intervals: print the 95 % interval behind each value, or half its width; CSV always holds them.

    Raises:
        UnknownNameError: no such format.
    """
    if kind not in TABLE_FORMATS:
        raise UnknownNameError("table format", kind, TABLE_FORMATS)
    return TABLE_FORMATS[kind](table if kind in ("csv", "json") else table.labelled, intervals)


def _markdown(table: Table, intervals: Intervals) -> str:
    marks = marks_of(table)
    headings = headings_of(table)
    lines = [f"**{escape_markdown(table.title)}**", ""]
    lines.append(_pipes([escape_markdown(heading) for heading in headings]))
    lines.append(_pipes(["---"] * len(table.headings) + ["---:"] * (len(headings) - len(table.headings))))
    for row, count in zip(table.rows, count_texts(table), strict=True):
        printed = partial(cell_text, marks=marks, intervals=intervals, bold="**{}**", raised="<sup>{}</sup>")
        cells = [printed(*pair) for pair in pairs_of(table, row)]
        lines.append(_pipes([*map(escape_markdown, row.labels), *cells, *count]))
    lines.append("")
    lines += [f"- {escape_markdown(note)}" for note in notes_below(table, marks, intervals)]
    return "\n".join(lines) + "\n"


def _latex(table: Table, intervals: Intervals) -> str:
    marks = marks_of(table)
    headings = headings_of(table, spanned=True)
    alignment = "l" * len(table.headings) + "r" * (len(headings) - len(table.headings))
    notes = notes_below(table, marks, intervals)
    counted = [note for note in notes if note.startswith("queries per row")]
    lines = [rf"  \begin{{tabular}}{{{alignment}}}", r"    \toprule"]
    if spans := _spans(table):
        ends = [[at + 1, at + width] for at, width, name in spans if name]
        above = [rf"\multicolumn{{{width}}}{{c}}{{{escape_latex(name)}}}" for _, width, name in spans]
        lines += [f"    {' & '.join(above)} \\\\"]
        lines += ["    " + " ".join(rf"\cmidrule(lr){{{first}-{last}}}" for first, last in ends)]
    lines += [f"    {' & '.join(map(escape_latex, headings))} \\\\", r"    \midrule"]
    for row, count in zip(table.rows, count_texts(table), strict=True):
        cells = [
            cell_text(*pair, marks, intervals, bold=r"\textbf{{{}}}", raised=r"\textsuperscript{{{}}}")
            for pair in pairs_of(table, row)
        ]
        # {} keeps a cell that begins with [ or * from being read as an option of the line break before it
        lines.append(f"    {{}}{' & '.join([*map(escape_latex, row.labels), *cells, *count])} \\\\")
    lines += [r"    \bottomrule", r"  \end{tabular}"]
    caption = "; ".join([table.title, *counted])
    return latex_table(caption, lines, [note for note in notes if note not in counted])


def latex_table(caption: str, tabular: Sequence[str], notes: Sequence[str]) -> str:
    """Set a tabular, in lines of LaTeX, as a float that shrinks to the page; caption and notes are text."""
    lines = [r"\begin{table}", r"  \centering", rf"  \caption{{{escape_latex(caption)}}}"]
    lines += [
        r"  \resizebox{\ifdim\width>\linewidth\linewidth\else\width\fi}{!}{%",
        r"  \resizebox*{!}{\ifdim\totalheight>.8\textheight.8\textheight\else\totalheight\fi}{%",
        *tabular[:-1],
        tabular[-1] + "}}",
        r"  \par\smallskip\raggedright\footnotesize",
    ]
    lines += [rf"  {escape_latex(note)}\par" for note in notes]
    return "\n".join([*lines, r"\end{table}"]) + "\n"


def _html(table: Table, intervals: Intervals) -> str:
    marks = marks_of(table)
    lines = ['<table class="raybench">', f"  <caption>{html.escape(table.title)}</caption>", "  <thead>"]
    heads = [f'<th scope="col">{html.escape(heading)}</th>' for heading in headings_of(table, spanned=True)]
    above = [
        f'<th colspan="{width}" scope="colgroup">{html.escape(name)}</th>' for _, width, name in _spans(table)
    ]
    lines += [f"    <tr>{''.join(one)}</tr>" for one in (above, heads) if one]
    lines += ["  </thead>", "  <tbody>"]
    for row, count in zip(table.rows, count_texts(table), strict=True):
        cells = [f'<th scope="row">{html.escape(label)}</th>' for label in row.labels]
        for cell, column in pairs_of(table, row):
            text = cell_text(
                cell, column, marks, intervals, bold="<strong>{}</strong>", raised="<sup>{}</sup>"
            )
            opening = '<td class="best">' if cell.best else "<td>"
            cells.append(f"{opening}{text}</td>")
        cells += [f"<td>{number}</td>" for number in count]
        lines.append(f"    <tr>{''.join(cells)}</tr>")
    notes = "<br>".join(html.escape(note) for note in notes_below(table, marks, intervals))
    lines += ["  </tbody>", f'  <tfoot><tr><td colspan="{len(heads)}">{notes}</td></tr></tfoot>', "</table>"]
    # ASCII only: the fragment reads the same in a page of any encoding
    return ("\n".join(lines) + "\n").encode("ascii", "xmlcharrefreplace").decode("ascii")


def _csv(table: Table, intervals: Intervals) -> str:
    return str(table.frame().to_csv(index=False, lineterminator="\n"))


def _json(table: Table, intervals: Intervals) -> str:
    return str(table.frame().to_json(orient="records", indent=1)) + "\n"


TABLE_FORMATS = MappingProxyType[str, Callable[[Table, Intervals], str]](
    {"markdown": _markdown, "latex": _latex, "csv": _csv, "html": _html, "json": _json}
)


def headings_of(table: Table, *, spanned: bool = False) -> list[str]:
    """Return all headings: labels, metrics and counts; `spanned` if a row above says what is over some."""
    headings = [heading.replace("_", " ") for heading in table.headings]
    headings += [
        f"{column.over} {column.label}" if column.over and not spanned else column.label
        for column in table.columns
    ]
    return [*headings, *({"degenerate": "degen."}.get(name, name) for name in table.counts)]


def _spans(table: Table) -> list[tuple[int, int, str]]:
    """What stands above the headings: where it begins, over how many columns; nothing if nothing does."""
    over = [
        *[""] * len(table.headings),
        *(column.over for column in table.columns),
        *[""] * len(table.counts),
    ]
    if not any(over):
        return []
    starts = [at for at in range(len(over)) if not at or over[at] != over[at - 1]]
    return [(at, end - at, over[at]) for at, end in zip(starts, [*starts[1:], len(over)], strict=True)]


def count_texts(table: Table) -> list[list[str]]:
    """Return the cells of the counts, row by row."""
    return [[f"{values[place]:,}" for values in table.counts.values()] for place in range(len(table.rows))]


def pairs_of(table: Table, row: Row) -> list[tuple[Score, Column]]:
    """Return the cells of a row, each with its column."""
    return list(zip(row.cells, table.columns, strict=True))


def cell_text(
    cell: Score,
    column: Column,
    marks: dict[str, str],
    intervals: Intervals,
    *,
    bold: str,
    raised: str,
    join: str = " ",
) -> str:
    """Print a score: `**69.43** [68.9, 70.0] (69.43)`; nothing if it is missing."""
    value = column.printed(cell.value)
    parts = [bold.format(value) if cell.best else value]
    half = (cell.high - cell.low) / 2
    if intervals == "half-width" and abs(cell.low + half - cell.value) <= _LOPSIDED * half:
        parts.append(f"\N{PLUS-MINUS SIGN} {column.printed(half)}")
    elif intervals and not math.isnan(cell.low):
        parts.append(f"[{column.printed(cell.low)}, {column.printed(cell.high)}]")
    sign = raised.format(marks[cell.mark]) if cell.mark in marks else ""
    if not math.isnan(cell.published):
        parts.append(f"({column.printed(cell.published)}{sign})")
    elif value:
        parts[0] += sign
    return join.join(part for part in parts if part)


def marks_of(table: Table) -> dict[str, str]:
    """Give each remark on published values a letter; a remark that all of them share needs none."""
    cells = [cell for row in table.rows for cell in row.cells]
    published = [cell for cell in cells if not math.isnan(cell.published)] or cells
    found = dict.fromkeys(cell.mark for cell in published if not math.isnan(cell.value))
    if len(found) == 1:
        return {}
    return dict(zip((mark for mark in found if mark), "abcdefghijklmnopqrstuvwxyz", strict=False))


def notes_below(table: Table, marks: dict[str, str], intervals: Intervals) -> list[str]:
    """The sentences below a table, the remarks on single values last."""
    notes = list(table.notes)
    if intervals == "half-width":
        words = (
            "\N{PLUS-MINUS SIGN}: half the width of the 95 % interval over images, which stands in square "
            "brackets where the value is not its middle"
        )
        notes.insert(1, words)
    elif intervals:
        notes.insert(1, "in square brackets: 95 % interval over images")
    notes += [f"{letter}: {mark}" for mark, letter in marks.items()]
    if not marks:
        notes += dict.fromkeys(cell.mark for row in table.rows for cell in row.cells if cell.mark)
    return notes


def _pipes(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def escape_markdown(text: str) -> str:
    """Escape what Markdown and the HTML in it would act on; underscores inside words are harmless."""
    text = html.escape(" ".join(text.split()), quote=False)
    text = re.sub(r"([\\`*\[\]|~])", r"\\\1", text)
    return re.sub(r"(?<![A-Za-z0-9])_|_(?![A-Za-z0-9])", r"\\_", text)


def escape_latex(text: str) -> str:
    """Escape what LaTeX would act on."""
    return "".join(_LATEX.get(character, character) for character in " ".join(text.split()))
