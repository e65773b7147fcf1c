"""The options of registered functions: their keyword-only parameters, which suites may set."""

from __future__ import annotations

import inspect
import json
import sys
import typing
from collections.abc import Callable, Mapping
from typing import Any

from pydantic import TypeAdapter, ValidationError
from pydantic.errors import PydanticUserError

from .errors import RaybenchError


def options_of(function: Callable[..., Any]) -> Mapping[str, Any]:
    """Return the keyword-only parameters of a function, with their defaults."""
    parameters = inspect.signature(function).parameters.values()
    return {p.name: p.default for p in parameters if p.kind is inspect.Parameter.KEYWORD_ONLY}


def check_options(thing: str, function: Callable[..., Any], given: Mapping[str, Any]) -> None:
    """Refuse options that a function does not have, or of another type than it is annotated with.

    Args:
        thing: what messages call the function, such as `metric 'stochastic_pointing_game'`.
        function: its keyword-only parameters are the options.
        given: values by name.

    Raises:
        RaybenchError: names the option, and what was expected.
    """
    options = options_of(function)
    for key, value in given.items():
        if key not in options:
            raise RaybenchError(f"{thing} has no option {key!r}; its options: {', '.join(options) or 'none'}")
        message = misfit(function, key, value)
        if message:
            raise RaybenchError(f"option {key!r} of {thing} is {value!r}: {message}")


def misfit(annotated: Any, name: str, value: Any) -> str:
    """Say why a value from YAML does not fit the annotation `name` of a function or class; empty if it does.

    Where there is no annotation, or none that values can be checked by, every value fits.

    Raises:
        RaybenchError: the annotation names what does not exist where the code runs.
    """
    hint = _annotation(annotated, name)
    if hint is None:
        return ""
    try:
        adapter = TypeAdapter(hint)
    except PydanticUserError:
        return ""
    try:
        adapter.validate_json(json.dumps(value), strict=True)  # by way of JSON a list may be a tuple
    except TypeError:
        return ""  # a Python caller gave something that YAML cannot say
    except ValidationError as error:
        message = error.errors()[0]["msg"]
        return message[:1].lower() + message[1:]
    return ""


def _annotation(annotated: Any, name: str) -> Any:
    """Resolve one annotation; others may name types that are imported for type checkers alone."""
    annotated = inspect.unwrap(annotated)
    owners = inspect.getmro(annotated) if inspect.isclass(annotated) else (annotated,)
    for owner in owners:
        written = inspect.get_annotations(owner)
        if name not in written:
            continue
        names = (
            vars(sys.modules[owner.__module__])
            if inspect.isclass(owner)
            else getattr(owner, "__globals__", {})
        )
        alone = type("Alone", (), {"__annotations__": {name: written[name]}})
        try:
            return typing.get_type_hints(alone, globalns=names, include_extras=True)[name]
        except Exception as error:  # an annotation may be any expression
            raise RaybenchError(
                f"{owner.__qualname__}: the annotation {written[name]!r} of {name!r} cannot be resolved: "
                f"{error}; import what it names at run time, not for type checkers alone"
            ) from error
    return None
