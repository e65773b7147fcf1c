"""The options of commands: made from the fields of settings, read back into them, none dropped in silence."""

from __future__ import annotations

import dataclasses
import inspect
import typing
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from inspect import Parameter
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer
from typer.core import TyperCommand

from ..base import Flag, RaybenchError, offered

T = TypeVar("T")
Command = TypeVar("Command", bound=Callable[..., None])

Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Print mistakes alone.")]
NETWORK = "NAME|CARD.yaml|FILE.py:FUNCTION"
Data = Annotated[list[str] | None, typer.Option(metavar="NAME=PATH", help="Folder of pictures or weights.")]
Device = Annotated[str, typer.Option(help="auto, cpu or cuda.")]
TrustCode = Annotated[
    bool, typer.Option("--trust-code", help="Run code that cards or names of methods name.")
]
Out = Annotated[Path | None, typer.Option("-o", "--out", help="File to write.", show_default="print it")]
LogFile = Annotated[Path | None, typer.Option(help="Add lines of progress to this file, each with its time.")]


_OF_FILES = (".png", ".svg", ".pdf", ".html", ".htm", ".csv", ".json", ".tex", ".md", ".zip")


def refuse_file(out: Path, what: str) -> None:
    """Refuse the name of a file for a folder that `what` is written into."""
    if out.suffix.lower() in _OF_FILES and not out.is_dir():
        raise RaybenchError(
            f"-o {out} names a file; {what} goes into a folder, such as {out.with_suffix('')}"
        )


class OnceCommand(TyperCommand):
    """A command that refuses an option that is given twice, where only one makes sense."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Read the words behind the command."""
        for place, word in enumerate(args):
            if word == "" or (word.startswith("--") and word.endswith("=")):
                name = word.rstrip("=") or (args[place - 1] if place else "a word")
                raise RaybenchError(f"{name} is empty; is a variable of the script unset?")
        _, _, order = self.make_parser(ctx).parse_args(args=list(args))
        for param, count in Counter(order).items():
            plain_flag = getattr(param, "is_flag", False) and not param.secondary_opts
            if count > 1 and not plain_flag and not getattr(param, "multiple", False):
                names = "/".join(param.opts + param.secondary_opts)
                raise RaybenchError(f"{names} is given {count} times; {ctx.info_name} takes it once")
        return super().parse_args(ctx, args)


def with_options(settings: type) -> Callable[[Command], Command]:
    """Give a command options for the fields of `settings` that have a `Flag`, in place of `**options`."""

    def give(command: Command) -> Command:
        plain = inspect.signature(command, eval_str=True)
        own = [one for one in plain.parameters.values() if one.kind is not Parameter.VAR_KEYWORD]
        made = [_parameter(name, *field) for name, field in offered(settings).items()]
        needed = [one for one in own if one.default is Parameter.empty]
        parameters = [*needed, *made, *(one for one in own if one not in needed)]
        command.__signature__ = plain.replace(parameters=parameters)  # type: ignore[attr-defined]
        return command

    return give


def read_options(settings: Callable[..., T], options: Mapping[str, Any], **further: object) -> T:
    """Make settings of the options of a command, and of fields that are given here; None stands for neither.

    Raises:
        RaybenchError: a data folder is not of the form NAME=PATH, or a value makes no sense.
    """
    given = {name: value for name, value in {**options, **further}.items() if value is not None}
    if "data" in given:
        given["data"] = parse_data(given["data"])
    return settings(**given)


def _parameter(name: str, kind: Any, flag: Flag, default: Any) -> Parameter:
    """Word a field as typer reads parameters."""
    shape, words = typing.get_origin(kind), flag.help
    if shape is not None and isinstance(shape, type) and issubclass(shape, Iterable):
        kind, default = list[str] | None, None
        words += " May be repeated."
    elif default is dataclasses.MISSING or flag.default:
        kind, default = kind | None, None
    option = typer.Option(
        flag.name or f"--{name.replace('_', '-')}",
        help=words,
        metavar=flag.metavar,
        min=flag.least,
        max=flag.most,
        show_default=flag.default or True,
    )
    return Parameter(
        name, Parameter.POSITIONAL_OR_KEYWORD, default=default, annotation=Annotated[kind, option]
    )


def parse_data(pairs: Iterable[str]) -> dict[str, Path]:
    """Turn `imagenet=PATH` options into folders by name.

    Raises:
        RaybenchError: not of the form NAME=PATH, two folders of one name, or no such folder.
    """
    folders: dict[str, Path] = {}
    for pair in pairs:
        name, separator, path = pair.partition("=")
        if not (name and separator and path):
            raise RaybenchError(
                f"--data {pair!r} is not of the form NAME=PATH, such as imagenet=/data/imagenet"
            )
        folder = Path(path).expanduser()  # not every shell expands a ~ in the middle of a word
        if not folder.is_dir():
            raise RaybenchError(f"--data {pair}: there is no folder {path}")
        if name in folders:
            raise RaybenchError(f"--data names two folders for {name}: {folders[name]} and {folder}")
        folders[name] = folder
    return folders
