"""Writes a board as a static site: one page with its assets, and a page of what was left out."""

from __future__ import annotations

import base64
import gzip
from collections.abc import Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

from markupsafe import Markup

from ...base import RaybenchError
from ..results import Board, method_words, write_atomically
from ..statistics import INTERVALS
from .feed import feed_of, table_csv, table_latex
from .gallery import section_gallery
from .plots import section_plots
from .provenance import Provenance
from .templating import json_for_script, rendered
from .view import is_summary, section_view

HERE = Path(__file__).resolve().parent

POLICY = (
    "default-src 'none'; script-src 'self' file: blob:; style-src 'self' file: 'unsafe-inline'; "
    "img-src 'self' file: data: blob:; base-uri 'none'; form-action 'none'"
)
"""Content security policy of the pages: nothing is loaded from elsewhere, no script stands in the page.

`file:` lets browsers open the site from a disk; `blob:` lets plotly be unpacked, and it needs style elements
of its own making.
"""

ASSETS = ("site.css", "early.js", "tables.js", "site.js", "plots.css", "plots.js", "gallery.css")


_UNPACK = """"use strict";
window.Plotly = (async (packed) => {
  const bytes = Uint8Array.from(atob(packed), (letter) => letter.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  const text = await new Response(stream).blob();
  const script = document.createElement("script");
  script.src = URL.createObjectURL(new Blob([text], { type: "text/javascript" }));
  await new Promise((resolve, reject) => {
    script.onload = resolve;
    script.onerror = () => reject(new Error("cannot unpack plotly"));
    document.head.append(script);
  });
  URL.revokeObjectURL(script.src);
  return window.Plotly; // by now the library itself
})("PACKED");
"""


def build_site(board: Board, out: Path) -> Path:
    """Write the site and return the page to open.

    The same board gives the same bytes.

    Raises:
        RaybenchError: a library of the extra `leaderboard` is missing, or the disk is not writable.
    """
    shown = [section for section in board.sections if section.rows]
    plots = {section.key: section_plots(section, out) for section in shown}
    galleries = {section.key: section_gallery(section, out) for section in shown}
    if any(plots.values()):
        write_plotly(out / "assets")
    for name in ASSETS:
        write_atomically(out / "assets" / name, (HERE / "assets" / name).read_bytes())
    for name, content in render_pages(board, plots=plots, galleries=galleries).items():
        write_atomically(out / name, content)
    write_atomically(out / "feed.json", feed_of(board))
    for section in shown:
        write_atomically(out / "tables" / f"{section.key}.csv", table_csv(section))
        write_atomically(out / "tables" / f"{section.key}.tex", table_latex(section))
    return out / "index.html"


def render_pages(
    board: Board,
    *,
    plots: Mapping[str, Sequence[Any]] | None = None,
    galleries: Mapping[str, Markup | None] | None = None,
) -> dict[str, bytes]:
    """Return the pages by file name.

    Args:
        board: what to show.
        plots: by key of the section.
        galleries: by key of the section.
    """
    provenance = Provenance()
    for section in board.sections:
        for row in section.rows:
            provenance.add(section, row)
    views = [section_view(section) for section in board.sections]
    methods = sorted({row.method for view in views for row in view.rows if row.method})
    rows = [row for section in board.sections for row in section.rows]
    folders = [row.folder for row in rows]
    told = {
        str(row.folder.manifest.get("intervals", "percentile bootstrap")) for row in rows if is_summary(row)
    }
    columns = {column.key: column for view in views for column in view.columns}
    facts: Mapping[str, Any] = {
        "policy": POLICY,
        "assets": ASSETS,
        "excluded": board.excluded,
        "sections": views,
        "metrics": list(columns.values()),
        "methods": [(method, words) for method in methods if (words := method_words(method, folders))],
        "plots": plots or {},
        "galleries": galleries or {},
        "intervals": INTERVALS,
        "older_intervals": sorted(told - {INTERVALS}),
        "newest": max((str(one.manifest.get("started", ""))[:10] for one in folders), default=""),
        "with_plots": any((plots or {}).values()),
        "provenance": json_for_script(provenance.as_data()),
    }
    # a name may hold half a character, which no encoding can write
    return {
        name: rendered(name, **facts).encode("utf-8", "replace") for name in ("excluded.html", "index.html")
    }


def write_plotly(folder: Path) -> None:
    """Write plotly.js, copied from the installed package beside the page, so that it works offline.

    Raises:
        RaybenchError: plotly, of the extra `leaderboard`, is missing.
    """
    try:
        library = files("plotly").joinpath("package_data/plotly.min.js").read_text(encoding="utf-8")
    except ModuleNotFoundError:
        raise RaybenchError(
            "the leaderboard needs the package plotly; install it by `pip install 'raybench[leaderboard]'`"
        ) from None
    except FileNotFoundError:
        raise RaybenchError(
            "this version of plotly has no file package_data/plotly.min.js; "
            "install a fitting one by `pip install --upgrade 'raybench[leaderboard]'`"
        ) from None
    write_atomically(folder / "plotly.js", _packed(library))


def _packed(library: str) -> str:
    """Pack plotly into a script of 40 % its size that unpacks itself: `window.Plotly` is a promise of it.

    A web host may compress what it sends, but a file on a disk stays as large as it is.
    """
    packed = base64.b64encode(gzip.compress(library.encode(), compresslevel=9, mtime=0)).decode()
    return _UNPACK.replace("PACKED", packed)
