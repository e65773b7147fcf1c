"""The plots of a section, as the page embeds them and as files for paper."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

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
from .templating import json_for_script, rendered

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
        html: a whole `<figure>`: choices, data as JSON, links to the files. `plots.js` draws it.
        static: the PNG, then the SVG, relative to the folder of the page.
    """

    key: str
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
    files = save_plot(drawing.static, out / "plots", key)
    static = tuple(path.relative_to(out).as_posix() for path in files)
    views = drawing.views
    spec = {"config": _CONFIG, "layout": base_layout(), "views": [view._asdict() for view in views]}
    html = rendered(
        "plot.html",
        key=key,
        drawing=drawing,
        controls=[pair for pair in enumerate(drawing.controls) if len(pair[1].options) > 1],
        views=views,
        static=static,
        spec=json_for_script(spec),
    )
    return Plot(key, html, static)
