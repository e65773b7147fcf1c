"""What went wrong, and how long something takes, in words for people."""

from __future__ import annotations

import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any

_MOST = 300
"""Characters of an error's own message."""


def worded(error: BaseException) -> str:
    """Say in one line what an error says, and where it happened, as far as its traceback tells.

    Of the networks that were running, the innermost layer is named by its dotted name, with its kind and the
    shapes of the tensors that it was given; of the code, the last line that is in no installed package.
    """
    text = next(iter(str(error).strip().splitlines()), "").rstrip(".")[:_MOST]
    kind = type(error).__name__
    plain = isinstance(error, AssertionError) and bool(text)
    words = text if plain else f"{kind}: {text}" if text else kind
    frames = list(_frames(error.__traceback__))
    return f"{words}{_layer(frames)}{_line(frames)}"


def _frames(trace: types.TracebackType | None) -> Iterator[tuple[types.FrameType, int]]:
    while trace is not None:
        yield trace.tb_frame, trace.tb_lineno
        trace = trace.tb_next


def _layer(frames: list[tuple[types.FrameType, int]]) -> str:
    """Name the innermost layer that was running, if any was; torch calls all by one method."""
    calls = [frame.f_locals for frame, _ in frames if frame.f_code.co_name == "_call_impl"]
    calls = [call for call in calls if hasattr(call.get("self"), "named_modules")]
    if not calls:
        return ""
    outer, inner = calls[0]["self"], calls[-1]["self"]
    names = [name for name, module in outer.named_modules() if module is inner]
    given = [*calls[-1].get("args", ()), *calls[-1].get("kwargs", {}).values()]
    shapes = ", ".join(_shape(one) for one in given if hasattr(one, "shape"))
    place = f"layer {names[0]!r} ({type(inner).__name__})" if names and names[0] else type(inner).__name__
    return f", in {place}{f' given {shapes}' if shapes else ''}"


def _shape(tensor: Any) -> str:
    return str(tuple(tensor.shape))


def _line(frames: list[tuple[types.FrameType, int]]) -> str:
    """Name the last line of the user's own code, if any ran."""
    for frame, line in reversed(frames):
        path = Path(frame.f_code.co_filename)
        package = str(frame.f_globals.get("__name__", "")).partition(".")[0]
        installed = {"site-packages", "dist-packages"} & set(path.parts) or path.name.startswith("<")
        if package != "raybench" and not installed:
            return f", at {path.name}, line {line}"
    return ""


def worded_time(seconds: float) -> str:
    """Word a time: `40 s`, `12 min`, `1 h 40 min`, `25 h`."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    hours, minutes = divmod(round(seconds / 60), 60)
    if hours >= 10:
        return f"{hours:,} h"
    return f"{hours} h {minutes} min" if hours else f"{minutes} min"
