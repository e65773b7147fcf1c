"""`raybench gallery`: keep the pictures worth looking at."""

from __future__ import annotations

from pathlib import Path
from shlex import quote
from typing import Annotated, Any

import typer

from ...benchmark.suite import Again
from ..options import read_options, with_options

EXAMPLE = "Example: raybench gallery runs/demo && raybench leaderboard runs/demo -o site"


@with_options(Again)
def gallery(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Result folder of a finished run.")],
    **options: Any,
) -> None:
    """Choose the best, worst and most disputed queries of a run and keep their maps for the gallery."""
    from ...benchmark.running import extend_gallery
    from ..reporting import reporter as telling

    reporter = telling()
    choice = extend_gallery(folder, read_options(Again, options), reporter=reporter)
    for query in choice.queries:
        numbers = f"{choice.metric} {query.mean:.1f} ± {query.spread:.1f} over the rows"
        reporter.say(f"{query.reason:9} {query.image_id}, class {query.class_index}: {numbers}")
    named = quote(str(folder))
    reporter.say(f"next: raybench leaderboard {named} -o site    raybench report {named} -o report.html")
