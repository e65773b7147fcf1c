"""The registry of attributions, metrics and datasets."""

import sys
from dataclasses import dataclass

import pytest

from raybench.base.errors import RaybenchError, UnknownNameError
from raybench.base.registry import Registry


@dataclass(frozen=True)
class Entry:
    name: str


@pytest.fixture
def registry() -> Registry[Entry]:
    return Registry("thing", "raybench.test_things")


@pytest.fixture
def installed(tmp_path, monkeypatch):
    """Installs a package `things_plugin` with an entry point; its module is given as source text."""

    def install(source: str) -> None:
        (tmp_path / "things_plugin.py").write_text(source)
        info = tmp_path / "things_plugin-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text("Metadata-Version: 2.1\nName: things-plugin\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text("[raybench.test_things]\nextra = things_plugin\n")
        monkeypatch.syspath_prepend(str(tmp_path))

    yield install
    sys.modules.pop("things_plugin", None)


def test_entry_is_found_by_its_name(registry):
    entry = registry.add(Entry("a"))
    assert registry.get("a") is entry


def test_entries_are_listed_in_order_of_names(registry):
    for name in ("b", "c", "a"):
        registry.add(Entry(name))
    assert [entry.name for entry in registry] == ["a", "b", "c"]


def test_taken_name_is_refused_and_the_first_entry_stays(registry):
    first = registry.add(Entry("a"))
    with pytest.raises(RaybenchError, match=r"^thing 'a' is registered already; choose another name$"):
        registry.add(Entry("a"))
    assert registry.get("a") is first


def test_miss_names_the_nearest(registry):
    registry.add(Entry("grad_cam"))
    with pytest.raises(UnknownNameError, match=r"^unknown thing 'gradcam'; did you mean 'grad_cam'\?$"):
        registry.get("gradcam")


def test_entry_of_another_package_is_found_on_a_miss(registry, installed, monkeypatch):
    monkeypatch.setattr("raybench.base.registry.THINGS", registry, raising=False)
    installed(
        "from dataclasses import make_dataclass\n"
        "import raybench.base.registry\n"
        "raybench.base.registry.THINGS.add(make_dataclass('Entry', ['name'])('extra'))\n"
    )
    registry.add(Entry("own"))
    assert registry.get("own").name == "own"
    assert "things_plugin" not in sys.modules, "plug-ins load only on a miss"
    assert registry.get("extra").name == "extra"
    assert [entry.name for entry in registry] == ["extra", "own"]


def test_entry_point_that_fails_in_any_way_names_its_package(registry, installed):
    installed("raise TypeError('made for an older version')\n")
    with pytest.raises(RaybenchError, match=r"plug-in 'extra' of things-plugin .*made for an older version"):
        registry.get("extra")


def test_broken_entry_point_names_its_package(registry, installed):
    installed("import a_module_that_is_not_there\n")
    with pytest.raises(
        RaybenchError, match=r"plug-in 'extra' of things-plugin .*'a_module_that_is_not_there'"
    ):
        registry.get("extra")
