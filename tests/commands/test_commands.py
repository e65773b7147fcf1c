"""The command line as a user meets it: help, lists, pictures, tables, mistakes."""

from __future__ import annotations

from pathlib import Path

import PIL.Image
import pytest
from calls import call
from tiny_suite import TinySuite
from typer.main import get_command
from typer.testing import CliRunner

from raybench.attributions import ATTRIBUTIONS
from raybench.base import RaybenchError, offered
from raybench.benchmark.metrics import METRICS
from raybench.benchmark.running.naming import bound_attributions, bound_metrics
from raybench.benchmark.suite import Again, Remeasuring, Settings, TrainingSettings
from raybench.benchmark.suite.suite import load_suite, shipped_suites
from raybench.checkpoints import card_files, find_card
from raybench.commands import app
from raybench.commands.options import parse_data

COMMANDS = ("run", "reproduce", "fetch", "data", "table", "plot", "gallery", "explain", "list", "shapes")


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help_with_an_example(command: str) -> None:
    assert f"Example: raybench {command}" in " ".join(call(command, "--help").split())


def test_lists_name_everything(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "300")
    for noun, names in {
        "checkpoints": list(card_files()),
        "attributions": [entry.name for entry in ATTRIBUTIONS],
        "metrics": [entry.name for entry in METRICS],
        "suites": list(shipped_suites()),
        "datasets": ["imagenet", "coco", "voc", "shapes"],
    }.items():
        # methods stand behind their family
        words = {word for line in call("list", noun).splitlines() for word in line.split()[:5]}
        assert set(names) <= words


@pytest.mark.parametrize("name", sorted(shipped_suites()))
def test_every_shipped_suite_is_whole(name: str) -> None:
    suite, _ = load_suite(name)
    assert suite.name == name
    assert suite.description
    assert bound_metrics(suite)
    assert bound_attributions(suite)
    assert suite.bound_protocol().id
    cards = {card: find_card(card).name for card in suite.checkpoints}
    assert all(
        name == card for card, name in cards.items() if ":" not in card
    )  # libraries say what they gave


def test_run_table_plot_and_explain_follow_each_other(tiny: TinySuite) -> None:
    out = tiny.folder / "out"
    call("run", tiny.suite, "--data", f"shapes={tiny.data}", "--out", out)
    table = call("table", out, "--format", "csv")
    assert table.splitlines()[0].startswith("checkpoint,attribution,")
    assert len(table.splitlines()) == 1 + 2 * 2 + 2
    assert r"\toprule" in call("table", out, "--format", "latex")
    assert "<table" in call("table", out, "--format", "html")
    assert "| first | grad_cam |" in call("table", out, "--format", "markdown")
    call("plot", out, "-o", tiny.folder / "plots")
    assert "curves: nothing to draw" in call("plot", out, "-o", tiny.folder / "plots", "--only", "curves")
    for name in ("bars.png", "accuracy.png", "gallery.png"):
        with PIL.Image.open(tiny.folder / "plots" / name) as picture:
            assert min(picture.size) > 300
    picture = sorted((tiny.data / "val").glob("*.jpg"))[0]
    explained = tiny.folder / "explained.png"
    said = call("explain", picture, "--checkpoint", tiny.folder / "first.yaml", "-o", explained)
    assert said.count("%") == 5
    with PIL.Image.open(explained) as shown:
        assert shown.width > 2 * shown.height


def test_explain_of_a_folder_writes_the_format_and_the_maps_where_they_were_asked_for(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    for name in ("a.jpg", "a.png", "b.png"):
        PIL.Image.new("RGB", (40, 30), "olive").save(tmp_path / "in" / name)
    words = ["explain", tmp_path / "in", "--checkpoint", "shapes-gmp", "--attribution", "gradient"]
    call(*words, "-o", tmp_path / "out", "--format", "pdf", "--save", tmp_path / "maps")
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["a.jpg.pdf", "a.png.pdf", "b.pdf"]
    assert (tmp_path / "out" / "b.pdf").read_bytes().startswith(b"%PDF")
    assert sorted(path.name for path in (tmp_path / "maps").iterdir()) == ["a.jpg.npz", "a.png.npz", "b.npz"]
    one = ["explain", tmp_path / "in" / "b.png", *words[2:]]
    for asked, message in (
        ([*words, "-o", "out.pdf"], "-o out.pdf is the name of a file, .*as in -o out --format pdf"),
        ([*words, "--save", "maps.npz"], "--save maps.npz is the name of a file, .*as in --save maps$"),
        ([*one, "-o", "a.png", "--format", "svg"], "-o a.png does not end in .svg, as --format says"),
        ([*one, "--save", "maps"], "--save maps: maps are kept as .npz"),
    ):
        with pytest.raises(RaybenchError, match=message):
            call(*asked)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["run", "demo", "--data", "shapes"], "--data 'shapes' is not of the form NAME=PATH"),
        (["run", "nosuch.yaml"], "cannot read nosuch.yaml: no such file"),
        (["table", "nowhere"], "no folder nowhere"),
        (["table"], "give result folders, or --published"),
        (["table", "--published", "aaai22"], "unknown published table 'aaai22'; did you mean 'aaai21'"),
        (["plot", "nowhere"], "no folder nowhere"),
        (
            ["explain", "nosuch.jpg", "--checkpoint", "resnet18"],
            "cannot read nosuch.jpg: no such file",
        ),
    ],
)
def test_mistake_is_one_sentence(words: list[str], message: str) -> None:
    with pytest.raises(RaybenchError, match=message):
        call(*words)


def test_imagenet_without_a_folder_says_how_to_give_one(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("RAYBENCH_DATA", raising=False)
    with pytest.raises(RaybenchError, match="--data imagenet=PATH, or set RAYBENCH_DATA"):
        call("run", "real-small", "--out", tmp_path)


def test_docs_show_the_published_table_as_the_command_prints_it() -> None:
    page = (Path(__file__).parents[2] / "docs" / "reproducing.md").read_text(encoding="utf-8")
    table = call("table", "--published", "aaai21", "--format", "markdown")
    assert table.strip() in page


def test_tilde_in_a_data_folder_is_the_home_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "pictures").mkdir()
    monkeypatch.setenv("HOME", str(tmp_path))
    assert parse_data(["imagenet=~/pictures"]) == {"imagenet": tmp_path / "pictures"}


def test_stopping_a_run_by_hand_says_how_to_go_on(tiny: TinySuite, monkeypatch: pytest.MonkeyPatch) -> None:
    def stopped(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("raybench.benchmark.running.evaluate", stopped)
    result = CliRunner().invoke(app, ["run", str(tiny.suite), "--out", str(tiny.folder / "out")])
    assert result.exit_code == 130
    assert result.output == "raybench: stopped; the same command goes on\n"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["run", "demo", "--limit", "1", "--limit", "2"], "--limit is given 2 times; run takes it once"),
        (["plot", "runs", "-o", "one", "--out", "two"], "-o/--out is given 2 times"),
        (
            ["leaderboard", "runs", "--with-published", "--without-published"],
            "--with-published/--without-published is given 2 times",
        ),
        (["run", "demo", "--data", "shapes=.", "--data", "shapes=.."], "--data names two folders for shapes"),
    ],
)
def test_second_value_where_one_makes_sense_is_refused(words: list[str], message: str) -> None:
    with pytest.raises(RaybenchError, match=message):
        call(*words)


@pytest.mark.parametrize(
    ("command", "settings"),
    [("run", Settings), ("gallery", Again), ("check", Remeasuring), ("train", TrainingSettings)],
)
def test_every_flag_of_settings_is_an_option_with_its_words(command: str, settings: type) -> None:
    given = {param.name: param for param in get_command(app).commands[command].params}  # type: ignore[attr-defined]
    for name, (_, flag, _) in offered(settings).items():
        assert given[name].help == flag.help + " May be repeated." * given[name].multiple
        assert (flag.name or f"--{name.replace('_', '-')}") in given[name].opts


def test_options_reach_the_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def keep(suite: str, settings: Settings, **_: object) -> None:
        seen.append((suite, settings))
        raise KeyboardInterrupt

    seen: list[tuple[str, Settings]] = []
    monkeypatch.setattr("raybench.benchmark.running.evaluate", keep)
    words = ["--data", f"coco={tmp_path}", "--workers", "0", "--fresh", "--precision", "tf32", "--limit", "3"]
    words += ["--checkpoint", "vgg16", "--checkpoint", "resnet50", "--compile", "stages"]
    CliRunner().invoke(app, ["run", "my/suite.yaml", *words])
    expected = Settings(
        data={"coco": tmp_path},
        out=Path("runs/suite"),
        workers=0,
        fresh=True,
        protocol={"precision": "tf32"},
        limit=3,
        checkpoints=["vgg16", "resnet50"],
        compile="stages",
    )
    assert seen == [("my/suite.yaml", expected)]
