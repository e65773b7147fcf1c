"""One run on one page that needs nothing else: HTML without a script, or PDF."""

from __future__ import annotations

import base64
import html
import io
import re
import tempfile
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import matplotlib
from jinja2 import Environment, PackageLoader
from markupsafe import Markup
from matplotlib.backends.backend_pdf import PdfPages
from matplotlib.figure import Figure

from ...base import RaybenchError
from ..pictures import INK, Drawing, for_matplotlib, gallery_columns, gallery_figure
from ..results import NO_CHECKPOINT, REASONS, ResultFolder, Section, Table, open_results, write_atomically
from ..tables import comparison_table, render_table
from .collect import collect
from .gallery import GalleryCell, GalleryQuery, gallery_queries
from .plots import section_drawings
from .provenance import Provenance, command_again

__all__ = ["report_html", "write_report"]

_A4 = (8.27, 11.69)
_TEXT_POINTS = 720  # height of the text on a page
_COLUMNS_PER_PAGE = 5


@dataclass(frozen=True, eq=False)
class _Report:
    """What a report shows of a run."""

    run: ResultFolder
    section: Section
    table: Table

    @property
    def facts(self) -> list[tuple[str, str]]:
        """What was measured, in a few lines."""
        section = self.section
        checkpoints = dict.fromkeys(row.checkpoint for row in section.rows if row.checkpoint != NO_CHECKPOINT)
        methods = dict.fromkeys(row.attribution for row in section.rows)
        queries = max(row.queries for row in section.rows)
        facts = [
            ("dataset", section.dataset),
            ("protocol", f"{section.protocol} ({section.protocol_id})"),
            ("changed rules", section.changes),
            ("checkpoints", ", ".join(checkpoints) or "none"),
            ("attributions", ", ".join(methods)),
            ("queries", f"{queries:,} on {len(set(section.image_ids.tolist())):,} images"),
            ("measured again by", command_again(self.run)),
        ]
        return [fact for fact in facts if fact[1]]


def write_report(folder: str | Path, path: Path) -> Path:
    """Write the report of a run: a PDF if `path` ends in .pdf, else HTML; the same run gives the same bytes.

    Raises:
        RaybenchError: no run, a damaged one, or `path` cannot be written or has another ending.
    """
    kind = path.suffix.lower()
    if kind not in (".html", ".htm", ".pdf"):
        raise RaybenchError(f"cannot write a report to {path}: no format {path.suffix!r}; use .html or .pdf")
    report = _report(folder)
    if kind == ".pdf":
        write_atomically(path, _pdf(report))
    else:
        write_atomically(path, _html(report))
    return path


def report_html(folder: str | Path) -> str:
    """Return the report of a run as one HTML page without scripts and links to other files.

    Raises:
        RaybenchError: no run, or a damaged one.
    """
    return _html(_report(folder))


def _report(folder: str | Path) -> _Report:
    run = open_results(folder)
    board = collect([folder], with_published=False)
    if not board.sections:
        reason = board.excluded[0].reason if board.excluded else "it holds no rows"
        raise RaybenchError(f"{folder} cannot be reported: {reason}")
    return _Report(run, board.sections[0], comparison_table([folder], with_published=True))


def _html(report: _Report) -> str:
    provenance = Provenance()
    for row in report.section.rows:
        provenance.add(report.section, row)
    groups = [group for group in provenance.as_data()["groups"] if group[0] != "This row"]
    with tempfile.TemporaryDirectory() as scratch:
        queries = [
            _embedded(query, Path(scratch)) for query in gallery_queries(report.section, Path(scratch))
        ]
    shown = [(r, words, [query for query in queries if query.reason == r]) for r, words in REASONS.items()]
    drawings = [(one, _picture_uri(one.static)) for one in section_drawings(report.section)]
    loader = PackageLoader("raybench.benchmark.board", "templates")
    environment = Environment(loader=loader, autoescape=True, trim_blocks=True, lstrip_blocks=True)
    return environment.get_template("report.html").render(
        title=report.section.title,
        suite=str(report.section.rows[0].folder.summary["suite"].iloc[0]),
        facts=report.facts,
        table=Markup(render_table(report.table, "html", intervals=True)),
        drawings=drawings,
        gallery=_gallery_html(environment, [group for group in shown if group[2]]),
        provenance=groups,
        style=Markup(_asset("report.css") + _asset("gallery.css")),
    )


def _asset(name: str) -> str:
    return (Path(__file__).resolve().parent / "assets" / name).read_text(encoding="utf-8")


def _gallery_html(environment: Environment, groups: Sequence[Any]) -> Markup:
    if not groups:
        return Markup("")
    page = environment.get_template("gallery.html").render(groups=groups, key="report", left_out=0, level=3)
    return Markup(page)


def _embedded(query: GalleryQuery, folder: Path) -> GalleryQuery:
    """Put the pictures of a query into the page itself."""

    def inside(cell: GalleryCell) -> GalleryCell:
        return replace(cell, picture=_uri("image/webp", (folder / cell.picture).read_bytes()))

    grid = tuple(tuple(inside(cell) if cell else None for cell in line) for line in query.grid)
    return replace(query, truth=inside(query.truth), grid=grid)


def _picture_uri(figure: Figure) -> str:
    """Return a figure as SVG in a data URI."""
    buffer = io.BytesIO()
    with warnings.catch_warnings(), matplotlib.rc_context({"svg.hashsalt": "raybench"}):
        warnings.filterwarnings("ignore", "Glyph", UserWarning)  # a name in a script that no font has
        figure.savefig(buffer, format="svg", metadata={"Date": None}, facecolor="white")
    return _uri("image/svg+xml", buffer.getvalue())


def _uri(kind: str, content: bytes) -> str:
    return f"data:{kind};base64,{base64.b64encode(content).decode('ascii')}"


def _pdf(report: _Report) -> bytes:
    buffer = io.BytesIO()
    with warnings.catch_warnings(), PdfPages(buffer, metadata={"CreationDate": None}) as pages:
        warnings.filterwarnings("ignore", "Glyph", UserWarning)
        for figure in _pages(report):
            pages.savefig(figure)
    return buffer.getvalue()


def _pages(report: _Report) -> list[Figure]:
    """Draw the pages: facts and table, plots, gallery, provenance."""
    drawings: list[Drawing] = section_drawings(report.section)
    columns = gallery_columns([report.run.path])
    blocks = [columns[at : at + _COLUMNS_PER_PAGE] for at in range(0, len(columns), _COLUMNS_PER_PAGE)]
    galleries = [gallery_figure(block) for block in blocks]
    facts = [f"{name}: {value}" for name, value in report.facts]
    table = [_plain(line) for line in render_table(report.table, "markdown", intervals=True).splitlines()[2:]]
    provenance = Provenance()
    for row in report.section.rows:
        provenance.add(report.section, row)
    lines: list[str] = []
    for title, group in provenance.as_data()["groups"]:
        if title != "This row":
            lines += ["", title.upper(), *(f"  {name}: {value}" for name, value in group)]
    return [
        *_text_pages(report.section.title, [*facts, "", *_aligned(table), "- *: best of its column"]),
        *(drawing.static for drawing in drawings),
        *(figure for figure in galleries if figure),
        *_text_pages("Provenance", lines),
    ]


def _plain(line: str) -> str:
    """Turn a line of Markdown into plain text: what was bold, the best value of a column, gets a star."""
    starred = re.sub(r"\*\*(.+?)\*\*", r"\1*", re.sub(r"</?sup>", "", line))
    return html.unescape(re.sub(r"\\(.)", r"\1", starred))


def _aligned(lines: Sequence[str]) -> list[str]:
    """Line up the columns of a Markdown table; other lines stay as they are."""
    grid = [line.strip("| ").split(" | ") for line in lines if line.startswith("|") and "---" not in line]
    widths = [
        max(len(row[at]) for row in grid if at < len(row)) for at in range(max(map(len, grid), default=0))
    ]
    rows = iter(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=False)) for row in grid
    )
    return [next(rows) if line.startswith("|") else line for line in lines if "---" not in line]


def _text_pages(title: str, lines: Sequence[str]) -> list[Figure]:
    """Set lines in a type of fixed width, on as many pages as they need; long lines are broken."""
    longest = max(110, *(len(line) for line in lines if "  " in line.strip()), 0)
    size = min(7.5, 7.5 * 110 / longest)
    width = int(110 * 7.5 / size)
    broken = [part for line in lines for part in _broken(line, width)]
    pages = []
    per_page = int(_TEXT_POINTS / (1.35 * size))
    for start in range(0, max(1, len(broken)), per_page):
        figure = Figure(figsize=_A4, facecolor="white")
        figure.text(0.08, 0.95, for_matplotlib(title, 80), fontsize=13, fontweight="bold", color=INK)
        text = "\n".join(line.replace("$", r"\$") for line in broken[start : start + per_page])
        figure.text(
            0.08, 0.925, text, fontsize=size, family="monospace", va="top", color=INK, linespacing=1.35
        )
        pages.append(figure)
    return pages


def _broken(line: str, width: int) -> list[str]:
    return [line[at : at + width] for at in range(0, max(1, len(line)), width)]
