"""Networks by the names of their libraries: which card a name stands for, and where its weights are."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
import timm
import torch
from safetensors.torch import save_file
from torch import Tensor

from raybench.base import CodeFiles, RaybenchError, UnknownNameError
from raybench.checkpoints import (
    Card,
    find_card,
    load_network,
    network_from_module,
    read_card,
    resolved,
    written_card,
)

COMMIT = "0123456789abcdef0123456789abcdef01234567"
TINY = "timm:test_resnet.r160_in1k"


@pytest.fixture
def hub(tmp_path, monkeypatch) -> Path:
    """An empty cache of the Hugging Face hub, without a network."""
    folder = tmp_path / "hub"
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(folder))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    return folder


def put(hub: Path, repository: str, file: str, tensors: dict[str, Tensor]) -> Path:
    """Lay a file into the cache as a download does."""
    folder = hub / f"models--{repository.replace('/', '--')}"
    (folder / "refs").mkdir(parents=True, exist_ok=True)
    (folder / "refs" / "main").write_text(COMMIT)
    path = folder / "snapshots" / COMMIT / file
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file({name: tensor.contiguous() for name, tensor in tensors.items()}, path)
    return path


def untrained(name: str) -> dict[str, Tensor]:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        state: dict[str, Tensor] = timm.create_model(name).state_dict()
    return state


def test_a_name_of_timm_stands_for_its_weights_input_and_classes() -> None:
    card = resolved(find_card("timm:convnext_tiny.fb_in1k"))
    assert card.name == "timm-convnext_tiny.fb_in1k"
    assert card.architecture == "timm:convnext_tiny"
    assert [source.url for source in card.weights] == ["timm:convnext_tiny.fb_in1k"]
    assert (card.classes, card.licence) == ("imagenet1k", "apache-2.0")
    assert (card.input.size, card.input.interpolation, card.input.crop_pct) == ((224, 224), "bicubic", 0.875)


def test_without_a_tag_the_default_one_is_in_the_name() -> None:
    default = timm.models.get_pretrained_cfg("resnet18").tag
    assert find_card("timm:resnet18").name == f"timm-resnet18.{default}"
    assert find_card("torchvision:resnet50").name == "torchvision-resnet50-IMAGENET1K_V2"


def test_a_name_of_torchvision_stands_for_what_its_weights_say() -> None:
    from torchvision.models import ViT_B_16_Weights

    weights = ViT_B_16_Weights.IMAGENET1K_SWAG_E2E_V1
    card = find_card("torchvision:vit_b_16@IMAGENET1K_SWAG_E2E_V1")
    assert card == find_card(f"torchvision:vit_b_16@{weights}")
    assert card.weights[0].url == f"torchvision:{weights}"
    assert (card.input.size, card.input.interpolation, card.input.crop_pct) == ((384, 384), "bicubic", 1.0)
    assert card.reported["top1_accuracy"] == weights.meta["_metrics"]["ImageNet-1K"]["acc@1"]
    assert weights.url.endswith(f"-{card.weights[0].sha256}.pth")


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("torchvision:resnet81", "unknown torchvision architecture 'resnet81'; did you mean 'resnet18'"),
        ("torchvision:resnet50@V3", "unknown weights of torchvision:resnet50 'V3'; known: IMAGENET1K_V1"),
        ("torchvision:vgg16@IMAGENET1K_FEATURES", "is no classifier"),
        ("timm:resnet81", "unknown timm architecture 'resnet81'; did you mean"),
        ("timm:resnet18.a9_in1k", "unknown tag of timm:resnet18 'a9_in1k'; did you mean 'a3_in1k'"),
        ("timm:gmixer_12_224", "has no pretrained weights; give a card with weights, or ask for untrained"),
        ("timm:vit_small_patch14_dinov2.lvd142m", "is no classifier"),
        ("timm:vit_tiny_patch16_224.augreg_in21k", "the 21,843 outputs of .* follow no class list"),
    ],
)
def test_a_name_that_cannot_be_measured_is_refused_in_one_sentence(name: str, message: str) -> None:
    with pytest.raises(RaybenchError, match=message):
        find_card(name)


def test_a_bare_name_of_torchvision_is_proposed_with_its_library() -> None:
    with pytest.raises(
        UnknownNameError, match="unknown checkpoint 'convnext_tiny'.*torchvision:convnext_tiny"
    ):
        find_card("convnext_tiny")


def test_weights_of_timm_come_from_the_hubs_cache_with_their_hash(hub: Path) -> None:
    state = untrained("test_resnet")
    path = put(hub, "timm/test_resnet.r160_in1k", "model.safetensors", state)
    network = load_network(TINY)
    assert all(torch.equal(one, state[name]) for name, one in network.module.state_dict().items())
    assert network.weights_sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert network.remarks == ()


def test_weights_that_the_hub_has_changed_since_are_refused(hub: Path) -> None:
    state = untrained("test_resnet")
    put(hub, "timm/test_resnet.r160_in1k", "model.safetensors", state)
    load_network(TINY)
    state["fc.bias"] = state["fc.bias"] + 1
    put(hub, "timm/test_resnet.r160_in1k", "model.safetensors", state)
    with pytest.raises(RaybenchError, match=r"timm:test_resnet\.r160_in1k was pinned to"):
        load_network(TINY)


def test_weights_that_cannot_be_reached_are_refused_with_the_command_that_fetches_them(hub: Path) -> None:
    with pytest.raises(
        RaybenchError, match=r"cannot download model\.safetensors .* hf download timm/test_resnet\.r160_in1k"
    ):
        load_network(TINY)


def test_without_a_network_the_hub_is_not_asked_for_half_a_minute(hub: Path, monkeypatch) -> None:
    def unknown(*_: object) -> None:
        raise OSError("name or service not known")

    monkeypatch.setattr("socket.getaddrinfo", unknown)
    monkeypatch.setattr("raybench.checkpoints.libraries.hub.getproxies", dict)
    monkeypatch.setattr("huggingface_hub.hf_hub_download", lambda *_, **__: pytest.fail("it was asked"))
    with pytest.raises(
        RaybenchError, match=r"there is no network here; where there is one: hf download timm/"
    ):
        load_network(TINY)


def test_published_files_are_laid_out_as_timm_does(hub: Path) -> None:
    """Files of DINOv2 hold a mask token, which a filter of timm's own takes out."""
    state = untrained("test_vit")
    put(hub, "timm/test_vit.r160_in1k", "model.safetensors", {**state, "mask_token": torch.zeros(1, 1, 64)})
    network = load_network("timm:test_vit.r160_in1k")
    assert all(torch.equal(one, state[name]) for name, one in network.module.state_dict().items())
    put(hub, "timm/test_vit2.r160_in1k", "model.safetensors", state)
    with pytest.raises(RaybenchError, match=r"timm cannot load the weights .*: .*Missing key"):
        load_network("timm:test_vit2.r160_in1k")


def test_torchvisions_weights_come_from_the_cache_of_torch_and_are_verified(tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    folder = tmp_path / "hub" / "checkpoints"
    folder.mkdir(parents=True)
    (folder / "squeezenet1_1-b8a52dc0.pth").write_bytes(b"another file")
    with pytest.raises(RaybenchError, match=r"has SHA-256 .* but the card says b8a52dc0"):
        load_network("torchvision:squeezenet1_1")


@pytest.mark.parametrize("name", ["timm:test_vit@random", "torchvision:squeezenet1_1@random"])
def test_untrained_weights_are_drawn_alike_and_marked(name: str) -> None:
    first, second = load_network(name), load_network(name)
    assert first.weights_sha256 == second.weights_sha256 != ""
    assert first.name.endswith("-random")
    assert first.remarks == ("its weights are random (seed 0): nobody has trained it",)
    assert all(one.any() for one in first.module.parameters() if one.ndim > 1)
    state = torch.random.get_rng_state()
    load_network(name)
    assert torch.equal(state, torch.random.get_rng_state())


def test_untrained_weights_never_go_by_a_name_that_does_not_say_it(write_card) -> None:
    with pytest.raises(RaybenchError, match="every table is to show: call it tiny-random"):
        read_card(write_card(weights="random"))
    network = load_network(write_card(weights="random", name="tiny-random"))
    other = load_network(write_card(weights={"random": 1}, name="tiny-random"))
    assert network.weights_sha256 != other.weights_sha256
    assert other.remarks == ("its weights are random (seed 1): nobody has trained it",)


@pytest.mark.parametrize(
    "name", ["timm:vit_tiny_patch16_224", "torchvision:efficientnet_v2_l", "timm:test_vit@random", "resnet18"]
)
def test_a_written_card_means_what_the_name_means(tmp_path, name: str) -> None:
    text, lists = written_card(name, None, tmp_path, CodeFiles())
    assert lists == {}
    (tmp_path / "card.yaml").write_text(text)
    written, meant = resolved(read_card(tmp_path / "card.yaml")), resolved(find_card(name))
    assert facts_of(written) == facts_of(meant)


def facts_of(card: Card) -> dict[str, object]:
    return card.model_dump()


def test_a_written_card_says_who_says_so() -> None:
    text, _ = written_card("timm:test_vit", None, Path(), CodeFiles())
    assert f"  # timm {timm.__version__}\n" in text


def test_classes_that_no_list_has_are_written_beside_the_card(tmp_path) -> None:
    name = "timm:vit_tiny_patch16_224.augreg_in21k"
    text, lists = written_card(name, None, tmp_path, CodeFiles())
    ((file, content),) = lists.items()
    (tmp_path / "card.yaml").write_text(text)
    (tmp_path / file).write_text(content)
    assert read_card(tmp_path / "card.yaml").classes == str(tmp_path / file)
    assert len(content.splitlines()) == 21843
    assert content.startswith("n00004475\n")  # organism, the first synset of the fall 2011 release


def test_own_weights_take_the_place_of_the_named_ones(tmp_path) -> None:
    text, _ = written_card("timm:test_vit", tmp_path / "mine.pth", tmp_path, CodeFiles())
    (tmp_path / "card.yaml").write_text(text)
    card = read_card(tmp_path / "card.yaml")
    assert [source.path for source in card.weights] == [str(tmp_path / "mine.pth")]


def test_classes_auto_are_those_of_the_library(write_card) -> None:
    card = resolved(read_card(write_card(architecture="timm:test_vit", classes="auto")))
    assert card.classes == "imagenet1k"
    with pytest.raises(RaybenchError, match=r"library that names its classes; write classes: FILE\.txt"):
        resolved(read_card(write_card(classes="auto")))


def test_options_reach_the_architecture_and_its_size(write_card, tmp_path) -> None:
    options = {"img_size": [160, 192], "depth": 2}
    changes = {"excitation_layer": None, "contrast_layer": None, "target_layer": None}
    network = load_network(
        write_card(
            architecture="timm:test_vit",
            architecture_options=options,
            weights="random",
            name="random-vit",
            **changes,
        )
    )
    assert len(network.module.blocks) == 2
    assert network.card.input.size == (160, 192)
    with pytest.raises(RaybenchError, match="hold 'num_classes'; say it by the card's classes"):
        load_network(write_card(architecture="timm:test_vit", architecture_options={"num_classes": 3}))
    with pytest.raises(RaybenchError, match="architecture 'resnet18' cannot be built: .*no_such"):
        load_network(write_card(architecture="resnet18", architecture_options={"no_such": 3}))


def test_weights_of_another_input_size_are_resampled_as_timm_does_and_it_is_said(write_card) -> None:
    state = untrained("vit_tiny_patch16_224")
    card = write_card(
        architecture="timm:vit_tiny_patch16_224",
        architecture_options={"img_size": [224, 288]},
        classes="imagenet1k",
        weights={"path": "vit.safetensors"},
        target_layer=None,
        excitation_layer=None,
        contrast_layer=None,
    )
    save_file(state, card.parent / "vit.safetensors")
    network = load_network(card)
    expected = timm.create_model("vit_tiny_patch16_224")
    expected.load_state_dict(state)
    expected.set_input_size(img_size=(224, 288))
    assert torch.equal(network.module.pos_embed, expected.pos_embed)
    assert network.input_size == (224, 288)
    assert network.remarks == (
        "its weights were resampled to pictures of [224, 288], as the card's img_size asks",
    )


SOFT = """
from torch import nn
from raybench.checkpoints.shapes_net import shapes_net

def soft(num_classes):
    return shapes_net(num_classes).append(nn.Softmax(1))

def squashed(num_classes):
    return shapes_net(num_classes).append(nn.Sigmoid())
"""


def test_probabilities_are_read_as_the_scores_they_came_from(write_card, tmp_path) -> None:
    (tmp_path / "soft.py").write_text(SOFT)
    drawn = {"weights": "random", "name": "random"}
    images = torch.rand(2, 3, 32, 32)
    logits = load_network(write_card(**drawn)).module(images)

    def scores(function: str, **changes: object) -> Tensor:
        card = write_card(architecture=f"soft.py:{function}", scores="probabilities", **drawn, **changes)
        found: Tensor = load_network(card, trust_code=True).module(images)
        return found

    torch.testing.assert_close(scores("soft"), logits.log_softmax(1), rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(scores("squashed", multilabel=True), logits, rtol=1e-4, atol=1e-4)


def test_a_card_that_contradicts_the_weights_it_names_is_told(hub: Path) -> None:
    put(hub, "timm/test_resnet.r160_in1k", "model.safetensors", untrained("test_resnet"))
    card = resolved(find_card(TINY))
    other = card.input.model_copy(update={"mean": (0.1, 0.1, 0.1)})
    (remark,) = load_network(card.model_copy(update={"input": other, "mean": other.mean})).remarks
    assert "gives mean (0.1, 0.1, 0.1), but timm:test_resnet.r160_in1k was trained with (0." in remark


def test_a_network_of_timm_in_memory_says_its_own_input() -> None:
    module = timm.create_model("test_resnet")
    network = network_from_module(module, name="net", classes="imagenet1k")
    expected = resolved(find_card(TINY)).input
    assert network.card.input == expected
    told = network_from_module(module, name="net", classes="imagenet1k", input_size=(96, 96))
    assert told.input_size == (96, 96) == told.card.input.size


def test_two_words_for_one_thing_have_to_agree(write_card) -> None:
    with pytest.raises(RaybenchError, match=r"mean and input\.mean say different things"):
        read_card(write_card(mean=[0.5, 0.5, 0.5], input={"mean": [0.4, 0.4, 0.4]}))
    assert resolved(read_card(write_card(input={"size": [64, 64], "any_size": False}))).input_size == (64, 64)
