"""What transformers says of its image classifiers, and their weights; no code of a repository ever runs."""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from ...base import RaybenchError, worded
from .facts import UNTRAINED, Facts, crop_share, flat, plain_name
from .hub import hub_file, in_hub_cache

_WEIGHTS = ("model.safetensors", "model.safetensors.index.json")
_FILTERS = {0: "nearest", 1: "lanczos", 2: "bilinear", 3: "bicubic"}


def is_folder(name: str) -> bool:
    """Say whether a name without `hf:` is that of a folder, and not of a repository."""
    return name.startswith((".", "/", "~"))


def facts_of(name: str) -> Facts:
    """Look up `OWNER/NAME`, `OWNER/NAME@REVISION`, `OWNER/NAME@random`, or a folder.

    Raises:
        RaybenchError: transformers is not installed, or the repository holds no image classifier or cannot be
            reached.
    """
    bare, _, wanted = name.partition("@")
    revision = "" if wanted == UNTRAINED else wanted
    source = f"{bare}@{revision}" if revision else bare
    folder = _folder(source)
    config = _config(source)
    labels = [config.id2label[index] for index in sorted(config.id2label)]
    said_by = f"transformers {_transformers(name).__version__}"
    if is_folder(bare):
        card: dict[str, Any] = {"weights": {"path": str(weight_file(source))}}
        title = f"hf-{folder.name}"
    else:
        # the cache names a folder by the commit, which does not move as a branch does
        source = f"{bare}@{folder.name}"
        card, title = {"weights": {"url": f"hf:{source}"}}, f"hf-{bare}-{folder.name[:8]}"
    if wanted == UNTRAINED:
        card, title = {"weights": UNTRAINED}, f"{title}-{UNTRAINED}"
    return Facts(
        name=f"hf:{source}",
        card={
            "name": plain_name(title),
            "architecture": f"hf:{source}",
            "source": said_by if is_folder(bare) else f"{said_by}, https://huggingface.co/{bare}",
            "multilabel": config.problem_type == "multi_label_classification",
            **card,
        },
        input=input_of(source),
        classes=() if all(label == f"LABEL_{index}" for index, label in enumerate(labels)) else labels,
        count=len(labels),
        said_by=said_by,
    )


def build(name: str, num_classes: int, options: Mapping[str, Any]) -> nn.Module:
    """Build the network of a repository or a folder with fresh weights."""
    transformers = _transformers(name)
    config = _config(name)
    if config.num_labels != num_classes:
        raise RaybenchError(
            f"architecture 'hf:{name}' has {config.num_labels:,} outputs, but the card's class list has "
            f"{num_classes:,} classes; give it the list that its outputs follow"
        )
    for key, value in options.items():
        setattr(config, key, value)
    module: nn.Module = transformers.AutoModelForImageClassification.from_config(config)
    return module


def weight_file(name: str) -> Path:
    """Return the weights of a repository or a folder: one file, or the index of several beside it."""
    if is_folder(name):
        found = [path for file in _WEIGHTS if (path := _folder(name) / file).is_file()]
        if not found:
            raise RaybenchError(f"hf:{name} has no {' and no '.join(_WEIGHTS)}; other formats may run code")
        return found[0]
    repository, _, revision = name.partition("@")
    path = hub_file(f"hf:{name}", repository, _WEIGHTS, revision or None)
    for file in _parts(path):
        hub_file(f"hf:{name}", repository, [file], revision or None)
    return path


def cached_weights(name: str) -> Path | None:
    """Return the weights of a repository if they are here, all of them."""
    repository, _, revision = name.partition("@")
    path = in_hub_cache(repository, _WEIGHTS, revision or None)
    parts = _parts(path) if path else ()
    return path if all(in_hub_cache(repository, [file], revision or None) for file in parts) else None


def _parts(path: Path) -> list[str]:
    """Names of the files that an index lists; none for weights in one file."""
    if path.suffix != ".json":
        return []
    return sorted(set(json.loads(path.read_text(encoding="utf-8"))["weight_map"].values()))


def as_transformers_loads(folder: Path) -> dict[str, Tensor]:
    """Have transformers lay the tensors of a folder out as its network names them.

    Raises:
        RaybenchError: they do not fit.
    """
    transformers = _transformers(str(folder))
    try:
        module, told = transformers.AutoModelForImageClassification.from_pretrained(
            folder,
            use_safetensors=True,
            local_files_only=True,
            trust_remote_code=False,
            output_loading_info=True,
        )
    except Exception as error:  # it raises whatever a configuration makes it stumble over
        raise RaybenchError(f"transformers cannot load {folder}: {flat(error)}") from None
    lost = sorted(told["missing_keys"])
    if lost:
        raise RaybenchError(f"the weights of {folder} lack {', '.join(map(str, lost[:3]))}")
    state: dict[str, Tensor] = module.state_dict()
    return state


def input_of(name: str) -> dict[str, Any]:
    """Fields of `Input` as the image processor of a repository or a folder says them."""
    path = _folder(name) / "preprocessor_config.json"
    if not path.is_file():
        if is_folder(name):  # saved without its processor
            side = getattr(_config(name), "image_size", None)
            if not isinstance(side, int):
                return {}
            return {"size": [side, side]} | ({"any_size": False} if _takes_one_size(name, side, side) else {})
        repository, _, revision = name.partition("@")
        path = hub_file(f"hf:{name}", repository, ["preprocessor_config.json"], revision or None)
    try:
        processor = _transformers(name).AutoImageProcessor.from_pretrained(
            path.parent, local_files_only=True, trust_remote_code=False
        )
        found = _input_of(processor.to_dict())  # with what older files leave to the kind of processor
    except Exception as error:  # it raises whatever a configuration makes it stumble over
        raise RaybenchError(f"cannot make sense of {path}: {flat(error)}; name input in a card") from None
    return found | ({"any_size": False} if _takes_one_size(name, *found["size"]) else {})


@functools.lru_cache(maxsize=64)
def _takes_one_size(name: str, height: int, width: int) -> bool:
    """Say whether a network takes pictures of its own size, and none twice as large; computes nothing."""
    config = _config(name)
    with torch.device("meta"), torch.no_grad():
        module = _transformers(name).AutoModelForImageClassification.from_config(config).eval()
        taken = []
        for times in (1, 2):
            try:
                module(torch.empty(1, 3, height * times, width * times))
                taken.append(True)
            except Exception:  # networks say it in their own ways
                taken.append(False)
    return taken == [True, False]


def _input_of(said: Mapping[str, Any]) -> dict[str, Any]:
    white = round(1 / said.get("rescale_factor", 1 / 255)) if said.get("do_rescale", True) else 1
    if white not in (1, 255):
        raise ValueError(f"rescale_factor {said['rescale_factor']}")
    found: dict[str, Any] = {
        "range": [0, 1] if white == 255 else [0, 255],
        "mean": [0.0] * 3,
        "std": [1.0] * 3,
        "interpolation": _FILTERS[said.get("resample", 2)],
        **_crop_of(said),
    }
    if said.get("do_normalize", True):
        found |= {key: list(map(float, said[f"image_{key}"])) for key in ("mean", "std")}
    return found


def _crop_of(said: Mapping[str, Any]) -> dict[str, Any]:
    """Size and crop of the processor: all of the picture squeezed, or a centre of its shorter side."""
    resized = {key: side for key, side in said["size"].items() if side}
    if said.get("crop_pct") and "shortest_edge" in resized:  # of ConvNeXt
        side = resized["shortest_edge"]
        if side >= 384:
            return {"size": [side, side], "crop_pct": 1.0, "crop_mode": "squash"}
        return {"size": [side, side], "crop_pct": said["crop_pct"]}
    cropped = said["crop_size"] if said.get("do_center_crop") else None
    if "shortest_edge" in resized:
        side = resized["shortest_edge"]
        height, width = (cropped["height"], cropped["width"]) if cropped else (side, side)
        return {"size": [height, width], "crop_pct": crop_share(min(height, width), side)}
    height, width = resized["height"], resized["width"]
    if not cropped:
        return {"size": [height, width], "crop_pct": 1.0, "crop_mode": "squash"}
    share = crop_share(cropped["height"], height)
    return {"size": [cropped["height"], cropped["width"]], "crop_pct": share, "crop_mode": "squash"}


def _folder(name: str) -> Path:
    """Return the folder that holds the configuration: one's own, or that of the commit in the hub's cache."""
    if is_folder(name):
        return Path(name).expanduser().resolve()
    repository, _, revision = name.partition("@")
    return hub_file(f"hf:{name}", repository, ["config.json"], revision or None).parent


def _config(name: str) -> Any:
    transformers = _transformers(name)
    try:
        config = transformers.AutoConfig.from_pretrained(
            _folder(name), local_files_only=True, trust_remote_code=False
        )
    except RaybenchError:
        raise
    except Exception as error:  # it raises whatever a configuration makes it stumble over
        raise RaybenchError(f"cannot read the configuration of hf:{name}: {worded(error)}") from None
    if type(config) not in transformers.AutoModelForImageClassification._model_mapping:
        raise RaybenchError(
            f"hf:{name} is no image classifier that transformers knows, but {config.model_type!r}"
        )
    return config


def _transformers(name: str) -> Any:
    try:
        import transformers
    except ImportError:
        raise RaybenchError(f"hf:{name} needs transformers: pip install 'raybench[hf]'") from None
    return transformers
