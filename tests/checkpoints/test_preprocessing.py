"""What networks want of their input: colours in another order and range, what libraries say themselves."""

from __future__ import annotations

import pytest
import torch
from safetensors.torch import save_file

from raybench.base import RaybenchError
from raybench.checkpoints import (
    build_module,
    find_card,
    load_network,
    network_from_module,
    resolved,
)

CAFFE = {"mean": [104.0, 117.0, 123.0], "std": [1.0, 1.0, 1.0], "channels": "bgr", "input_range": 255}
NO_LAYERS = {"excitation_layer": None, "contrast_layer": None}


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_a_network_of_caffe_gets_blue_green_red_from_0_to_255(
    write_card, layout: torch.memory_format
) -> None:
    network = load_network(write_card(**CAFFE))
    red, green, blue = 200, 100, 50
    pixels = torch.tensor([red, green, blue], dtype=torch.uint8)[None, :, None, None].expand(1, 3, 2, 2)
    images = network.normalise(pixels.contiguous(memory_format=layout))
    assert images[0, :, 0, 0].tolist() == [50 - 104, 100 - 117, 200 - 123]
    low, high = network.input_range
    assert low.flatten().tolist() == [-104, -117, -123]
    assert high.flatten().tolist() == [151, 138, 132]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"mean": [103.5, 116.3, 123.7], "std": [58.4, 57.1, 57.4]},
            "divide values .* by 255, or say input_range",
        ),
        ({"mean": [0.5, 0.5, 0.5], "std": [57.0, 57.0, 57.0]}, "divide values .* by 255"),
        ({"input_range": 255}, "both mean and std have to be given"),
        ({**CAFFE, "mean": [0.4, 0.4, 0.4]}, "multiply mean and std by 255"),
        ({**CAFFE, "channels": "BGR"}, "'rgb' or 'bgr'"),
        ({**CAFFE, "mean": [float("nan"), 1.0, 1.0]}, "mean"),
        ({"std": [0.2, 0.0, 0.2]}, "every standard deviation must be above 0"),
    ],
)
def test_statistics_that_do_not_fit_the_range_are_refused(write_card, changes, message: str) -> None:
    with pytest.raises(RaybenchError, match=message):
        load_network(write_card(**changes))


def test_networks_of_timm_bring_their_own_statistics(write_card) -> None:
    module = build_module("timm:vit_tiny_patch16_224", num_classes=3)
    card = write_card(
        architecture="timm:vit_tiny_patch16_224",
        weights={"path": "vit.safetensors"},
        target_layer="norm",
        **NO_LAYERS,
    )
    save_file(module.state_dict(), card.parent / "vit.safetensors")
    half = (0.5, 0.5, 0.5)  # as timm writes of this network
    network = load_network(card)
    assert (network.card.mean, network.card.std) == (half, half)
    in_memory = network_from_module(module, name="vit", classes=network.classes)
    assert (in_memory.card.mean, in_memory.card.std) == (half, half)
    given = network_from_module(module, name="vit", classes=network.classes, mean=(0, 0, 0), std=(1, 1, 1))
    assert given.card.mean == (0, 0, 0)


def test_torchvisions_weights_bring_their_own_statistics_and_contradictions_are_refused(write_card) -> None:
    address = "torchvision:EfficientNet_V2_L_Weights.IMAGENET1K_V1"
    given = {"architecture": "efficientnet_v2_l", "weights": {"url": address}}
    card = resolved(find_card(write_card(**given)))
    assert (card.mean, card.std) == ((0.5, 0.5, 0.5), (0.5, 0.5, 0.5))
    assert resolved(card) == card
    other = find_card(write_card(**given, mean=[0.485, 0.456, 0.406]))
    with pytest.raises(RaybenchError, match="was trained with \\[0.5, 0.5, 0.5\\]"):
        resolved(other)


@pytest.fixture(scope="module")
def googlenet():
    return build_module("googlenet", num_classes=3)


def written(write_card, tensors, **changes):
    card = write_card(
        architecture="googlenet",
        weights={"path": "net.safetensors"},
        target_layer="inception5b",
        **NO_LAYERS,
        **changes,
    )
    save_file(tensors, card.parent / "net.safetensors")
    return card


def test_a_card_says_whether_googlenet_changes_its_input(write_card, googlenet) -> None:
    state = googlenet.state_dict()
    with pytest.raises(RaybenchError, match="write transform_input: true into the card"):
        load_network(written(write_card, state))
    image = torch.rand(1, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    plain = load_network(written(write_card, state, transform_input=False))
    changed = load_network(written(write_card, state, transform_input=True))
    assert not plain.module.transform_input
    # torchvision's own formula: from ImageNet's mean and std to 0.5 and 0.5
    usual = zip((0.485, 0.456, 0.406), (0.229, 0.224, 0.225), strict=True)
    planes = [image[:, place] * (std / 0.5) + (mean - 0.5) / 0.5 for place, (mean, std) in enumerate(usual)]
    torch.testing.assert_close(changed.module(image), plain.module(torch.stack(planes, dim=1)))


def test_auxiliary_classifiers_that_a_file_lacks_are_left_out(write_card, googlenet) -> None:
    state = {name: one for name, one in googlenet.state_dict().items() if not name.startswith("aux")}
    network = load_network(written(write_card, state, transform_input=True))
    assert network.module.aux1 is None
    assert network.module(torch.zeros(1, 3, 64, 64)).shape == (1, 3)


def test_another_network_has_no_transform_input(write_card) -> None:
    with pytest.raises(RaybenchError, match="has no transform_input"):
        load_network(write_card(transform_input=True))
