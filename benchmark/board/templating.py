"""What all pages of the board are made by: templates, keys for strangers' names, JSON for script elements."""

from __future__ import annotations

import hashlib
import json
import math
import re
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup

_OTHER = re.compile(r"[^a-z0-9]+")
_LONGEST = 48


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


def safe_key(*names: str) -> str:
    """Return a key of `[a-z0-9-]+` for a tuple of names, different for different tuples.

    Names that only need lower case and hyphens keep their looks; others get a hash behind what is left.
    """
    parts = [_OTHER.sub("-", name.lower()).strip("-")[:_LONGEST] for name in names]
    key = "-".join(part for part in parts if part)
    if all(re.fullmatch(r"[a-z0-9]+([-_.][a-z0-9]+)*", name) and len(name) <= _LONGEST for name in names):
        return key
    text = "\0".join(names).encode("utf-8", "surrogatepass")
    return f"{key or 'x'}-{hashlib.sha256(text).hexdigest()[:8]}"


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
