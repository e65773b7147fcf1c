"""Weight files as trainers and libraries write them: read as they are meant, or refused with a way out."""

from __future__ import annotations

import gzip
import warnings
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn
from weight_files import Tensors, holds, loaded

from raybench.base import RaybenchError
from raybench.checkpoints import build_module, load_network


def prefixed(tensors: Tensors, prefix: str) -> Tensors:
    return {f"{prefix}{name}": tensor for name, tensor in tensors.items()}


@pytest.mark.parametrize("key", ["state_dict", "model", "model_state_dict", "net", "ema", "module"])
def test_the_only_key_that_holds_tensors_is_read_and_said(write_card, tensors: Tensors, key: str) -> None:
    optimizer = {"state": {0: {"momentum_buffer": torch.ones(3)}}, "param_groups": [{"lr": 0.1}]}
    content = {"epoch": 7, "optimizer": optimizer, "best": 0.7, "arch": "tiny", key: tensors}
    network = loaded(write_card, content)
    assert holds(network.module, tensors)
    assert network.remarks == (f"its weights are the entry {key!r} of its file",)


def test_of_two_keys_that_hold_tensors_the_card_names_one(write_card, tensors: Tensors) -> None:
    other = {name: tensor * 2 for name, tensor in tensors.items()}
    content = {"model": tensors, "model_ema": other}
    with pytest.raises(
        RaybenchError, match="under 'model', 'model_ema'; name one .* state_dict: model_ema for"
    ):
        loaded(write_card, content)
    network = loaded(write_card, content, weights={"path": "tiny.pth", "state_dict": "model_ema"})
    assert holds(network.module, other)


def test_plain_values_beside_tensors_are_left(write_card, tensors: Tensors) -> None:
    assert holds(loaded(write_card, {**tensors, "epoch": 3, "name": "tiny"}).module, tensors)


@pytest.mark.parametrize(
    "prefix", ["module.", "_orig_mod.", "model.", "backbone.", "module._orig_mod.", "net.encoder."]
)
def test_a_prefix_of_all_names_is_taken_off(write_card, tensors: Tensors, prefix: str) -> None:
    network = loaded(write_card, {"state_dict": prefixed(tensors, prefix)})
    assert holds(network.module, tensors)


def test_two_networks_in_one_file_are_not_mixed(write_card, tensors: Tensors) -> None:
    content = {**prefixed(tensors, "student."), **prefixed(tensors, "teacher.")}
    with pytest.raises(RaybenchError, match=r"the network has no place for student\."):
        loaded(write_card, content)
    network = loaded(write_card, {**prefixed(tensors, "student.")})
    assert holds(network.module, tensors)


def test_what_stands_beside_the_prefixed_names_is_refused(write_card, tensors: Tensors) -> None:
    content = {**prefixed(tensors, "model."), "criterion.weight": torch.ones(3)}
    with pytest.raises(RaybenchError, match=r"the network has no place for criterion\.weight"):
        loaded(write_card, content)


def test_a_file_in_half_precision_loads_with_its_counts(write_card, tensors: Tensors) -> None:
    half = {name: tensor.half() for name, tensor in tensors.items()}
    module = loaded(write_card, half).module
    assert holds(module, {name: tensor.float() for name, tensor in half.items()})
    assert {one.dtype for one in module.parameters()} == {torch.float32}
    assert module.bn1.num_batches_tracked.dtype == torch.int64


def test_a_count_that_is_no_whole_number_is_refused(write_card, tensors: Tensors) -> None:
    with pytest.raises(RaybenchError, match=r"bn1\.num_batches_tracked is torch\.float32"):
        loaded(write_card, {**tensors, "bn1.num_batches_tracked": torch.tensor(0.5)})


def test_what_thop_counted_is_left(write_card, tensors: Tensors) -> None:
    counted = {"total_ops": torch.zeros(1), "layer1.total_params": torch.zeros(1)}
    assert holds(loaded(write_card, {**tensors, **counted}).module, tensors)


def test_weights_of_modules_with_a_version_load(write_card) -> None:
    state = build_module("mnasnet0_5", num_classes=3).state_dict()
    network = loaded(write_card, state, architecture="mnasnet0_5", target_layer="layers", **NO_LAYERS)
    assert holds(network.module, state)


NO_LAYERS = {"excitation_layer": None, "contrast_layer": None}


def _script(path: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # newer versions of torch have others in its place
        torch.jit.save(torch.jit.trace(nn.Linear(2, 2), torch.ones(1, 2)), path)


def _zipped(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("weights/best.pth", b"\x80\x02}q\x00.")


FILES = {
    "a TorchScript archive; save its weights alone": ("tiny.pt", _script),
    "a pointer of Git LFS and not the file itself": (
        "tiny.bin",
        lambda path: path.write_text("version https://git-lfs.github.com/spec/v1\noid sha256:ab\nsize 3\n"),
    ),
    "a zip archive that holds best.pth; unpack it first": ("tiny.pth", _zipped),
    "an archive of NumPy arrays": ("tiny.npz", lambda path: np.savez(path, weight=np.ones(2))),
    "compressed; unpack it first": ("tiny.pth.gz", lambda path: path.write_bytes(gzip.compress(b"weights"))),
    "an ONNX graph": ("tiny.onnx", lambda path: path.write_bytes(b"\x08\x07\x12\x07pytorch")),
    "an HDF5 file, as Keras writes": ("tiny.h5", lambda path: path.write_bytes(b"\x89HDF\r\n\x1a\n")),
    "JSON and no index of weight files": (
        "pytorch_model.bin.index.json",
        lambda path: path.write_text('{"weights": {}}'),
    ),
    "save the weights alone, torch.save": ("tiny.pth", lambda path: torch.save(nn.Linear(2, 2), path)),
}


@pytest.mark.parametrize("words", FILES)
def test_files_that_hold_no_state_dict_are_refused_with_the_way_out(write_card, words: str) -> None:
    name, write = FILES[words]
    card = write_card(weights={"path": name})
    write(card.parent / name)
    with pytest.raises(RaybenchError, match=words):
        load_network(card)
