"""Commands of raybench in this process."""

from __future__ import annotations

from typer.testing import CliRunner

from raybench.base import RaybenchError
from raybench.commands import app


def call(*words: object) -> str:
    """Run a command that succeeds and return what it prints; mistakes are raised."""
    result = CliRunner().invoke(app, list(map(str, words)), catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


def tried(*words: object) -> tuple[int, str]:
    """Run a command and return its exit code and what it prints, with the sentence of a mistake."""
    result = CliRunner().invoke(app, list(map(str, words)))
    if result.exception and not isinstance(result.exception, (RaybenchError, SystemExit)):
        raise result.exception
    return result.exit_code, result.output + str(result.exception or "") * (result.exit_code != 0)
