"""Renews the table and curves of docs/metrics/faithfulness.md from a run of suite `faithfulness`.

RAYBENCH_DATA=... raybench run faithfulness && python docs/make/faithfulness.py [runs/faithfulness]
"""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

from shared import DOCS, ROOT, put_between

from raybench.benchmark.comparison import agreement_matrices, compare_maps
from raybench.benchmark.pictures import agreement_figure, looks_of, save_figure
from raybench.benchmark.pictures.figures.curves import curve_figures
from raybench.benchmark.results import Row, Table
from raybench.benchmark.tables import comparison_table, render_table

FOLDER = DOCS / "metrics"
LEFT_OUT = ("top1_accuracy", "average_gain", "increase_in_confidence", "coherency")
DRAWN = ("grad_cam", "gradient", "input_x_gradient", "excitation_backprop", "sobel", "random")


def of_maps(table: Table) -> Table:
    """Leave out accuracy, some metrics, and the name of the one checkpoint."""
    wanted = [at for at, column in enumerate(table.columns) if column.metric not in LEFT_OUT]
    method = table.headings.index("attribution")

    def short(row: Row) -> Row:
        return replace(row, labels=(row.labels[method],), cells=tuple(row.cells[at] for at in wanted))

    columns = tuple(table.columns[at] for at in wanted)
    return replace(table, headings=("attribution",), columns=columns, rows=tuple(map(short, table.rows)))


def main(run: Path) -> None:
    """Write the table and two pictures."""
    table = of_maps(comparison_table([run]))
    put_between(FOLDER / "faithfulness.md", "table", render_table(table, "markdown", intervals="half-width"))
    (curves,) = curve_figures([run], looks_of(DRAWN), table.title, across=2)
    save_figure(curves, FOLDER / "faithfulness-curves.png")
    maps = compare_maps(run)
    title = f"How alike maps are: means over {len(maps.queries)} queries"
    save_figure(agreement_figure(maps.rows, agreement_matrices(maps), title), FOLDER / "agreement.png")


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else ROOT / "runs" / "faithfulness"))
