"""The command line: one file per command."""

from __future__ import annotations

import typer

from . import explain, listing, plot, run, shapes, table, train

__all__ = ["app"]

app = typer.Typer(
    name="raybench",
    help="Measures where image classifiers look, by saliency maps scored against boxes and masks.",
    epilog="Start with: raybench run demo && raybench table runs/demo",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    rich_markup_mode="rich",
)

app.command("run", epilog=run.EXAMPLE)(run.run)
app.command("table", epilog=table.EXAMPLE)(table.table)
app.command("plot", epilog=plot.EXAMPLE)(plot.plot)
app.command("explain", epilog=explain.EXAMPLE)(explain.explain)
app.command("list", epilog=listing.EXAMPLE)(listing.list_names)
app.command("shapes", epilog=shapes.EXAMPLE)(shapes.shapes)
app.command("train", epilog=train.EXAMPLE)(train.train)
