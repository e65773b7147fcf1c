"""`raybench card` writes what a name stands for, and nothing over what is there."""

from __future__ import annotations

from pathlib import Path

from typer.testing import CliRunner

from raybench.base import RaybenchError
from raybench.checkpoints import find_card, read_card, resolved
from raybench.commands import app


def card(*words: str) -> tuple[str, Exception | None]:
    result = CliRunner().invoke(app, ["card", *words])
    failed = result.exception if isinstance(result.exception, RaybenchError) else None
    return result.output, failed


def test_a_card_is_written_once(tmp_path: Path) -> None:
    out = tmp_path / "mine.yaml"
    card("torchvision:resnet18", "-o", str(out))
    assert resolved(read_card(out)) == resolved(find_card("torchvision:resnet18"))
    _, failed = card("torchvision:resnet34", "-o", str(out))
    assert str(failed) == f"{out} exists; name another file by -o"


def test_a_function_in_a_file_needs_trust(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text("def net(*, classes='voc20', multilabel=True):\n    return None\n")
    name = f"{tmp_path / 'mine.py'}:net"
    _, failed = card(name)
    assert "allow it by --trust-code" in str(failed)
    printed, failed = card(name, "--trust-code")
    assert failed is None
    assert "multilabel: true\n" in printed
