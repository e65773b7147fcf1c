"""The libraries of the page, copied from installed packages beside it, so that it works offline."""

from __future__ import annotations

import base64
import gzip
import re
from importlib.resources import files
from pathlib import Path

from ...base import RaybenchError
from ..results import write_atomically

__all__ = ["write_libraries"]

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

_EXPORTS = re.compile(r"\bexport\s*\{([^{}]*)\};?(?=\s*(/\*|$))")


def write_libraries(folder: Path, *, with_plotly: bool) -> None:
    """Write datatables.js, and plotly.js if any plot needs it.

    Raises:
        RaybenchError: a package of the extra `leaderboard` is missing.
    """
    write_atomically(folder / "datatables.js", _classic(_package_text("itables", "html/dt_bundle.js")))
    if with_plotly:
        write_atomically(folder / "plotly.js", _packed(_package_text("plotly", "package_data/plotly.min.js")))


def _package_text(package: str, path: str) -> str:
    try:
        return files(package).joinpath(path).read_text(encoding="utf-8")
    except ModuleNotFoundError:
        raise RaybenchError(
            f"the leaderboard needs the package {package}; "
            "install it by `pip install 'raybench[leaderboard]'`"
        ) from None
    except FileNotFoundError:
        raise RaybenchError(
            f"this version of {package} has no file {path}; "
            "install a fitting one by `pip install --upgrade 'raybench[leaderboard]'`"
        ) from None


def _classic(module: str) -> str:
    """Turn itables' bundle from a module into a classic script that sets `window.DataTable`.

    Browsers do not import modules from a file, and the page must work from one.

    Raises:
        RaybenchError: the bundle no longer ends in one list of exports.
    """
    found = list(_EXPORTS.finditer(module))
    exports = found[-1][1].split(",") if found else []
    names = {outer: inner for inner, _, outer in (export.partition(" as ") for export in exports)}
    if "default" not in names:
        raise RaybenchError("this version of itables exports no DataTable; install itables 2.9")
    start, end = found[-1].span()
    body = f"{module[:start]}window.DataTable={names['default']};{module[end:]}"
    return f"(function(){{{body}\n}})();\n"


def _packed(library: str) -> str:
    """Pack plotly into a script of 40 % its size that unpacks itself: `window.Plotly` is a promise of it.

    A web host may compress what it sends, but a file on a disk stays as large as it is.
    """
    packed = base64.b64encode(gzip.compress(library.encode(), compresslevel=9, mtime=0)).decode()
    return _UNPACK.replace("PACKED", packed)
