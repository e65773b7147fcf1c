"""Functions of a user's own in plain files."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass

import pytest

import raybench.base.registry as registries
from raybench.base.code_files import CodeFiles, names_code, without_folder
from raybench.base.errors import RaybenchError, UnknownNameError
from raybench.base.registry import Registry


@dataclass(frozen=True)
class Entry:
    name: str
    function: Callable[..., object]


@pytest.fixture
def registry(monkeypatch):
    registry = Registry("thing", "raybench.test_things")
    registry.add(Entry("known", print))
    monkeypatch.setattr(registries, "things", registry, raising=False)
    return registry


@pytest.fixture
def code(tmp_path):
    return CodeFiles(tmp_path, trusted=True)


def test_only_a_file_and_a_function_name_code():
    assert [names_code(name) for name in ("mine.py:f", "a/b c.py:f_2")] == [True, True]
    names = (
        "grad_cam",
        "mine.py",
        "mine.py:",
        "mine:f",
        ".py:f",
        "mine.py:2f",
        "torchray.gradient",
        "timm:x",
    )
    assert not any(map(names_code, names))
    assert without_folder("../a/mine.py:f") == without_folder("mine.py:f") == "mine.py:f"


def test_a_function_is_found_and_its_file_is_hashed(registry, code, tmp_path):
    (tmp_path / "mine.py").write_text("def f():\n    return 7\n")
    entry = code.find(registry, "mine.py:f", Entry)
    assert (entry.name, entry.function()) == ("mine.py:f", 7)
    expected = hashlib.sha256((tmp_path / "mine.py").read_bytes()).hexdigest()
    assert code.sha256 == {"mine.py:f": expected}
    assert code.find(registry, "known", Entry).function is print


def test_what_a_file_registers_is_found_there_alone(registry, code, tmp_path):
    (tmp_path / "mine.py").write_text(
        "import raybench.base.registry as registries\n"
        "def f():\n    return 7\n"
        "class Entry:\n    name = 'known'\n    function = staticmethod(f)\n"
        "registries.things.add(Entry())\n"
    )
    for _ in range(2):  # also a second time
        assert code.find(registry, "mine.py:f", Entry).name == "known"
    assert registry.get("known").function is print


def test_a_name_that_is_registered_is_refused(registry, code, tmp_path):
    (tmp_path / "mine.py").write_text("def known():\n    return 7\n")
    with pytest.raises(RaybenchError, match="'mine.py:known' takes the name of a registered thing"):
        code.find(registry, "mine.py:known", Entry)


def test_a_file_may_import_its_neighbours_and_hold_dataclasses(registry, code, tmp_path):
    (tmp_path / "neighbour_of_mine.py").write_text("VALUE = 3\n")
    (tmp_path / "mine.py").write_text(
        "from __future__ import annotations\n"
        "from dataclasses import dataclass\n"
        "from neighbour_of_mine import VALUE\n"
        "@dataclass\nclass Pair:\n    a: int\n"
        "def f():\n    return Pair(VALUE)\n"
    )
    assert code.find(registry, "mine.py:f", Entry).function().a == 3


def test_code_does_not_run_unless_it_is_trusted(registry, tmp_path):
    (tmp_path / "mine.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')\ndef f(): pass\n")
    with pytest.raises(
        RaybenchError, match=r"thing 'mine.py:f' would run the code of .*mine.py; if you trust"
    ):
        CodeFiles(tmp_path).find(registry, "mine.py:f", Entry)
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize(
    ("source", "name", "message"),
    [
        (None, "mine.py:f", "cannot read .*mine.py, which thing 'mine.py:f' names: no such file"),
        ("def f(:\n", "mine.py:f", "thing 'mine.py:f': .*mine.py cannot be imported: SyntaxError"),
        ("import not_a_module\n", "mine.py:f", "cannot be imported: ModuleNotFoundError: No module named"),
        ("def gradients(): pass\n", "mine.py:gradient", "did you mean 'gradients'"),
        ("f = 3\n", "mine.py:f", "unknown function of .*mine.py 'f'"),
    ],
)
def test_what_is_wrong_with_a_file_is_said_in_a_sentence(registry, code, tmp_path, source, name, message):
    if source is not None:
        (tmp_path / "mine.py").write_text(source)
    with pytest.raises(RaybenchError, match=message) as caught:
        code.find(registry, name, Entry)
    assert isinstance(caught.value, UnknownNameError) == bool(re.search("did you mean|unknown", message))
