"""The command line: one file per command."""

from __future__ import annotations

import typer

from .making import card, doctor, explain, gallery, layers, reproduce, run, shapes, train
from .options import OnceCommand
from .reading import compare, leaderboard, listing, plot, report, table
from .sharing import check, submit

__all__ = ["app"]

app = typer.Typer(
    name="raybench",
    help="Measures where image classifiers look, by saliency maps scored against boxes and masks.",
    epilog="Start with: raybench run demo && raybench table runs/demo; --debug prints tracebacks of errors",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    rich_markup_mode="rich",
)

app.command("run", cls=OnceCommand, epilog=run.EXAMPLE)(run.run)
app.command("table", cls=OnceCommand, epilog=table.EXAMPLE)(table.table)
app.command("compare", cls=OnceCommand, epilog=compare.EXAMPLE)(compare.compare)
app.command("plot", cls=OnceCommand, epilog=plot.EXAMPLE)(plot.plot)
app.command("leaderboard", cls=OnceCommand, epilog=leaderboard.EXAMPLE)(leaderboard.leaderboard)
app.command("gallery", cls=OnceCommand, epilog=gallery.EXAMPLE)(gallery.gallery)
app.command("report", cls=OnceCommand, epilog=report.EXAMPLE)(report.report)
app.command("explain", cls=OnceCommand, epilog=explain.EXAMPLE)(explain.explain)
app.command("card", cls=OnceCommand, epilog=card.EXAMPLE)(card.card)
app.command("layers", cls=OnceCommand, epilog=layers.EXAMPLE)(layers.layers)
app.command("doctor", cls=OnceCommand, epilog=doctor.EXAMPLE)(doctor.doctor)
app.command("list", cls=OnceCommand, epilog=listing.EXAMPLE)(listing.list_names)
app.command("shapes", cls=OnceCommand, epilog=shapes.EXAMPLE)(shapes.shapes)
app.command("submit", cls=OnceCommand, epilog=submit.EXAMPLE)(submit.submit)
app.command("check", cls=OnceCommand, epilog=check.EXAMPLE)(check.check)
app.command("reproduce", cls=OnceCommand, epilog=reproduce.EXAMPLE)(reproduce.reproduce)
app.command("train", cls=OnceCommand, epilog=train.EXAMPLE)(train.train)
