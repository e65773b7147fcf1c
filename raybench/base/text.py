"""Breaks names into lines."""

from __future__ import annotations

import re

__all__ = ["broken"]


def broken(name: str, width: int) -> str:
    """Break a name into lines of up to `width` characters, after `-`, `_` or `.` where that is possible."""
    lines = [""]
    for part in re.findall(r"[^-_.]*[-_.]?", name):
        if lines[-1] and len(lines[-1]) + len(part) > width:
            lines.append("")
        lines[-1] += part
    return "\n".join(lines)
