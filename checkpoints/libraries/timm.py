"""What timm says of its networks and their weights."""

from __future__ import annotations

import importlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from torch import Tensor

from ...base import RaybenchError, UnknownNameError
from ..weights.download import cached_path, download, in_torch_hub
from .facts import UNTRAINED, Facts, flat, plain_name
from .hub import hub_file, in_hub_cache

_FILES = (
    *("model.safetensors", "pytorch_model.bin"),
    *("open_clip_model.safetensors", "open_clip_pytorch_model.bin"),
)


def facts_of(name: str) -> Facts:
    """Look up `ARCHITECTURE`, `ARCHITECTURE.TAG` or `ARCHITECTURE@random`.

    Raises:
        UnknownNameError: timm has no such network, or no such weights of it.
        RaybenchError: timm is not installed, or the network has no weights or is no classifier.
    """
    timm = _timm(name)
    bare, _, wanted = name.partition("@")
    if wanted not in ("", UNTRAINED):
        raise RaybenchError(f"timm:{name}: behind @ may stand {UNTRAINED} alone; weights are named by a tag")
    config = _config(bare)
    architecture, tag = bare.partition(".")[0], config.get("tag") or ""
    said_by = f"timm {timm.__version__}"
    if wanted:
        title = f"timm-{bare}-{UNTRAINED}"
        card: dict[str, Any] = {"weights": UNTRAINED, "source": f"{said_by}, untrained"}
    else:
        if not any(config.get(key) for key in ("url", "hf_hub_id", "file")):
            raise RaybenchError(
                f"timm:{bare} has no pretrained weights; give a card with weights, or ask for untrained "
                f"ones: timm:{bare}@{UNTRAINED}"
            )
        title = f"timm-{architecture}.{tag}"
        card = {
            "weights": {"url": f"timm:{architecture}.{tag}"},
            "source": f"{said_by}, {architecture}.{tag}",
        }
        card |= {"licence": config["license"]} if config.get("license") else {}
    count = config["num_classes"]
    if not count:
        raise RaybenchError(f"timm:{bare} is no classifier: its weights end in features, without classes")
    return Facts(
        name=f"timm:{architecture}.{tag}" if tag else f"timm:{architecture}",
        card={"name": plain_name(title), "architecture": f"timm:{architecture}", **card},
        input=input_of_config(config),
        classes=config.get("label_names") or _synsets(config),
        count=count,
        said_by=said_by,
    )


def names() -> list[str]:
    """All networks with each of their tags."""
    found: list[str] = _timm("").list_pretrained()
    return found


def input_of(name: str) -> dict[str, Any]:
    """Fields of `Input` of a network, with or without a tag; none where timm does not know it."""
    try:
        return input_of_config(_config(name))
    except RaybenchError:  # building the network says it better
        return {}


def weight_file(name: str) -> Path:
    """Return the file of weights `ARCHITECTURE.TAG`, from timm's cache or downloaded."""
    config = _config(name)
    if config.get("custom_load"):
        raise RaybenchError(
            f"the weights timm:{name} are in a format that timm alone reads; save them by "
            f"torch.save(timm.create_model({name!r}, pretrained=True).state_dict(), 'weights.pth') and name "
            "the file in a card"
        )
    if config.get("hf_hub_id"):
        return hub_file(f"timm:{name}", *_place(config))
    return in_torch_hub(config["url"]) or download(config["url"])


def cached_weights(name: str) -> Path | None:
    """Return the file of weights if it is here."""
    config = _config(name)
    if config.get("hf_hub_id"):
        return in_hub_cache(*_place(config))
    path = in_torch_hub(config["url"]) or cached_path(config["url"])
    return path if path.is_file() else None


def _place(config: Mapping[str, Any]) -> tuple[str, Sequence[str], str | None]:
    """The repository, files and revision of weights on the hub."""
    repository, _, revision = config["hf_hub_id"].partition("@")
    files = [config["hf_hub_filename"]] if config.get("hf_hub_filename") else _FILES
    return repository, files, revision or None


def as_timm_loads(name: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Have timm itself lay tensors out as its network names them, as it does when it loads weights.

    Raises:
        RaybenchError: they do not fit.
    """
    timm = _timm(name)
    try:
        overlay = {"state_dict": dict(tensors), "custom_load": False, "source": None}
        module = timm.create_model(name, pretrained=True, pretrained_cfg_overlay=overlay)
    except Exception as error:  # it raises whatever its conversions stumble over
        raise RaybenchError(f"timm cannot load the weights timm:{name}: {flat(error)}") from None
    state: dict[str, Tensor] = module.state_dict()
    return state


def _timm(name: str) -> Any:
    try:
        import timm
    except ImportError:
        raise RaybenchError(f"timm:{name} needs timm: pip install 'raybench[timm]'") from None
    return timm


def _config(name: str) -> dict[str, Any]:
    """Return timm's configuration of weights, or of an architecture without any."""
    timm = _timm(name)
    from timm.models import get_pretrained_cfg

    architecture, _, tag = name.partition(".")
    if not timm.is_model(architecture):  # also keeps out names that timm would look up on the network
        raise UnknownNameError("timm architecture", architecture, timm.list_models())
    try:
        config: Any = get_pretrained_cfg(name, allow_unregistered=False)
    except RuntimeError:
        known = timm.list_pretrained(f"{architecture}.*")
        raise UnknownNameError(
            f"tag of timm:{architecture}", tag, [one.partition(".")[2] for one in known]
        ) from None
    found: dict[str, Any] = config.to_dict()
    return found


def _synsets(config: Mapping[str, Any]) -> list[str]:
    """Ids of the classes that timm takes the outputs for; none if it does not know them."""
    data: Any = importlib.import_module("timm.data")
    subset = data.infer_imagenet_subset(dict(config))
    return list(data.ImageNetInfo(subset).label_names()) if subset else []


def input_of_config(config: Mapping[str, Any]) -> dict[str, Any]:
    """Fields of `Input` of a configuration of timm."""
    _, height, width = config["input_size"]
    found = {
        "size": [height, width],
        "mean": list(map(float, config["mean"])),
        "std": list(map(float, config["std"])),
        "interpolation": config["interpolation"],
        "crop_pct": config["crop_pct"],
        "crop_mode": config.get("crop_mode", "center"),
    }
    return found | ({"any_size": False} if config.get("fixed_input_size") else {})
