"""The command line: one file per command."""

from __future__ import annotations

import typer

from . import (
    check,
    compare,
    explain,
    gallery,
    leaderboard,
    listing,
    plot,
    report,
    run,
    shapes,
    submit,
    table,
    train,
)

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
app.command("compare", epilog=compare.EXAMPLE)(compare.compare)
app.command("plot", epilog=plot.EXAMPLE)(plot.plot)
app.command("leaderboard", epilog=leaderboard.EXAMPLE)(leaderboard.leaderboard)
app.command("gallery", epilog=gallery.EXAMPLE)(gallery.gallery)
app.command("report", epilog=report.EXAMPLE)(report.report)
app.command("explain", epilog=explain.EXAMPLE)(explain.explain)
app.command("list", epilog=listing.EXAMPLE)(listing.list_names)
app.command("shapes", epilog=shapes.EXAMPLE)(shapes.shapes)
app.command("submit", epilog=submit.EXAMPLE)(submit.submit)
app.command("check", epilog=check.EXAMPLE)(check.check)
app.command("train", epilog=train.EXAMPLE)(train.train)
