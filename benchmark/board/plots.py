"""The plots of a section, as the page embeds them and as files for paper."""

from __future__ import annotations

import json
import math
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader
from markupsafe import Markup

from ..pictures import (
    Drawing,
    base_layout,
    classes_drawing,
    cost_drawing,
    localisation_drawing,
    orders_drawing,
    save_plot,
    values_drawing,
)
from ..results import Section

__all__ = ["Plot", "script_safe", "section_drawings", "section_plots"]

_DRAWINGS: tuple[Callable[[Section], Drawing | None], ...] = (
    localisation_drawing,
    orders_drawing,
    values_drawing,
    classes_drawing,
    cost_drawing,
)
_CONFIG = {"responsive": True, "displaylogo": False, "displayModeBar": False}


@dataclass(frozen=True)
class Plot:
    """A plot, ready for the page.

    Attributes:
        key: unique on the page: `<section>-<drawing>`, `[a-z0-9-]+`.
        title, description: plain text; the description says what a reader would see.
        html: a whole `<figure>`: choices, data as JSON, links to the files. `plots.js` draws it.
        static: the PNG, then the SVG, relative to the folder of the page.
    """

    key: str
    title: str
    description: str
    html: Markup
    static: tuple[str, ...]


def section_drawings(section: Section) -> list[Drawing]:
    """Return the plots for which the section has numbers."""
    found = [drawing(section) for drawing in _DRAWINGS]
    return [drawing for drawing in found if drawing is not None]


def section_plots(section: Section, out: Path) -> list[Plot]:
    """Write the plots of a section for paper under `out`/plots and return them for the page.

    Raises:
        RaybenchError: `out` cannot be written to.
    """
    return [_plot(section, drawing, out) for drawing in section_drawings(section)]


def _plot(section: Section, drawing: Drawing, out: Path) -> Plot:
    key = f"{section.key}-{drawing.key}"
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph", UserWarning)  # a name in a script that no font has
        files = save_plot(drawing.static, out / "plots", key)
    static = tuple(path.relative_to(out).as_posix() for path in files)
    html = _template("plot.html").render(
        key=key, drawing=drawing, static=static, spec=Markup(script_safe(_spec(drawing)))
    )
    return Plot(key, drawing.title, drawing.description, Markup(html), static)


def _spec(drawing: Drawing) -> dict[str, Any]:
    """Return what `plots.js` reads."""
    return {
        "config": _CONFIG,
        "layout": base_layout(),
        "views": [{"at": view.at, "data": view.data, "layout": view.layout} for view in drawing.views],
    }


def script_safe(value: object) -> str:
    """Write JSON that may stand inside `<script>`: no `<`, `>` or `&`, and null for what is no number."""
    text = json.dumps(_finite(value), allow_nan=False, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _finite(value: object) -> object:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {key: _finite(one) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(one) for one in value]
    return value


def _template(name: str) -> Any:
    loader = PackageLoader("raybench.benchmark.board", "templates")
    environment = Environment(loader=loader, autoescape=True, trim_blocks=True, lstrip_blocks=True)
    return environment.get_template(name)
