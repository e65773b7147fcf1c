"""Functions of a user's own in a plain file, named `mine.py:my_method`, without packaging."""

from __future__ import annotations

import hashlib
import importlib.util
import inspect
import re
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType, ModuleType
from typing import Any, TypeVar, cast

from .errors import RaybenchError, UnknownNameError
from .registry import Named, Registry, collecting

Entry = TypeVar("Entry", bound=Named)

_NAME = re.compile(r"(?P<file>.+\.py):(?P<function>[^\W\d]\w*)")


def names_code(name: str) -> bool:
    """Say whether a name is that of a function in a file, such as `mine.py:my_method`."""
    return _NAME.fullmatch(name) is not None


def without_folder(name: str) -> str:
    """Return the name of a function in a file as results carry it: folders may move."""
    return re.split(r"[/\\]", name)[-1]


@dataclass(frozen=True)
class CodeFiles:
    """Where functions in files are looked for, and whether their code may run.

    Attributes:
        folder: that relative paths start from.
        trusted: whether the user allows it: importing a file runs its code.
        held: functions and entries that are in memory, by the names that suites call them.
    """

    folder: Path = Path()
    trusted: bool = False
    held: Mapping[str, Any] = field(default_factory=dict)
    _sha256: dict[str, str] = field(default_factory=dict)

    @property
    def sha256(self) -> Mapping[str, str]:
        """SHA-256 of the files that were loaded, by the names of the functions, without folders."""
        return MappingProxyType(self._sha256)

    def find(
        self, registry: Registry[Entry], name: str, plain: Callable[[str, Callable[..., Any]], Entry]
    ) -> Entry:
        """Return the entry of a registered name, or of a function in a file.

        A function that the file registers by a decorator brings its facts along, without entering the
        registry.

        Args:
            registry: of what is looked for.
            name: a registered name, or `FILE.py:FUNCTION`.
            plain: makes an entry of a function without a decorator, from its name without the folder.

        Raises:
            UnknownNameError: no such name, or no such function in the file.
            RaybenchError: code of files is not trusted, or the file cannot be read or run.
        """
        if name in self.held:
            return self._in_memory(registry, name, plain)
        if not names_code(name):
            return registry.get(name)
        function, short, entries = self._load(registry.noun, name)
        registry.refuse_taken(short.rpartition(":")[2], name)
        own = (
            entry
            for owner, entry in entries
            if owner is registry and getattr(entry, "function", None) is function
        )
        return next(own, None) or plain(short, function)

    def _in_memory(
        self, registry: Registry[Entry], name: str, plain: Callable[[str, Callable[..., Any]], Entry]
    ) -> Entry:
        found = self.held[name]
        if hasattr(found, "function"):
            return cast(Entry, found)  # with facts of its own
        if all(getattr(entry, "function", None) is not found for entry in registry):
            registry.refuse_taken(name, name)
        self._sha256[name] = hashlib.sha256(_written(found)).hexdigest()
        return plain(name, found)

    def function(self, noun: str, name: str) -> Callable[..., Any]:
        """Return a function in a file, whatever it is for; raises as `find`."""
        return self._load(noun, name)[0]

    def _load(self, noun: str, name: str) -> tuple[Callable[..., Any], str, list[tuple[Any, Any]]]:
        match = _NAME.fullmatch(name)
        assert match is not None
        path = (self.folder / Path(match["file"]).expanduser()).resolve()
        if not self.trusted:
            raise RaybenchError(
                f"{noun} {name!r} would run the code of {path}; if you trust it, allow it by --trust-code "
                "(trust_code=True in Python)"
            )
        try:
            source = path.read_bytes()
        except OSError as error:
            reason = (error.strerror or "it cannot be read").lower()
            raise RaybenchError(f"cannot read {path}, which {noun} {name!r} names: {reason}") from None
        digest = hashlib.sha256(source).hexdigest()
        with collecting() as entries:
            module = _run(path, source, f"{noun} {name!r}")
        for owner, entry in entries:
            if getattr(getattr(entry, "function", None), "__module__", None) != module.__name__:
                owner.add(entry)  # of a package that the file imports
        function = vars(module).get(match["function"])
        short = without_folder(name)
        if not callable(function):
            known = [key for key, value in vars(module).items() if callable(value) and key[0] != "_"]
            raise UnknownNameError(f"function of {path}", match["function"], known)
        self._sha256[short] = digest
        return function, short, entries


def _written(function: Callable[..., Any]) -> bytes:
    """Return what a function in memory does: its source, or its code where there is none."""
    try:
        return inspect.getsource(function).encode()
    except (OSError, TypeError):  # typed at a prompt, or an object that can be called
        code = getattr(function, "__code__", None)
        return repr((code.co_code, code.co_consts, code.co_names)).encode() if code else b""


def _run(path: Path, source: bytes, thing: str) -> ModuleType:
    """Run a file as a module of its own, which finds its neighbours."""
    name = f"raybench_code_{hashlib.sha256(bytes(path)).hexdigest()[:12]}_{path.stem}"
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # dataclasses look their module up
    try:
        with _neighbours(path.parent):
            exec(compile(source, path, "exec"), vars(module))  # the very bytes that were hashed
    except Exception as error:  # a stranger's code may fail in any way
        del sys.modules[name]
        if isinstance(error, RaybenchError):
            raise
        reason = f"{type(error).__name__}: {error}".splitlines()[0]
        raise RaybenchError(f"{thing}: {path} cannot be imported: {reason}") from error
    return module


@contextmanager
def _neighbours(folder: Path) -> Iterator[None]:
    sys.path.insert(0, str(folder))
    try:
        yield
    finally:
        if str(folder) in sys.path:
            sys.path.remove(str(folder))
