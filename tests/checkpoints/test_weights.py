"""Weight files: where they are found, what is refused, and that no code in them runs."""

import hashlib
import os
import pickle
import random
import zipfile
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from raybench.base.errors import RaybenchError
from raybench.checkpoints import read_card
from raybench.checkpoints.weights.files import read_tensors, read_weights


class Bomb:
    """Unpickling it creates a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


def refusal(path: Path) -> str:
    with pytest.raises(RaybenchError) as caught:
        read_tensors(path)
    message = str(caught.value)
    assert "\n" not in message
    assert str(path) in message
    return message


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.mark.parametrize("kind", ["zip", "legacy", "safetensors"])
def test_each_file_format_gives_the_tensors_that_were_saved(tmp_path, tensors, kind):
    path = tmp_path / "weights.bin"
    if kind == "safetensors":
        save_file(tensors, path)
    else:
        torch.save(tensors, path, _use_new_zipfile_serialization=kind == "zip")
    read = read_tensors(path)
    assert read.keys() == tensors.keys()
    for name in tensors:
        torch.testing.assert_close(read[name], tensors[name], rtol=0, atol=0)


def test_torch_checkpoint_with_code_in_it_is_refused_and_does_not_run(tmp_path):
    victim = tmp_path / "ran"
    for legacy in (False, True):
        path = tmp_path / f"evil{legacy}.pth"
        torch.save({"w": torch.zeros(1), "x": Bomb(victim)}, path, _use_new_zipfile_serialization=not legacy)
        assert "is refused: it wants to run code (posix.mkdir)" in refusal(path)
        assert not victim.exists()
    torch.load(path, weights_only=False)
    assert victim.exists(), "the file was dangerous"


@pytest.mark.parametrize("protocol", range(6))
def test_plain_pickle_with_code_in_it_is_refused_and_does_not_run(tmp_path, protocol):
    victim, path = tmp_path / "ran", tmp_path / "evil.pkl"
    path.write_bytes(pickle.dumps({"state_dict": {}, "x": Bomb(victim)}, protocol=protocol))
    assert "is refused: it wants to run code (posix.mkdir)" in refusal(path)
    assert not victim.exists()


def test_code_hidden_behind_the_wrong_suffix_does_not_run(tmp_path):
    victim, path = tmp_path / "ran", tmp_path / "evil.safetensors"
    torch.save({"x": Bomb(victim)}, path)
    refusal(path)
    assert not victim.exists()


def test_environment_cannot_switch_safe_loading_off(tmp_path, monkeypatch):
    monkeypatch.setenv("TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD", "1")
    victim, path = tmp_path / "ran", tmp_path / "evil.pth"
    torch.save({"x": Bomb(victim)}, path)
    assert "is refused" in refusal(path)
    assert not victim.exists()


def test_whole_pickled_module_is_refused(tmp_path):
    path = tmp_path / "module.pth"
    torch.save(torch.nn.Linear(1, 1), path)
    assert "wants to run code (torch.nn.modules.linear.Linear)" in refusal(path)


@pytest.mark.parametrize("kind", ["zip", "legacy", "safetensors"])
@pytest.mark.parametrize("share", [0.0, 0.01, 0.5, 0.99])
def test_truncated_file_is_refused(tmp_path, tensors, kind, share):
    path = tmp_path / ("weights.safetensors" if kind == "safetensors" else "weights.pth")
    if kind == "safetensors":
        save_file(tensors, path)
    else:
        torch.save(tensors, path, _use_new_zipfile_serialization=kind == "zip")
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * share)])
    assert "cut short" in refusal(path)


@pytest.mark.parametrize("kind", ["zip", "legacy", "safetensors"])
def test_damaged_file_is_read_or_refused_in_words(tmp_path, kind):
    path = tmp_path / ("weights.safetensors" if kind == "safetensors" else "weights.pth")
    small = {"a": torch.ones(2, 3), "b": torch.ones(1, dtype=torch.int64)}
    if kind == "safetensors":
        save_file(small, path)
    else:
        torch.save(small, path, _use_new_zipfile_serialization=kind == "zip")
    content, chance, refusals = path.read_bytes(), random.Random(0), []
    for _ in range(150):
        damaged = bytearray(content)
        for _ in range(chance.choice([1, 5, 20])):
            damaged[chance.randrange(len(damaged))] = chance.randrange(256)
        path.write_bytes(damaged)
        try:
            read_tensors(path)
        except RaybenchError as error:
            refusals.append(str(error))
    assert len(refusals) > 30
    assert not any("\n" in message for message in refusals)


@pytest.mark.parametrize("page", [b"<!DOCTYPE html><html>", b"\n <html lang=en>", b"<!doctype HTML>"])
def test_web_page_is_recognised(tmp_path, page):
    path = tmp_path / "weights.pth"
    path.write_bytes(page)
    assert "is a web page, not a weight file" in refusal(path)


def test_archive_without_weights_is_refused(tmp_path):
    path = tmp_path / "weights.pth"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("hello.txt", "hello")
    assert "no weight file" in refusal(path)


def test_text_file_is_refused(tmp_path):
    path = tmp_path / "weights.pth"
    path.write_text("accuracy 70 %\n")
    assert "is cut short or no weight file" in refusal(path)


def test_bare_tensor_is_no_state_dict(tmp_path):
    path = tmp_path / "weights.pth"
    torch.save(torch.zeros(2), path)
    assert "holds a Tensor, not a state dict" in refusal(path)


def test_half_precision_becomes_float32_and_counters_stay_integers(write_card, tensors, tmp_path):
    half = {name: tensor.half() if tensor.is_floating_point() else tensor for name, tensor in tensors.items()}
    torch.save(half, tmp_path / "tiny.pth")
    read = read_weights(read_card(write_card())).tensors
    assert {tensor.dtype for tensor in read.values()} == {torch.float32, torch.int64}
    torch.testing.assert_close(read["fc.weight"], half["fc.weight"].float(), rtol=0, atol=0)


def test_nested_state_dict_is_found_and_its_prefix_stripped(write_card, tensors, tmp_path):
    nested = {"epoch": 9, "model": {f"net.{name}": tensor for name, tensor in tensors.items()}}
    torch.save(nested, tmp_path / "tiny.pth")
    source = {"path": "tiny.pth", "state_dict": "model", "strip_prefix": "net."}
    assert read_weights(read_card(write_card(weights=source))).tensors.keys() == tensors.keys()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"state_dict": "state_dict"}, r"has no state dict under 'state_dict'; its keys: epoch, model"),
        ({"state_dict": "epoch"}, r"has no state dict under 'epoch'"),
        (
            {"state_dict": "model", "strip_prefix": "module."},
            r"no tensor begins with strip_prefix 'module\.'; its tensors: conv1\.weight, .* and \d+ more",
        ),
    ],
)
def test_wrong_state_dict_options_are_explained(write_card, tensors, tmp_path, options, message):
    torch.save({"epoch": 9, "model": tensors}, tmp_path / "tiny.pth")
    with pytest.raises(RaybenchError, match=message):
        read_weights(read_card(write_card(weights={"path": "tiny.pth", **options})))


def test_later_files_override_tensors_of_earlier_ones(write_card, tensors, tmp_path):
    torch.save({"fc.bias": torch.ones(3)}, tmp_path / "head.pth")
    weights = read_weights(read_card(write_card(weights=[{"path": "tiny.pth"}, {"path": "head.pth"}])))
    assert weights.tensors.keys() == tensors.keys()
    assert weights.tensors["fc.bias"].tolist() == [1, 1, 1]
    torch.testing.assert_close(weights.tensors["conv1.weight"], tensors["conv1.weight"])
    assert weights.sha256 == f"{sha256(tmp_path / 'tiny.pth')}+{sha256(tmp_path / 'head.pth')}"


def test_right_sha256_is_accepted_whole_and_in_part(write_card, tmp_path):
    digest = sha256(write_card().parent / "tiny.pth")
    for given in (digest, digest[:8], digest.upper(), digest[:8].upper()):
        assert (
            read_weights(read_card(write_card(weights={"path": "tiny.pth", "sha256": given}))).sha256
            == digest
        )


def test_wrong_sha256_is_refused_with_both_hashes(write_card, tmp_path):
    card = read_card(write_card(weights={"path": "tiny.pth", "sha256": "0" * 64}))
    with pytest.raises(RaybenchError) as caught:
        read_weights(card)
    assert f"has SHA-256 {sha256(tmp_path / 'tiny.pth')}, but the card says {'0' * 64}" in str(caught.value)


def test_wrong_sha256_is_noticed_before_the_file_is_opened(write_card, tmp_path):
    card = read_card(write_card(weights={"path": "tiny.pth", "sha256": "0" * 64}))
    (tmp_path / "tiny.pth").write_text("not even weights")
    with pytest.raises(RaybenchError, match="has SHA-256"):
        read_weights(card)


def test_local_files_are_not_pinned(write_card, tensors, tmp_path, cache):
    card = read_card(write_card())
    first = read_weights(card).sha256
    torch.save({**tensors, "fc.bias": torch.ones(3)}, tmp_path / "tiny.pth")
    assert read_weights(card).sha256 != first
    assert not cache.exists()


def test_missing_file_is_named(write_card, tmp_path):
    with pytest.raises(RaybenchError, match=r"checkpoint 'tiny': there is no weight file .*gone\.pth"):
        read_weights(read_card(write_card(weights={"path": "gone.pth"})))


def test_card_without_weights_is_refused(write_card):
    with pytest.raises(RaybenchError, match=r"checkpoint 'tiny' names no weights"):
        read_weights(read_card(write_card(weights=[])))


def test_data_folder_is_the_one_given_or_the_one_of_the_environment(write_card, tmp_path, monkeypatch):
    card = read_card(write_card(weights={"path": "data:nets/sub/tiny.pth"}))
    monkeypatch.setenv("RAYBENCH_DATA", str(tmp_path / "environment"))
    for folder in (tmp_path / "environment" / "nets", tmp_path / "given"):
        (folder / "sub").mkdir(parents=True)
        torch.save({"where": torch.tensor([float(folder.name == "given")])}, folder / "sub" / "tiny.pth")
    assert read_weights(card).tensors["where"].item() == 0
    assert read_weights(card, {"other": tmp_path}).tensors["where"].item() == 0
    assert read_weights(card, {"nets": tmp_path / "given"}).tensors["where"].item() == 1


def test_missing_data_folder_says_how_to_give_it(write_card, monkeypatch):
    monkeypatch.delenv("RAYBENCH_DATA", raising=False)
    card = read_card(write_card(weights={"path": "data:nets/tiny.pth"}))
    with pytest.raises(
        RaybenchError, match=r"needs tiny\.pth from the data folder 'nets'; give --data nets=PATH"
    ):
        read_weights(card)
