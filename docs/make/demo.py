"""Renews what README and docs show of the demo and of papers: tables and a gallery; `make docs` runs it."""

from __future__ import annotations

from dataclasses import replace

from shared import DOCS, ROOT, put_between

from raybench.benchmark.pictures.drawing.style import save_figure
from raybench.benchmark.pictures.gallery import gallery_columns, gallery_figure
from raybench.benchmark.results import Table
from raybench.benchmark.tables.formats import render_table
from raybench.benchmark.tables.tables import comparison_table, published_tables

RESULTS = ROOT / "demo" / "results"
SHOWN = ("grad_cam_elementwise", "gradient", "excitation_backprop")


def main() -> None:
    """Write the tables of the demo and of the paper, and docs/gallery.jpg."""
    table = comparison_table([RESULTS])
    put_between(
        DOCS / "reading-a-table.md", "demo table", _of(table, *SHOWN, "center", "random", "box_oracle")
    )
    put_between(ROOT / "README.md", "demo rows", _of(table, SHOWN[0], "center", "box_oracle"))
    published = "\n".join(render_table(table, "markdown") for table in published_tables("aaai21"))
    put_between(DOCS / "reproducing.md", "published table", published)
    wanted = [
        column
        for column in gallery_columns([RESULTS])
        if column.checkpoint in ("shapes-baseline", "shapes-gmp-gc") and column.attribution in SHOWN
    ]
    figure = gallery_figure(wanted, rows=4)
    assert figure is not None, "the demo keeps maps for its gallery"
    save_figure(figure, DOCS / "gallery.jpg")


def _of(table: Table, *methods: str) -> str:
    """Print the rows of some methods."""
    shown = replace(table, rows=tuple(row for row in table.rows if row.labels[-1] in methods))
    told = "degenerate" in shown.counts
    notes = tuple(note for note in table.notes if told or not note.startswith("degen."))
    return render_table(replace(shown, notes=notes), "markdown")


if __name__ == "__main__":
    main()
