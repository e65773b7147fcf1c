"""Files of other kinds than one file of torch's weights: told apart, with how weights are had from them."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ...base import RaybenchError

_STATE = "save its weights alone: torch.save(network.state_dict(), 'weights.pth')"
_PORTED = "convert it to a state dict of torch, or to .safetensors"

_STARTS = {
    b"version https://git-lfs": "a pointer of Git LFS and not the file itself; fetch that by: git lfs pull",
    b"\x89HDF": f"an HDF5 file, as Keras writes; {_PORTED}",
    b"GGUF": f"a GGUF file; {_PORTED}",
    b"\x1f\x8b": "compressed; unpack it first",
    b"BZh": "compressed; unpack it first",
    b"\xfd7zXZ": "compressed; unpack it first",
    b"\x93NUMPY": f"a single NumPy array; {_PORTED}",
}

_SUFFIXES = {
    ".onnx": f"an ONNX graph; {_PORTED}",
    ".tflite": f"a TensorFlow Lite graph; {_PORTED}",
    ".pb": f"a TensorFlow graph; {_PORTED}",
    ".msgpack": f"a Flax file; {_PORTED}",
    ".caffemodel": f"a file of Caffe; {_PORTED}",
    ".yaml": "a YAML file; name the weights here, and give the card itself by --checkpoint",
    ".json": "JSON and no index of weight files, which would have a weight_map",
    ".distcp": "a shard that torch.distributed.checkpoint wrote; name its folder to be told how to merge all",
}


def other_format(path: Path) -> str:
    """Say what a file is and what to do about it, if it holds no state dict; empty if it may hold one."""
    with path.open("rb") as file:
        start = file.read(32)
    for signature, words in _STARTS.items():
        if start.startswith(signature):
            return words
    if path.suffix.lower() in _SUFFIXES:
        return _SUFFIXES[path.suffix.lower()]
    if not start.startswith(b"PK"):
        return ""
    try:
        with zipfile.ZipFile(path) as archive:
            return _of_archive(archive.namelist())
    except Exception:  # damaged bytes make it raise anything
        return ""


def _of_archive(names: list[str]) -> str:
    ends = {name.rpartition("/")[2] for name in names}
    if "constants.pkl" in ends:
        load = "torch.save(torch.jit.load(FILE).state_dict(), 'weights.pth')"
        return f"a TorchScript archive; save its weights alone: {load}"
    if "archive_format" in ends or any(name.startswith("serialized_") for name in ends):
        return f"a program that torch.export wrote; {_STATE}"
    if "model.weights.h5" in ends:
        return f"a Keras archive; {_PORTED}"
    if "data.pkl" in ends:
        return ""  # as torch.save writes
    if ends and all(name.endswith(".npy") for name in ends):
        return f"an archive of NumPy arrays; {_PORTED}"
    held = ", ".join(sorted(ends - {""})[:3]) or "nothing"
    return f"no weight file of torch but a zip archive that holds {held}; unpack it first"


_FSDP = (
    "a folder of shards that torch.distributed.checkpoint wrote, as FSDP does; merge them: "
    "python -m torch.distributed.checkpoint.format_utils dcp_to_torch {folder} weights.pth"
)
_DEEPSPEED = (
    "merge it by the script that DeepSpeed wrote beside it: python {folder}/zero_to_fp32.py {folder} OUT"
)


def is_index(path: Path) -> bool:
    """Say whether a file is the index of weight files, as safetensors and transformers write it."""
    if not path.name.endswith(".index.json"):
        return False
    try:
        return isinstance(json.loads(path.read_text(encoding="utf-8")).get("weight_map"), dict)
    except (ValueError, AttributeError, OSError):
        return False


def shards_of(index: Path) -> list[Path]:
    """Return the files that an index names, in alphabetical order.

    Raises:
        RaybenchError: one of them is missing, or does not lie beside the index.
    """
    files = sorted(set(json.loads(index.read_text(encoding="utf-8"))["weight_map"].values()))
    for file in files:
        if Path(str(file)).name != file:
            raise RaybenchError(f"{index} names {file!r}, which does not lie beside it")
        if not (index.parent / file).is_file():
            raise RaybenchError(f"{index} names {file}, which is not beside it; fetch all of its files")
    return [index.parent / file for file in files]


def refuse_shard(content: Mapping[Any, Any], path: Path) -> None:
    """Raise `RaybenchError` if a file is DeepSpeed's: its tensors may be parts of whole ones."""
    if "ds_version" in content or {"param_shapes", "ds_config"} & content.keys():
        words = _DEEPSPEED.format(folder=path.parent.parent)
        raise RaybenchError(f"{path} is a part of a checkpoint of DeepSpeed; {words}")


def words_on_folder(path: Path) -> str:
    """Say what a folder in the place of a weight file is, and what to do; empty if that is not known."""
    if (path / ".metadata").is_file():
        return _FSDP.format(folder=path)
    if (path / "zero_to_fp32.py").is_file():
        return f"a folder that DeepSpeed wrote; {_DEEPSPEED.format(folder=path)}"
    index = next(iter(sorted(path.glob("*.index.json"))), None)
    return f"a folder; name the index in it: {index}" if index else "a folder; name the weight file in it"
