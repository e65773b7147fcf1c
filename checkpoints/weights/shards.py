"""Weights in several files: the index of whole tensors is read; shards of tensors have to be merged first."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ...base import RaybenchError

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
