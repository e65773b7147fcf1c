"""The command line: one file per command."""

from __future__ import annotations

from typing import Annotated

import typer

from .making import card, doctor, explain, fetch, gallery, init, layers, reproduce, run, shapes, train
from .options import OnceCommand
from .reading import compare, data, leaderboard, listing, plot, report, show, status, table
from .sharing import bug_report, check, schema, submit

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
app.command("init", cls=OnceCommand, epilog=init.EXAMPLE)(init.init)
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
app.command("show", cls=OnceCommand, epilog=show.EXAMPLE)(show.show)
app.command("status", cls=OnceCommand, epilog=status.EXAMPLE)(status.status)
app.command("schema", cls=OnceCommand, epilog=schema.EXAMPLE)(schema.schema)
app.command("bug-report", cls=OnceCommand, epilog=bug_report.EXAMPLE)(bug_report.bug_report)
app.command("shapes", cls=OnceCommand, epilog=shapes.EXAMPLE)(shapes.shapes)
app.command("submit", cls=OnceCommand, epilog=submit.EXAMPLE)(submit.submit)
app.command("check", cls=OnceCommand, epilog=check.EXAMPLE)(check.check)
app.command("reproduce", cls=OnceCommand, epilog=reproduce.EXAMPLE)(reproduce.reproduce)
app.command("data", cls=OnceCommand, epilog=data.EXAMPLE)(data.data)
app.command("fetch", cls=OnceCommand, epilog=fetch.EXAMPLE)(fetch.fetch)
app.command("train", cls=OnceCommand, epilog=train.EXAMPLE)(train.train)


def _tell_versions(asked: bool) -> None:
    if asked:
        typer.echo("\n".join(bug_report.versions()))
        raise typer.Exit


@app.callback()
def _every_command(
    version: Annotated[
        bool, typer.Option("--version", callback=_tell_versions, is_eager=True, help="Tell versions.")
    ] = False,
) -> None:
    pass
