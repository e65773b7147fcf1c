"""Reads weight files: finds them, checks their hashes, and loads tensors without running code."""

from __future__ import annotations

import hashlib
import os
import pickle
import pickletools
import re
import warnings
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import safetensors
import safetensors.torch
import torch
from torch import Tensor

from ...base import RaybenchError
from ..card import Card, WeightSource
from ..libraries import hugging_face, timm
from .cache import pinned_sha256, sha256_of
from .download import download, looks_like_html
from .formats import is_index, other_format, refuse_shard, shards_of, words_on_folder
from .inert import Inert, load_inertly
from .selecting import select_tensors


class Weights(NamedTuple):
    """The tensors of a checkpoint.

    Attributes:
        tensors: by name, on the CPU; floating-point ones in float32.
        sha256: hash of the weight file; of several, joined by "+".
        remarks: what was read of files that hold more, in sentences.
    """

    tensors: dict[str, Tensor]
    sha256: str
    remarks: tuple[str, ...] = ()


def read_weights(card: Card, data: Mapping[str, Path] | None = None) -> Weights:
    """Fetch, verify and read all weight files of a card; later files override tensors of earlier ones.

    Args:
        card: with at least one weight source, its paths anchored.
        data: data folders by name, for paths of the form `data:NAME/FILE`. A name that is not given is
            looked for in `$RAYBENCH_DATA`.

    Raises:
        RaybenchError: a file is missing, has another hash than the card or the lock file says, is damaged,
            holds code, or holds no tensors.
    """
    if not card.weights:
        raise RaybenchError(f"checkpoint {card.name!r} names no weights; give its card a url or a path")
    tensors: dict[str, Tensor] = {}
    hashes, remarks = [], []
    for source in card.weights:
        path = fetched(source) if source.url else local_file(source.path or "", card.name, data or {})
        hashes.append(verified_sha256(path, source))
        if (laid_out := _laid_out_by_library(card, source, path)) is not None:
            tensors.update(laid_out)
            continue
        found, said = select_tensors(read_tensors(path), source, path)
        tensors.update(found)
        remarks += said
    return Weights(tensors, "+".join(hashes), tuple(remarks))


def fetched(source: WeightSource) -> Path:
    """Return the file of an address, from a cache or downloaded."""
    url = source.url or ""
    if url.startswith("timm:"):
        return timm.weight_file(url.removeprefix("timm:"))
    if url.startswith("hf:"):
        return hugging_face.weight_file(url.removeprefix("hf:"))
    return download(url)


def _laid_out_by_library(card: Card, source: WeightSource, path: Path) -> dict[str, Tensor] | None:
    """Have a library lay its own weights out; None for weights of other origin.

    Published files may name tensors as older versions or other projects did, and the library alone knows how
    they are meant.
    """
    url = source.url or ""
    if url.startswith("timm:"):
        return timm.as_timm_loads(url.removeprefix("timm:"), read_tensors(path))
    if url.startswith("hf:") or card.architecture == f"hf:{path.parent}":
        return hugging_face.as_transformers_loads(path.parent)
    return None


def local_weights_sha256(card: Card, data: Mapping[str, Path] | None = None) -> str | None:
    """Return the hash that `read_weights` would, but read no tensors; None for downloads and lost files."""
    if not card.weights or any(source.url for source in card.weights):
        return None
    try:
        paths = [local_file(source.path or "", card.name, data or {}) for source in card.weights]
    except RaybenchError:  # taken away since: there is nothing to compare with
        return None
    return "+".join(map(_sha256, paths))


def local_file(text: str, name: str, data: Mapping[str, Path]) -> Path:
    """Return the path of a weight file of one's own; see `WeightSource.path`.

    Raises:
        RaybenchError: there is no such file, or its data folder was not given.
    """
    if text.startswith("data:"):
        folder_name, _, file = text.removeprefix("data:").partition("/")
        root = os.environ.get("RAYBENCH_DATA")
        if folder_name in data:
            folder = Path(data[folder_name])
        elif root:
            folder = Path(root) / folder_name
        else:
            raise RaybenchError(
                f"checkpoint {name!r} needs {file} from the data folder {folder_name!r}; "
                f"give --data {folder_name}=PATH, or set RAYBENCH_DATA to the folder around it"
            )
        path = folder / file
    else:
        path = Path(text)
    if not path.is_file():
        told = words_on_folder(path) if path.is_dir() else ""
        raise RaybenchError(
            f"{path} is {told}" if told else f"checkpoint {name!r}: there is no weight file {path}"
        )
    return path


def _sha256(path: Path) -> str:
    """Hash a weight file; of the index of several it is the hash of their hashes, in order of their names."""
    if not is_index(path):
        return sha256_of(path)
    lines = "".join(f"{sha256_of(shard)}  {shard.name}\n" for shard in shards_of(path))
    return hashlib.sha256(lines.encode()).hexdigest()


def verified_sha256(path: Path, source: WeightSource) -> str:
    """Return a file's hash once it agrees with the card's and, for a download, with its pin."""
    try:
        actual = _sha256(path)
    except OSError as error:
        raise RaybenchError(f"cannot read {path}: {(error.strerror or str(error)).lower()}") from None
    if source.sha256 and not actual.startswith(source.sha256):
        raise RaybenchError(
            f"{path} has SHA-256 {actual}, but the card says {source.sha256}: it is damaged or another"
            + ("; delete it to download it again" if source.url else "")
        )
    if source.url and len(source.sha256 or "") < 64:
        pinned = pinned_sha256(source.url, actual)
        if pinned != actual:
            raise RaybenchError(
                f"{path} has SHA-256 {actual}, but {source.url} was pinned to {pinned} on first use; delete "
                "the file to download it again or, if it is right, its line in weights.lock.json beside it"
            )
    return actual


def read_tensors(path: Path) -> dict[Any, Any]:
    """Read a weight file as safetensors or as a pickle of tensors and plain values; never runs code in it.

    Returns:
        What the file holds: tensors by name, on the CPU, perhaps under further keys.

    Raises:
        RaybenchError: the file is a web page, is cut short, holds code, or is no weight file.
    """
    if is_index(path):
        return {name: one for shard in shards_of(path) for name, one in read_tensors(shard).items()}
    if looks_like_html(path):
        raise RaybenchError(f"{path} is a web page, not a weight file; download it again")
    other = other_format(path)
    if other:
        raise RaybenchError(f"{path} is {other}")
    with path.open("rb") as file:
        start = file.read(9)
    if path.suffix == ".safetensors" or start[8:] == b"{":  # eight bytes of header length, then JSON
        try:
            return dict(safetensors.torch.load_file(path))
        except safetensors.SafetensorError as error:
            raise RaybenchError(f"{path} is cut short or damaged: {error}") from None
    if start.startswith(b"PK") and not _is_whole_zip(path):
        raise RaybenchError(f"{path} is cut short or damaged: the end of the archive is missing")
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings(
                "ignore", "Detected pickle protocol", UserWarning
            )  # said in our words below
            if start.startswith(b"PK"):
                content = load_inertly(path, mmap=True)
            else:
                content = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise RaybenchError(_why_refused(path, str(error))) from None
    except Exception as error:  # damaged bytes make the unpickler raise anything, from EOFError to TypeError
        reason = (str(error) or type(error).__name__).splitlines()[0]
        because = f": {reason}" if " " in reason else ""  # a KeyError of the unpickler is only a number
        raise RaybenchError(f"{path} is cut short or no weight file{because}") from None
    if isinstance(content, Inert):
        raise RaybenchError(_why_refused(path, f"GLOBAL {type(content).__module__}.{type(content).__name__}"))
    if not isinstance(content, dict):
        raise RaybenchError(f"{path} holds a {type(content).__name__}, not a state dict")
    refuse_shard(content, path)
    return content


def _is_whole_zip(path: Path) -> bool:
    try:
        return zipfile.is_zipfile(path)
    except zipfile.BadZipFile:
        return False


def _why_refused(path: Path, message: str) -> str:
    code = re.search(
        r"GLOBAL (\S+)|whose module (\S+) is blocked|(?:instance of type|but got) <class '([^']+)'>", message
    )
    what = next((group for group in code.groups() if group), "") if code else _code_in_pickle(path)
    if what:
        return (
            f"{path} is refused: it wants to run code ({what}); save the weights alone, "
            "torch.save(network.state_dict(), 'weights.pth'), or ask its makers for such a file or a "
            ".safetensors file"
        )
    return f"{path} is cut short or no weight file"


def _code_in_pickle(path: Path) -> str:
    """Name the first thing that a plain pickle would import, without loading it; empty if there is none.

    torch's safe unpickler gives up on a pickle of another protocol before it comes to what is wrong with it.
    """
    texts: list[str] = []
    try:
        with path.open("rb") as file:
            for operation, value, _ in pickletools.genops(file):
                if operation.name in ("GLOBAL", "INST"):
                    return str(value).replace(" ", ".")
                if operation.name == "STACK_GLOBAL":
                    return ".".join(texts[-2:])
                if isinstance(value, str):
                    texts = [*texts[-1:], value]
    except Exception:  # damaged bytes make it raise anything
        return ""
    return ""
