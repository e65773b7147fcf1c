"""What all pages of the board are made by: the templates, and JSON that may stand in a script element."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup


def _breakable(name: str) -> Markup:
    """Let a long name break into lines behind its underscores."""
    return Markup("_<wbr>").join(name.split("_"))


_TEMPLATES = jinja2.Environment(
    loader=jinja2.FileSystemLoader(Path(__file__).resolve().parent / "templates"),
    autoescape=True,
    undefined=jinja2.StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
_TEMPLATES.filters["breakable"] = _breakable


def rendered(name: str, **facts: Any) -> Markup:
    """Fill in a template; every text but `Markup` is escaped."""
    return Markup(_TEMPLATES.get_template(name).render(facts))


def json_for_script(data: object) -> Markup:
    """Write JSON that can stand in a script element: no `<`, `>` or `&`, and null for what is no number."""
    text = json.dumps(_finite(data), ensure_ascii=True, allow_nan=False, separators=(",", ":"))
    for character in "<>&":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return Markup(text)


def _finite(value: object) -> object:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {key: _finite(one) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(one) for one in value]
    return value
