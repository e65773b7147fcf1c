"""Fetches weight files into the cache: from https addresses, Google Drive and torchvision's weight enums."""

from __future__ import annotations

import contextlib
import hashlib
import http
import http.client
import re
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath
from typing import IO
from urllib.parse import unquote, urlsplit

import torch
from filelock import FileLock

from ...base import RaybenchError, UnknownNameError
from ..card import is_secure
from .cache import cache_folder

TIMEOUT_S = 30
"""Longest silence of a server."""


def download(url: str) -> Path:
    """Return the cached file of an address, after fetching it if it is not there yet.

    The file appears under its name only when it is complete; processes that ask for the same address at the
    same time wait for one download. A file placed there by hand is taken as it is.

    Args:
        url: as in a card's `WeightSource`.

    Raises:
        RaybenchError: the address is unknown or cannot be reached, the answer is cut short or is a web page,
            or the cache folder cannot be written; says where to place the file by hand.
    """
    target = cached_path(url)
    if target.exists():
        return target
    url = _address(url)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(target.with_name(f".{target.name}.lock")):
            if not target.exists():
                _fetch(url, target)
    except OSError as error:
        raise RaybenchError(
            f"cannot write to the cache folder {target.parent}: {(error.strerror or str(error)).lower()}; "
            "set RAYBENCH_CACHE to a folder with space"
        ) from None
    return target


def in_torch_hub(url: str) -> Path | None:
    """Return the file that torch's own hub has downloaded from an address, if it has."""
    path = Path(torch.hub.get_dir()) / "checkpoints" / PurePosixPath(urlsplit(url).path).name
    return path if path.is_file() else None


def cached_path(url: str) -> Path:
    """Return where the file of an address is kept, whether it is there or not.

    Weights of torchvision that are not in raybench's own cache may be in that of torch.
    """
    path = cache_folder() / _cached_name(_address(url))
    there = in_torch_hub(_address(url)) if url.startswith("torchvision:") else None
    return there if there and not path.exists() else path


def remote_size(url: str) -> int:
    """Bytes of the file of an address as its server says, without fetching it; 0 if nobody says."""
    if url.startswith(("gdrive:", "timm:", "hf:")):
        return 0
    request = urllib.request.Request(_address(url), headers={"User-Agent": "raybench"}, method="HEAD")
    try:
        opener = urllib.request.build_opener(_SecureRedirects)
        with opener.open(request, timeout=TIMEOUT_S) as response:
            return int(response.headers.get("Content-Length") or 0)
    except (OSError, http.client.HTTPException, ValueError):
        return 0


def looks_like_html(path: Path) -> bool:
    """Say whether a file is a web page: what file hosts answer with when they refuse a download."""
    with path.open("rb") as file:
        start = file.read(512).lstrip().lower()
    return start.startswith((b"<!doctype html", b"<html"))


def _address(url: str) -> str:
    return _torchvision_address(url.removeprefix("torchvision:")) if url.startswith("torchvision:") else url


def _torchvision_address(member: str) -> str:
    from torchvision import models

    addresses = {
        str(weights): str(weights.url)
        for name in models.list_models(module=models)
        for weights in models.get_model_weights(name)
    }
    if member not in addresses:
        raise UnknownNameError("torchvision weights", member, addresses)
    return addresses[member]


def _cached_name(url: str) -> str:
    """File name in the cache: readable, and different for every address."""
    if url.startswith("gdrive:"):
        return f"gdrive-{url.removeprefix('gdrive:')}.pth"
    readable = re.sub(r"[^\w.-]", "_", PurePosixPath(unquote(urlsplit(url).path)).name)[-80:] or "weights"
    return f"{hashlib.sha256(url.encode()).hexdigest()[:8]}-{readable}"


def _fetch(url: str, target: Path) -> None:
    temporary = target.with_name(f".{target.name}.part")  # one process writes it at a time
    try:
        if url.startswith("gdrive:"):
            _fetch_from_drive(url.removeprefix("gdrive:"), temporary, target)
        else:
            _fetch_from_web(url, temporary, target)
        if looks_like_html(temporary):
            _tag(temporary).unlink(missing_ok=True)
            raise RaybenchError(
                f"{url} answered with a web page instead of a weight file (not shared, or too many downloads "
                f"today?); {_by_hand(target)}"
            )
        temporary.replace(target)
        _tag(temporary).unlink(missing_ok=True)
    finally:
        if not _tag(temporary).exists():  # else the next attempt goes on with it
            temporary.unlink(missing_ok=True)


def _tag(temporary: Path) -> Path:
    """Where it is kept which version of a file on a server was begun."""
    return temporary.with_suffix(".tag")


def _fetch_from_web(url: str, temporary: Path, target: Path) -> None:
    tag = _tag(temporary)
    begun = temporary.stat().st_size if temporary.exists() and tag.exists() else 0
    with _network_errors_named(url, target):
        response = _open(url, begun, tag.read_text(encoding="utf-8") if begun else "")
    going_on = response.status == http.HTTPStatus.PARTIAL_CONTENT
    version = response.headers.get("ETag") or ""
    if version.startswith('"') and response.headers.get("Accept-Ranges") != "none":
        tag.write_text(version, encoding="utf-8")
    elif not going_on:
        tag.unlink(missing_ok=True)
    mode = "ab" if going_on else "wb"
    with contextlib.closing(response), temporary.open(mode) as file, _progress(target.name) as advance:
        size = int(response.headers.get("Content-Length") or 0)
        size += begun if going_on and size else 0
        advance(begun if going_on else 0, size)
        while True:
            with _network_errors_named(url, target):
                chunk = response.read(1 << 18)
            if not chunk:
                break
            file.write(chunk)
            advance(len(chunk), size)
        received = file.tell()
    if size and received != size:
        raise RaybenchError(
            f"{url} was cut short at {received} of {size} bytes; try again, or {_by_hand(target)}"
        )


@contextlib.contextmanager
def _network_errors_named(url: str, target: Path) -> Iterator[None]:
    try:
        yield
    except (OSError, http.client.HTTPException) as error:  # URLError, timeouts and TLS errors are OSErrors
        code = ""
        if isinstance(error, urllib.error.HTTPError):
            code = f"HTTP {error.code} "
            error.close()  # it is a response too
        reason = str(getattr(error, "reason", None) or error or type(error).__name__)
        raise RaybenchError(f"cannot download {url}: {code}{reason.lower()}; {_by_hand(target)}") from None


def _open(url: str, begun: int, version: str) -> http.client.HTTPResponse:
    """Ask for a file, or, if it is still of a version, for what follows the bytes that are here."""
    rest = {"Range": f"bytes={begun}-", "If-Range": version} if begun else {}
    request = urllib.request.Request(url, headers={"User-Agent": "raybench", **rest})
    opener = urllib.request.build_opener(_SecureRedirects)
    response: http.client.HTTPResponse = opener.open(request, timeout=TIMEOUT_S)
    return response


class _SecureRedirects(urllib.request.HTTPRedirectHandler):
    """Follows no redirect to an address that a card could not name."""

    def redirect_request(
        self,
        req: urllib.request.Request,
        fp: IO[bytes],
        code: int,
        msg: str,
        headers: http.client.HTTPMessage,
        newurl: str,
    ) -> urllib.request.Request | None:
        if not is_secure(newurl):
            fp.close()
            raise urllib.error.URLError(f"it leads to the insecure address {newurl}")
        return super().redirect_request(req, fp, code, msg, headers, newurl)


@contextlib.contextmanager
def _progress(name: str) -> Iterator[Callable[[int, int], None]]:
    """Show a progress bar where standard error is a terminal; yields advance(bytes, bytes in all or 0)."""
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, disable=not console.is_terminal) as bar:
        task = bar.add_task(name, total=None)
        yield lambda count, size: bar.update(task, advance=count, total=size or None)


def _fetch_from_drive(file_id: str, temporary: Path, target: Path) -> None:
    by_hand = _by_hand(target, f"https://drive.google.com/file/d/{file_id}/view")
    try:
        import gdown
    except ImportError:
        raise RaybenchError(
            f"weights on Google Drive need gdown: pip install 'raybench[gdrive]'; or {by_hand}"
        ) from None
    try:
        answer = gdown.download(id=file_id, output=str(temporary), quiet=False)
    except Exception as error:  # gdown raises errors of its own, of requests and of urllib3
        raise RaybenchError(f"cannot download gdrive:{file_id}: {_first_line(error)}; {by_hand}") from None
    if answer is None or not temporary.exists():
        raise RaybenchError(f"cannot download gdrive:{file_id}: Google Drive refused; {by_hand}")


def _first_line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]


def _by_hand(target: Path, page: str = "") -> str:
    return f"download it by hand{f' from {page}' if page else ''} and save it as {target}"
