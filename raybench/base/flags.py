"""How the command line offers the fields of settings: their words stand once, at the field."""

from __future__ import annotations

import dataclasses
import typing
from dataclasses import dataclass
from typing import Any, NamedTuple

from .errors import RaybenchError


@dataclass(frozen=True)
class Flag:
    """Annotates a field of settings: `limit: Annotated[int | None, Flag("Only the first N.", least=1)]`.

    Attributes:
        help: what it is, a sentence.
        name: of the option, such as `--checkpoint`; by default that of the field, with dashes.
        metavar: what stands for the value.
        least, most: bounds of an integer.
        default: words for a default that the machine, a name or the environment decides.
    """

    help: str
    name: str = ""
    metavar: str | None = None
    least: int | None = None
    most: int | None = None
    default: str = ""


class Offered(NamedTuple):
    """A field that the command line offers: its type, its flag, and its default or `MISSING`."""

    type: Any
    flag: Flag
    default: Any


def offered(settings: type) -> dict[str, Offered]:
    """Return the fields of a dataclass that are annotated with a `Flag`, in its order."""
    hints = typing.get_type_hints(settings, include_extras=True)
    found = {}
    for field in dataclasses.fields(settings):
        plain, *notes = typing.get_args(hints[field.name]) or (hints[field.name],)
        flags = [note for note in notes if isinstance(note, Flag)]
        if flags:
            found[field.name] = Offered(plain, flags[0], field.default)
    return found


def refuse_out_of_range(settings: Any) -> None:
    """Raise `RaybenchError` if a field whose flag has a bound holds something else than such an integer."""
    for name, (kind, flag, _) in offered(type(settings)).items():
        value = getattr(settings, name)
        if flag.least is None or (value is None and type(None) in typing.get_args(kind)):
            continue
        if not isinstance(value, int) or isinstance(value, bool) or value < flag.least:
            raise RaybenchError(f"{name} is {value!r}; expected an integer of at least {flag.least}")
        if flag.most is not None and value > flag.most:
            raise RaybenchError(f"{name} is {value!r}; expected an integer of at most {flag.most}")
