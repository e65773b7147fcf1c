"""Weight files with what trainers write beside tensors: read without running any of it, or refused."""

from __future__ import annotations

import argparse
import collections
import dataclasses
import datetime
import functools
import json
import operator
import os
import pathlib
import subprocess
import types
import warnings
from collections.abc import Callable

import numpy as np
import pytest
import torch
import torch.distributed.checkpoint
from safetensors.torch import save_file
from weight_files import Tensors, holds, loaded

from raybench.base import RaybenchError
from raybench.checkpoints import load_network


@dataclasses.dataclass
class Settings:
    lr: float = 0.1
    betas: tuple[float, float] = (0.9, 0.99)


class Called:
    """Pickles as a call of a function."""

    def __init__(self, function: Callable[..., object], *arguments: object) -> None:
        self.call = function, arguments

    def __reduce__(self) -> tuple[Callable[..., object], tuple[object, ...]]:
        return self.call


EXTRAS: dict[str, object] = {
    "argparse": argparse.Namespace(lr=0.1, data=pathlib.Path("x")),
    "simple": types.SimpleNamespace(a=1),
    "numpy scalar": np.float64(0.7),
    "numpy array": np.arange(3),
    "path": pathlib.PurePosixPath("/data"),
    "defaultdict": collections.defaultdict(list, {"loss": [0.5, 0.4]}),
    "counter": collections.Counter("ab"),
    "date": datetime.datetime(2024, 1, 2, tzinfo=datetime.timezone.utc),
    "own class": Settings(),
    "nested": {"history": [{"lr": np.float32(0.1), "args": argparse.Namespace()}]},
}


@pytest.mark.parametrize("kind", EXTRAS)
def test_values_beside_the_tensors_are_left_without_running_them(
    write_card, tensors: Tensors, kind: str
) -> None:
    network = loaded(write_card, {"epoch": 3, "extra": EXTRAS[kind], "state_dict": tensors})
    assert holds(network.module, tensors)
    assert network.remarks == ("its weights are the entry 'state_dict' of its file",)


def test_a_class_of_ones_own_is_never_imported(write_card, tensors: Tensors, monkeypatch) -> None:
    monkeypatch.setattr(Settings, "__setattr__", lambda *_: pytest.fail("it was made"))
    content = {"extra": Settings.__new__(Settings), "state_dict": tensors}
    vars(content["extra"]).update(lr=1)
    assert holds(loaded(write_card, content).module, tensors)


def gadgets(canary: pathlib.Path) -> dict[str, object]:
    return {
        "system": Called(os.system, f"touch {canary}"),
        "mkdir": Called(os.mkdir, str(canary)),
        "exec": Called(exec, f"open({str(canary)!r}, 'w')"),
        "open": Called(open, str(canary), "w"),
        "popen": Called(subprocess.Popen, ["touch", str(canary)]),
        "partial": Called(functools.partial(os.mkdir, str(canary))),
        "attribute": Called(operator.methodcaller("mkdir"), canary),
        "touch": Called(pathlib.Path.touch, canary),
        "getattr": Called(getattr, canary, "mkdir"),
    }


@pytest.mark.parametrize("kind", gadgets(pathlib.Path()))
def test_a_call_beside_the_tensors_does_not_run(write_card, tensors: Tensors, tmp_path, kind: str) -> None:
    canary = tmp_path / "ran"
    with pytest.raises(RaybenchError, match="is refused: it wants to run code"):
        loaded(write_card, {"extra": gadgets(canary)[kind], "state_dict": tensors})
    assert not canary.exists()


def test_a_function_of_a_package_of_ones_own_is_not_called(write_card, tensors: Tensors) -> None:
    content = {"extra": Called(np.save, "never", np.ones(2)), "state_dict": tensors}
    assert holds(loaded(write_card, content).module, tensors)
    assert not pathlib.Path("never.npy").exists()


def test_tensors_inside_an_object_of_ones_own_are_not_looked_for(write_card, tensors: Tensors) -> None:
    with pytest.raises(RaybenchError, match="holds more or other things than tensors: state"):
        loaded(write_card, {"state": Settings(lr=tensors)})  # type: ignore[arg-type]
    with pytest.raises(RaybenchError, match=r"wants to run code \(.*Settings\)"):
        loaded(write_card, Settings())


def test_a_checkpoint_of_lightning_loads(write_card, tensors: Tensors) -> None:
    content = {
        "epoch": 9,
        "global_step": 1000,
        "pytorch-lightning_version": "2.5.0",
        "state_dict": {f"model.{name}": tensor for name, tensor in tensors.items()},
        "loops": {"fit_loop": {"state_dict": {}, "epoch_progress": {"current": {"ready": 10}}}},
        "callbacks": {"ModelCheckpoint{'monitor': 'val_loss'}": {"best_model_score": torch.tensor(0.1)}},
        "optimizer_states": [{"state": {0: {"exp_avg": torch.ones(2)}}, "param_groups": [{"lr": 0.1}]}],
        "lr_schedulers": [{"last_epoch": 10, "_last_lr": [0.1]}],
        "hparams_name": "kwargs",
        "hyper_parameters": {"lr": 0.1, "args": argparse.Namespace(depth=18)},
    }
    network = loaded(write_card, content)
    assert holds(network.module, tensors)
    assert network.remarks == (
        "its weights are the entry 'state_dict' of its file",
        "the names of its tensors begin with 'model.', which was taken off",
    )


def test_tensors_of_a_loss_are_left_out_where_the_card_says_so(write_card, tensors: Tensors) -> None:
    content = {f"model.{name}": tensor for name, tensor in tensors.items()} | {
        "criterion.weight": torch.ones(3)
    }
    with pytest.raises(RaybenchError, match=r"no place for criterion\.weight.* by ignore: \[BEGINNING\]"):
        loaded(write_card, content)
    source = {"path": "tiny.pth", "ignore": ["criterion."]}
    network = loaded(write_card, content, weights=source)
    assert holds(network.module, tensors)
    assert "1 tensors of its file that begin with 'criterion.' are left out" in network.remarks
    with pytest.raises(RaybenchError, match="no tensor begins with 'aux' of ignore"):
        loaded(write_card, tensors, weights={"path": "tiny.pth", "ignore": ["aux"]})


def write_index(folder: pathlib.Path, tensors: Tensors) -> pathlib.Path:
    """Lay tensors out as `save_pretrained` does where they exceed the size of a shard."""
    names, weight_map = sorted(tensors), {}
    for number, part in enumerate((names[::2], names[1::2]), start=1):
        file = f"model-{number:05}-of-00002.safetensors"
        save_file({name: tensors[name].contiguous() for name in part}, folder / file)
        weight_map |= dict.fromkeys(part, file)
    index = folder / "model.safetensors.index.json"
    index.write_text(json.dumps({"metadata": {"total_size": 1}, "weight_map": weight_map}))
    return index


def test_the_index_of_several_files_is_read_with_all_of_them(write_card, tensors: Tensors) -> None:
    card = write_card(weights={"path": "model.safetensors.index.json"})
    index = write_index(card.parent, tensors)
    network = load_network(card)
    assert holds(network.module, tensors)
    (index.parent / "model-00001-of-00002.safetensors").unlink()
    with pytest.raises(
        RaybenchError, match=r"names model-00001-of-00002\.safetensors, which is not beside it"
    ):
        load_network(card)


def test_the_hash_of_an_index_changes_with_any_of_its_files(write_card, tensors: Tensors) -> None:
    card = write_card(weights={"path": "model.safetensors.index.json"})
    write_index(card.parent, tensors)
    first = load_network(card).weights_sha256
    write_index(card.parent, {**tensors, "fc.bias": tensors["fc.bias"] + 1})
    assert load_network(card).weights_sha256 != first


def test_an_index_names_no_file_elsewhere(write_card, tensors: Tensors) -> None:
    card = write_card(weights={"path": "model.safetensors.index.json"})
    (card.parent / "model.safetensors.index.json").write_text('{"weight_map": {"a": "../tiny.pth"}}')
    with pytest.raises(RaybenchError, match="does not lie beside it"):
        load_network(card)


def test_shards_of_fsdp_are_refused_with_the_command_that_merges_them(write_card, tensors: Tensors) -> None:
    card = write_card(weights={"path": "sharded"})
    folder = card.parent / "sharded"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it is told to save as a single process, and says so
        torch.distributed.checkpoint.save({"model": tensors}, checkpoint_id=folder, no_dist=True)
    with pytest.raises(RaybenchError, match=r"format_utils dcp_to_torch .*sharded weights\.pth"):
        load_network(card)
    with pytest.raises(RaybenchError, match=r"a shard that torch\.distributed\.checkpoint wrote"):
        load_network(write_card(weights={"path": "sharded/__0_0.distcp"}))


def test_a_part_of_a_checkpoint_of_deepspeed_is_refused_with_its_script(write_card, tensors: Tensors) -> None:
    content = {
        "module": tensors,
        "param_shapes": [],
        "ds_config": {"zero_optimization": 3},
        "ds_version": "0.16",
    }
    with pytest.raises(RaybenchError, match=r"python .*/zero_to_fp32\.py .* OUT"):
        loaded(write_card, content)
    card = write_card(weights={"path": "deep"})
    (card.parent / "deep").mkdir()
    (card.parent / "deep" / "zero_to_fp32.py").write_text("")
    with pytest.raises(RaybenchError, match=r"a folder that DeepSpeed wrote; merge it"):
        load_network(card)


def test_a_head_of_another_size_is_named_with_both_sizes(write_card, tensors: Tensors) -> None:
    head = {"fc.weight": torch.ones(7, 96), "fc.bias": torch.ones(7)}
    with pytest.raises(
        RaybenchError, match="the weights are for 7 classes, but the class list 'three' has 3"
    ):
        loaded(write_card, tensors | head)


@pytest.mark.parametrize("key", ["params", "teacher", "network", "weights", "model_ema"])
def test_whatever_the_only_key_is_called_it_is_read(write_card, tensors: Tensors, key: str) -> None:
    assert holds(loaded(write_card, {key: tensors, "step": 1}).module, tensors)
