"""Names for the things a suite may ask for: attributions, metrics and datasets."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from importlib.metadata import entry_points
from typing import Any, Generic, Protocol, TypeVar

from .errors import RaybenchError, UnknownNameError


class Named(Protocol):
    """Has a name."""

    @property
    def name(self) -> str:
        """What suites and messages call it."""


Entry = TypeVar("Entry", bound=Named)


_COLLECTED: ContextVar[list[tuple[Any, Any]] | None] = ContextVar("collected", default=None)


@contextmanager
def collecting() -> Iterator[list[tuple[Any, Any]]]:
    """While open, what is registered anywhere goes into this list instead, as (registry, entry)."""
    entries: list[tuple[Any, Any]] = []
    token = _COLLECTED.set(entries)
    try:
        yield entries
    finally:
        _COLLECTED.reset(token)


class Registry(Generic[Entry]):
    """A dictionary of named entries that third parties can extend.

    Entries of this project register themselves when their module is imported. Entries of other packages are
    found through the entry-point group, which is loaded only when a name is missing or all names are listed.
    """

    def __init__(self, noun: str, group: str) -> None:
        """Make an empty registry.

        Args:
            noun: what an entry is called in messages, such as "attribution".
            group: the entry-point group of third-party entries, such as "raybench.attributions".
        """
        self.noun = noun
        self.group = group
        self._entries: dict[str, Entry] = {}
        self._plugins_loaded = False

    def add(self, entry: Entry) -> Entry:
        """Register `entry` under its name and return it; a name that is taken raises `RaybenchError`."""
        collected = _COLLECTED.get()
        if collected is not None:
            collected.append((self, entry))
            return entry
        if entry.name in self._entries:
            raise RaybenchError(f"{self.noun} {entry.name!r} is registered already; choose another name")
        self._entries[entry.name] = entry
        return entry

    def get(self, name: str) -> Entry:
        """Return the entry called `name`.

        Raises:
            UnknownNameError: nothing is registered under the name; names the nearest.
            RaybenchError: another package's entry point cannot be loaded.
        """
        if name not in self._entries:
            self._load_plugins()
        if name not in self._entries:
            raise UnknownNameError(self.noun, name, self._entries)
        return self._entries[name]

    def refuse_taken(self, name: str, given: str) -> None:
        """Raise `RaybenchError` if results would show what a file gives (`given`) as a registered entry."""
        if name in self._entries:
            raise RaybenchError(
                f"{self.noun} {given!r} takes the name of a registered {self.noun}, so that results could "
                "not tell the two apart; rename the function"
            )

    def __iter__(self) -> Iterator[Entry]:
        """Iterate over all entries, plug-ins included, in order of their names."""
        self._load_plugins()
        return iter([self._entries[name] for name in sorted(self._entries)])

    def _load_plugins(self) -> None:
        if self._plugins_loaded:
            return
        for point in entry_points(group=self.group):
            try:
                point.load()  # importing the module runs its registering decorators
            except Exception as error:  # another package's module may fail in any way
                package = point.dist.name if point.dist else point.value
                raise RaybenchError(
                    f"the plug-in {point.name!r} of {package} ({self.group}) cannot be loaded: {error}; "
                    "update it or uninstall it"
                ) from error
        self._plugins_loaded = True


def functions_of(registry: Registry[Any], module: str) -> Callable[[str], Any]:
    """Make a module's `__getattr__` that hands out functions by the names under which they are registered."""

    def get(name: str) -> Any:
        found = [entry.function for entry in registry if entry.name == name]
        if not found:
            raise AttributeError(f"module {module!r} has no attribute {name!r}")
        return found[0]

    return get
