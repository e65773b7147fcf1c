"""The library of the plots, copied from the installed package beside the page, so that it works offline."""

from __future__ import annotations

import base64
import gzip
from importlib.resources import files
from pathlib import Path

from ...base import RaybenchError
from ..results import write_atomically

__all__ = ["write_plotly"]

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


def write_plotly(folder: Path) -> None:
    """Write plotly.js.

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
