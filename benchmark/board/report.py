"""One run on one page that needs nothing else: HTML without a script, which any browser prints as PDF."""

from __future__ import annotations

import base64
import tempfile
from dataclasses import replace
from pathlib import Path

from markupsafe import Markup

from ...base import RaybenchError
from ..pictures import figure_bytes
from ..results import NO_CHECKPOINT, Section, write_atomically
from ..tables import comparison_table, render_table
from .collect import collect
from .gallery import GalleryCell, GalleryQuery, gallery_html, gallery_queries
from .plots import section_drawings
from .provenance import Provenance, shell_command
from .templating import rendered


def write_report(folder: str | Path, path: Path) -> Path:
    """Write the report of a run; the same run gives the same bytes.

    Raises:
        RaybenchError: no run, a damaged one, or `path` cannot be written or has another ending.
    """
    if path.suffix.lower() not in (".html", ".htm"):
        raise RaybenchError(f"cannot write a report to {path}: no format {path.suffix!r}; use .html")
    write_atomically(path, report_html(folder))
    return path


def report_html(folder: str | Path) -> str:
    """Return the report of a run as one HTML page without scripts and links to other files.

    Raises:
        RaybenchError: no run, or a damaged one.
    """
    board = collect([folder], with_published=False)
    if not board.sections:
        reason = board.excluded[0].reason if board.excluded else "it holds no rows"
        raise RaybenchError(f"{folder} cannot be reported: {reason}")
    table = comparison_table([folder], with_published=True)
    section, provenance = board.sections[0], Provenance()
    for row in section.rows:
        provenance.add(section, row)
    with tempfile.TemporaryDirectory() as scratch:
        queries = [_embedded(query, Path(scratch)) for query in gallery_queries(section, Path(scratch))]
    drawings = section_drawings(section)
    return rendered(
        "report.html",
        title=section.title,
        suite=str(section.rows[0].folder.summary["suite"].iloc[0]),
        facts=_facts(section),
        table=Markup(render_table(table, "html", intervals=True)),
        drawings=[(one, _uri("image/svg+xml", figure_bytes(one.static, "svg"))) for one in drawings],
        gallery=gallery_html(queries, "report", level=3),
        provenance=[group for group in provenance.as_data()["groups"] if group[0] != "This row"],
        style=Markup(_asset("report.css") + _asset("gallery.css")),
    )


def _facts(section: Section) -> list[tuple[str, str]]:
    """Say in a few lines what was measured."""
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
        ("measured again by", shell_command(section.rows[0].folder)),
    ]
    return [fact for fact in facts if fact[1]]


def _asset(name: str) -> str:
    return (Path(__file__).resolve().parent / "assets" / name).read_text(encoding="utf-8")


def _embedded(query: GalleryQuery, folder: Path) -> GalleryQuery:
    """Put the pictures of a query into the page itself."""

    def inside(cell: GalleryCell) -> GalleryCell:
        return replace(cell, picture=_uri("image/webp", (folder / cell.picture).read_bytes()))

    grid = tuple(tuple(inside(cell) if cell else None for cell in line) for line in query.grid)
    return replace(query, truth=inside(query.truth), grid=grid)


def _uri(kind: str, content: bytes) -> str:
    return f"data:{kind};base64,{base64.b64encode(content).decode('ascii')}"
