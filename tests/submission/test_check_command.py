"""`raybench submit` and `raybench check` as people and the workflow meet them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from submissions import change_json, copy_of, members_of, repacked
from typer.testing import CliRunner, Result

from raybench.base.errors import RaybenchError, quoted
from raybench.benchmark.submission.before import changes_since
from raybench.benchmark.submission.report import Finding, Findings, Report, render
from raybench.commands import app

ROOT = Path(__file__).resolve().parents[2]
WORKFLOWS = ROOT / ".github" / "workflows"


def call(*words: object) -> Result:
    return CliRunner().invoke(app, [str(word) for word in words], catch_exceptions=False)


@pytest.mark.parametrize("command", ["submit", "check"])
def test_command_has_help_with_an_example(command: str) -> None:
    assert f"Example: raybench {command}" in " ".join(call(command, "--help").output.split())


def test_submit_then_check_then_measure_again(run_folder: Path, tiny_data: Path, tmp_path: Path) -> None:
    bundle = tmp_path / "mine.zip"
    done = call("submit", run_folder, "-o", bundle)
    assert done.exit_code == 0
    assert done.stdout.startswith(f"{bundle}: nothing is wrong\n")
    assert done.stderr.splitlines()[-1].endswith(
        f"kB; next: add {bundle} by a pull request, see docs/submitting.md"
    )
    done = call("check", bundle, "--remeasure", 3, "--seed", 7, "--data", f"shapes={tiny_data}")
    assert done.exit_code == 0
    assert "measured again: 3 images, seed 7" in done.stdout
    assert "agreement: 114 values compared, 114 identical to the last digit, 0 disagree" in done.stdout
    assert done.stderr.splitlines()[-1].startswith("next: raybench leaderboard")


def test_exit_code_says_right_wrong_or_unusable(run_folder: Path, bundle: Path, tmp_path: Path) -> None:
    wrong = repacked(bundle, tmp_path / "wrong.zip", {"summary.csv": b"x\n"})
    unusable = tmp_path / "unusable.zip"
    unusable.write_text("no zip")
    assert call("check", bundle, run_folder).exit_code == 0
    assert call("check", bundle, wrong).exit_code == 1
    done = call("check", unusable, wrong, bundle)
    assert done.exit_code == 2
    assert f"{unusable}: cannot be checked: " in done.stdout
    assert f"{wrong}: " in done.stdout
    assert f"{bundle}: nothing is wrong" in done.stdout


def test_wrong_folder_gives_no_bundle(run_folder: Path, tmp_path: Path) -> None:
    folder = copy_of(run_folder, tmp_path)
    change_json(folder / "run.json", lambda content: content["suite"].update(name="other"))
    done = call("submit", folder, "-o", tmp_path / "mine.zip")
    assert done.exit_code == 1
    assert "problem: summary.csv, line" in done.stdout
    assert done.stderr.splitlines()[-1].startswith("no bundle was written; mend what is wrong")
    assert not (tmp_path / "mine.zip").exists()


def test_json_says_the_same_as_text(bundle: Path, tmp_path: Path) -> None:
    wrong = repacked(bundle, tmp_path / "wrong.zip", {"cards/shapes-gmp.yaml": None})
    content = json.loads(call("check", wrong, "--format", "json").stdout)
    assert [entry["verdict"] for entry in content] == ["wrong"]
    assert {
        "kind": "problem",
        "file": "cards/shapes-gmp.yaml",
        "line": None,
        "message": "the file is missing",
    } in (content[0]["findings"])


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["check"], "give bundles to check, or --changed-since REVISION"),
        (["check", "x.zip", "--changed-since", "main"], "give bundles to check, or --changed-since"),
        (["check", "--changed-since", "--output=/tmp/x"], "is no revision"),
        (["check", "--changed-since", "nosuch", "--repository", str(ROOT)], "git cannot compare"),
        (["submit", "nowhere", "-o", "x.zip"], "nowhere holds no run"),
    ],
)
def test_mistake_of_the_user_is_one_sentence(words: list[str], message: str) -> None:
    with pytest.raises(RaybenchError, match=message):
        call(*words)


EVIL = "a\x1b[2J\n::error::x <img src=x onerror=alert(1)> | [x](http://e.org) @all `c` ${{ secrets }}"


def test_text_of_strangers_is_only_text_in_every_format() -> None:
    findings = Findings()
    findings.problem(EVIL, EVIL, line=3)
    findings.remark("", EVIL)
    report = Report(EVIL, tuple(findings.all), {"suite": EVIL, "checkpoints": [EVIL]})
    text = render([report], "text")
    assert all(line == line.strip("\x1b") and "\x1b" not in line for line in text.splitlines())
    assert not [line for line in text.splitlines() if line.startswith("::")]
    markdown = render([report, Report("x", unusable=EVIL)], "markdown")
    assert "<img" not in markdown
    assert "http://" not in markdown
    assert "@all" not in markdown
    assert "`" not in markdown
    assert markdown.count("| 3 |") == 1
    assert all(line.count("|") == 4 for line in markdown.splitlines() if "&lt;img" in line and line[0] == "|")
    assert json.loads(render([report], "json"))[0]["source"] == EVIL


def test_markdown_of_very_many_problems_stays_short() -> None:
    many = Report("x.zip", tuple(Finding("problem", "a", 1, "b" * 300) for _ in range(100_000)))
    text = render([many], "markdown")
    assert len(text) < 200_000
    assert "99800 more problems" in text


def test_quoted_text_is_short_and_printable() -> None:
    assert quoted("a'b\n") == '"a\'b\\n"'
    assert quoted("x" * 500) == "'" + "x" * 59 + "…'"


def git(folder: Path, *words: str) -> str:
    identity = ["-c", "user.name=a", "-c", "user.email=a@example.org", "-c", "init.defaultBranch=main"]
    done = subprocess.run(["git", *identity, *words], cwd=folder, check=True, capture_output=True, text=True)
    return done.stdout.strip()


@pytest.fixture
def request_branch(tmp_path: Path, bundle: Path) -> Path:
    """A workspace with a repository `submitted`, whose branch adds bundles with awkward names."""
    repository = tmp_path / "workspace" / "submitted"
    folder = repository / "results" / "submitted"
    folder.mkdir(parents=True)
    git(repository, "init")
    (folder / "README.md").write_text("bundles\n")
    (folder / "before.zip").write_bytes(bundle.read_bytes())
    git(repository, "add", ".")
    git(repository, "commit", "-m", "before")
    git(repository, "branch", "base")
    (folder / "$(touch owned) `touch owned`;touch owned\n'\".zip").write_bytes(bundle.read_bytes())
    (folder / "--help.zip").write_bytes(bundle.read_bytes())
    (repository / "elsewhere.zip").write_text("not looked at")
    git(repository, "add", ".")
    git(repository, "commit", "-m", "request")
    return repository


def test_bundles_of_a_branch_are_found_whatever_their_names(request_branch: Path) -> None:
    changes = changes_since("base", request_branch)
    assert sorted(changes.bundles) == [
        "results/submitted/$(touch owned) `touch owned`;touch owned\n'\".zip",
        "results/submitted/--help.zip",
    ]
    assert (changes.strangers, changes.taken) == ((), ())


def test_what_else_a_branch_does_is_pointed_out(request_branch: Path) -> None:
    folder = request_branch / "results" / "submitted"
    (folder / "setup.py").write_text("import os\n")
    (folder / "before.zip").unlink()
    (folder / "linked.zip").symlink_to("/etc/passwd")
    git(request_branch, "add", "-A")
    git(request_branch, "commit", "-m", "more")
    changes = changes_since("base", request_branch)
    assert changes.strangers == ("results/submitted/setup.py",)
    assert changes.taken == ("results/submitted/before.zip",)
    done = call("check", "--changed-since", "base", "--repository", request_branch)
    assert done.exit_code == 2
    assert "problem: 'results/submitted/setup.py' is no bundle" in done.stdout
    assert "remark: 'results/submitted/before.zip' was on the board before" in done.stdout
    assert "linked.zip' is a link; a bundle is a file" in done.stdout


def test_branch_without_bundles_passes(request_branch: Path) -> None:
    done = call("check", "--changed-since", "HEAD", "--repository", request_branch)
    assert done.exit_code == 0
    assert "no bundle was added or changed" in done.stderr


def run_step(repository: Path, tmp_path: Path) -> tuple[int, str]:
    """Run the script of the workflow's step as its runner does; return exit code and summary."""
    workflow = yaml.safe_load((WORKFLOWS / "bundles.yml").read_text())
    step = next(step for step in workflow["jobs"]["check"]["steps"] if step.get("id") == "check")
    assert "${{" not in step["run"]
    assert set(step["env"]) == {"BASE"}
    summary = tmp_path / "summary.md"
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"]],
        cwd=repository.parent,
        env={**os.environ, "PATH": path, "BASE": git(repository, "rev-parse", "base"),
             "GITHUB_STEP_SUMMARY": str(summary)},
        capture_output=True,
        text=True,
        check=False,
    )  # fmt: skip
    assert "Traceback" not in done.stderr
    assert not list(repository.parent.rglob("owned"))
    return done.returncode, summary.read_text()


def test_step_of_the_workflow_checks_what_a_request_adds(
    request_branch: Path, bundle: Path, tmp_path: Path
) -> None:
    code, summary = run_step(request_branch, tmp_path)
    assert code == 0
    assert summary.count("**nothing is wrong**") == 3  # the changes, and two bundles
    wrong = request_branch / "results" / "submitted" / "wrong.zip"
    records = members_of(bundle)["none/center/records.csv"].replace(b",100,", b",0,", 1)
    repacked(bundle, wrong, {"none/center/records.csv": records}, fix_hashes=True)
    git(request_branch, "add", "-A")
    git(request_branch, "commit", "-m", "wrong")
    code, summary = run_step(request_branch, tmp_path)
    assert code == 1
    assert "| summary&#46;csv |" in summary


@pytest.mark.parametrize("name", ["bundles.yml", "ci.yml"])
def test_workflow_may_only_read_and_pins_its_actions(name: str) -> None:
    workflow = yaml.safe_load((WORKFLOWS / name).read_text())
    assert workflow["permissions"] == {"contents": "read"}
    triggers = workflow[True]  # YAML 1.1 reads the key `on` so
    assert "pull_request" in triggers
    assert "pull_request_target" not in triggers
    assert "secrets" not in (WORKFLOWS / name).read_text().replace("There are no secrets", "")
    for job in workflow["jobs"].values():
        assert "permissions" not in job
        for step in job["steps"]:
            assert ("uses" in step) != ("run" in step)
            if "uses" in step:
                action, _, version = step["uses"].partition("@")
                assert action.startswith("actions/")
                assert version[0] == "v"
                assert version[1:].isdecimal()
            if step.get("uses", "").startswith("actions/checkout"):
                assert step["with"]["persist-credentials"] is False
