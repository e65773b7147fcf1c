"""Importing modules that declare things, without the libraries that they compute with."""

from __future__ import annotations

import operator
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from importlib.metadata import entry_points
from types import ModuleType
from typing import Any


class _AnyType(type):
    """A class of which every attribute, subscript and union is again such a class."""

    def __getattr__(cls, name: str) -> Any:
        if name.startswith("__") and not hasattr(operator, name):
            raise AttributeError(name)
        return _AnyType(name, (), {})

    def __getitem__(cls, _key: Any) -> Any:
        return cls

    def __or__(cls, _other: Any) -> Any:
        return cls

    __ror__ = __or__

    def __call__(cls, *arguments: Any, **options: Any) -> Any:
        """Stand in for a decorator, a context or a value; a subclass makes its instances as usual."""
        if len(arguments) == 1 and callable(arguments[0]) and not options:
            return arguments[0]
        return cls if not cls.__mro__[1:-1] else super().__call__(*arguments, **options)


class _Library(ModuleType):
    """A module that has every attribute."""

    __path__: list[str] = []  # noqa: RUF012  a module that has one is a package

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return _AnyType(name, (), {})


class _Finder(MetaPathFinder, Loader):
    def __init__(self, names: Sequence[str]) -> None:
        self.names = names

    def find_spec(self, name: str, _path: Any = None, _target: Any = None) -> ModuleSpec | None:
        return ModuleSpec(name, self, is_package=True) if name.partition(".")[0] in self.names else None

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        return _Library(spec.name)

    def exec_module(self, module: ModuleType) -> None:
        pass


@contextmanager
def stand_ins(*names: str) -> Iterator[None]:
    """While open, the libraries `names` are not imported: empty modules that have every attribute stand in.

    What of this package is imported meanwhile can be looked at (names, docstrings, options) and not run; it
    is forgotten at the end, so that a later import is a real one. A library that is loaded already stays.
    """
    before = set(sys.modules)
    finder = _Finder([name for name in names if name not in before])
    sys.meta_path.insert(0, finder)
    try:
        yield
    finally:
        sys.meta_path.remove(finder)
        package = __name__.partition(".")[0]
        for name in set(sys.modules) - before:
            if finder.names and name.partition(".")[0] in {*finder.names, package}:
                del sys.modules[name]


@contextmanager
def looking_only(*kinds: str) -> Iterator[None]:
    """While open, do not wait for torch and SciPy to show names of these kinds, such as `metrics`.

    Plug-ins may need it for whatever they do when they are imported: where there are any, it is loaded.
    """
    if any(entry_points(group=f"raybench.{kind}") for kind in kinds):
        yield
        return
    with stand_ins("torch", "torchvision", "scipy"):
        yield
