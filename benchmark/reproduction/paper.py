"""Prints a reproduction for a paper, arranged as its source arranges the table."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from ..tables import escape_latex, latex_table, published_column
from .judging import Judged, printed_to
from .reproducing import Reproduction
from .verdicts import Word

_MARKS = {
    Word.CLOSE: "c",
    Word.DIFFERS: "d",
    Word.AS_EXPECTED: "e",
    Word.INCONSISTENT: "i",
    Word.NO_REFERENCE: "n",
    Word.TOO_FEW: "t",
    Word.VOID: "v",
}
"""Superscripts of verdicts; what is equal or consistent has none."""

_WIDEST = 5  # columns beside each other


def latex_of(found: Reproduction, notes: Sequence[str]) -> str:
    """Return a table with a line for each row, and columns for each metric in each column of the source.

    A cell holds what was measured, of a sample with half its interval, and in parentheses what was published.
    Columns of other rows stand below, and those that a page is too narrow for.
    """
    blocks: list[tuple[list[str], list[str]]] = []
    width = 0
    for column in dict.fromkeys(one.cell.column for one in found.judged):
        cells = [one.cell for one in found.judged if one.cell.column == column]
        rows, metrics = list(dict.fromkeys(c.row for c in cells)), len({c.metric for c in cells})
        if blocks and blocks[-1][0] == rows and width + metrics <= _WIDEST:
            blocks[-1][1].append(column)
            width += metrics
        else:
            blocks.append((rows, [column]))
            width = metrics
    lines = [r"  \begin{tabular}{@{}c@{}}"]
    for number, (rows, columns) in enumerate(blocks):
        lines += [r"  \\[2ex]"] * (number > 0)
        lines += _block(found.judged, rows, columns)
    lines.append(r"  \end{tabular}")
    used = [
        f"{_MARKS[word]}: {word}" for word in _MARKS if word in {one.verdict.word for one in found.judged}
    ]
    said = "measured, and in parentheses published" + "".join(f"; {mark}" for mark in used)
    return latex_table(found.table.source.title, lines, [*notes, said])


def _block(judged: Sequence[Judged], rows: Sequence[str], columns: Sequence[str]) -> Iterator[str]:
    heads = list(
        dict.fromkeys((one.cell.column, one.cell.metric) for one in judged if one.cell.column in columns)
    )
    cells = {(one.cell.row, one.cell.column, one.cell.metric): one for one in judged}
    yield rf"  \begin{{tabular}}{{l*{{{len(heads)}}}{{r}}}}"
    yield r"    \toprule"
    above, rules, place = [""], [], 2
    for column in columns:
        width = sum(one == column for one, _ in heads)
        above.append(rf"\multicolumn{{{width}}}{{c}}{{{escape_latex(column)}}}")
        rules.append(rf"\cmidrule(lr){{{place}-{place + width - 1}}}")
        place += width
    yield f"    {' & '.join(above)} \\\\ {' '.join(rules)}"
    labels = [escape_latex(published_column(metric).label) for _, metric in heads]
    yield f"    {' & '.join(['', *labels])} \\\\"
    yield r"    \midrule"
    for row in rows:
        shown = [cells.get((row, column, metric)) for column, metric in heads]
        texts = [_text(one) if one else "" for one in shown]
        yield f"    {' & '.join([escape_latex(row), *texts])} \\\\"
    yield r"    \bottomrule"
    yield r"  \end{tabular}"


def _text(one: Judged) -> str:
    printed = printed_to(one.cell.value, one.cell.printed)
    if math.isnan(one.found.value):
        return f"-- ({printed})"
    half = (one.found.high - one.found.low) / 2
    spread = "" if math.isnan(half) else rf" $\pm$ {half:.1f}"
    mark = rf"\textsuperscript{{{_MARKS[one.verdict.word]}}}" if one.verdict.word in _MARKS else ""
    return f"{one.found.value:.2f}{spread} ({printed}){mark}"
