"""The example in every command's help is one that the command takes; every public name is documented."""

from __future__ import annotations

import inspect
import json
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import typer.main
import yaml

import raybench
from raybench.commands import app

COMMANDS = typer.main.get_command(app).commands  # type: ignore[attr-defined]
ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "python.md"


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_example_has_only_words_that_the_command_takes(name: str) -> None:
    command = COMMANDS[name]
    lines = re.sub(r"\\\s*\n", " ", command.epilog).removeprefix("Example: ").splitlines()
    for part in " && ".join(lines).split(" && "):
        words = shlex.split(part.split(" > ")[0])
        assert words[0] == "raybench"
        with COMMANDS[words[1]].make_context(words[1], words[2:]) as context:
            assert context.params


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_help_keeps_no_default_in_brackets_which_are_read_as_markup(name: str) -> None:
    helps = {option.name: getattr(option, "help", None) or "" for option in COMMANDS[name].params}
    assert [option for option, text in helps.items() if "[default" in text] == []


def test_containers_install_what_there_is_and_the_page_says_what_that_brings() -> None:
    """What a build would trip over first; nothing is built here."""
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    offered = re.findall(
        r"^([\w-]+) = \[",
        project.partition("[project.optional-dependencies]")[2].partition("\n[")[0],
        re.MULTILINE,
    )
    docker = (ROOT / "examples" / "Dockerfile").read_text(encoding="utf-8")
    lines = [line.partition(" ") for line in docker.splitlines() if line and not line.startswith("#")]
    assert lines[0][0] == "FROM"
    assert {word for word, _, _ in lines} <= {"FROM", "COPY", "RUN", "ENV", "WORKDIR", "ENTRYPOINT"}
    assert f"\n{json.loads(lines[-1][2])[0]} = " in project.partition("[project.scripts]")[2]
    apptainer = (ROOT / "examples" / "raybench.def").read_text(encoding="utf-8")
    assert re.findall(r"^%(\w+)$", apptainer, flags=re.MULTILINE) == [
        "files",
        "post",
        "environment",
        "runscript",
    ]
    assert re.search(r"^    exec raybench ", apptainer, flags=re.MULTILINE)
    assert re.search(r"^FROM (\S+)$", docker, flags=re.MULTILINE)[1] in apptainer  # type: ignore[index]
    page = (ROOT / "docs" / "install.md").read_text(encoding="utf-8")
    assert [extra for extra in offered if f"`{extra}`" not in page] == []
    for text in (docker, apptainer):
        (extras,) = re.findall(r'pip install --no-cache-dir "/raybench\[([\w,]+)\]"', text)
        assert set(extras.split(",")) <= set(offered)
        (copied,) = re.findall(r"^(?:COPY|   ) (\S+) /raybench$", text, flags=re.MULTILINE)
        assert (ROOT / copied / "pyproject.toml").is_file()
        assert text.startswith("# ")
        for command in re.findall(r"raybench(?:\.sif)? (run .*)", text.splitlines()[0]):
            words = shlex.split(command)
            with COMMANDS[words[0]].make_context(words[0], words[1:]) as context:
                assert context.params
    ignored = (ROOT / ".dockerignore").read_text(encoding="utf-8").split()
    assert {".git", ".venv", "runs"} <= set(ignored)


def test_the_workflow_of_a_board_installs_from_the_repository_what_a_board_needs() -> None:
    workflow = yaml.safe_load((ROOT / "examples" / "publish-board.yml").read_text(encoding="utf-8"))
    steps = [step.get("run", "") for step in workflow["jobs"]["publish"]["steps"]]
    assert 'pip install "raybench[leaderboard] @ git+$RAYBENCH"' in steps
    assert workflow["env"]["RAYBENCH"].startswith("https://")


@pytest.mark.parametrize("path", sorted((ROOT / "examples").rglob("*.sh")), ids=lambda path: path.name)
def test_scripts_are_bash_and_name_commands(path: Path) -> None:
    assert subprocess.run(["bash", "-n", path], check=False).returncode == 0
    named = re.findall(r"(?:-m |^| )raybench ([a-z]+)", path.read_text(encoding="utf-8"), flags=re.MULTILINE)
    assert named
    assert set(named) <= set(COMMANDS)


def test_page_shows_every_public_name() -> None:
    shown = re.findall(r"^::: raybench\.(\w+)$", PAGE.read_text(encoding="utf-8"), flags=re.MULTILINE)
    assert sorted(shown) == sorted(set(raybench.__all__) - {"__version__"})


def test_site_has_every_name_that_its_pages_ask_for(tmp_path: Path) -> None:
    pytest.importorskip("mkdocstrings", reason='the site is built where pip install -e ".[docs]" was')
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "-d", str(tmp_path)]
    built = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert built.returncode == 0, built.stderr
    for notebook in (ROOT / "docs" / "tutorials").glob("*.ipynb"):
        shown = (tmp_path / "tutorials" / f"{notebook.stem}.html").read_text(encoding="utf-8")
        assert "raybench" in re.sub(r"<[^>]+>", "", shown.partition('class="highlight"')[2])
        assert f'href="tutorials/{notebook.stem}.html"' in (tmp_path / "tutorials.html").read_text("utf-8")
    for page in (ROOT / "docs").rglob("*.md"):
        shown = (tmp_path / page.relative_to(ROOT / "docs")).with_suffix(".html").read_text(encoding="utf-8")
        for name in re.findall(r"^::: (\S+)$", page.read_text(encoding="utf-8"), flags=re.MULTILINE):
            entry = shown.partition(f'<h3 id="{name}"')[2].partition("<h3")[0]
            assert "doc-signature" in entry, f"{name} has no signature"
            assert "<p>" in entry, f"nothing says what {name} is"


@pytest.mark.parametrize("name", sorted(set(raybench.__all__) - {"__version__"}))
def test_public_name_says_what_it_is(name: str) -> None:
    public = getattr(raybench, name)
    text = inspect.getdoc(public) or ""
    assert len(text.split()) > 5
    if inspect.isfunction(public):
        missing = [one for one in inspect.signature(public).parameters if not re.search(rf"\b{one}\b", text)]
        assert not missing
