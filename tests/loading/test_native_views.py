"""Protocols of the network's own input: its own crop as its library makes it, and maps where they belong."""

from __future__ import annotations

import numpy as np
import PIL.Image
import pytest
import timm
import torch
import torchvision
from torch import Tensor, nn
from torchvision.models import get_model_weights

import raybench
from raybench.base import RaybenchError, Size
from raybench.benchmark.loading import frame_of
from raybench.benchmark.loading.views import pillow_view
from raybench.benchmark.measuring import usual_protocol
from raybench.benchmark.measuring.maps import prepare_saliency
from raybench.benchmark.suite import PROTOCOLS, protocol_from
from raybench.checkpoints import Card, ClassList, Network, find_card, network_from_module, resolved


def picture(width: int, height: int) -> PIL.Image.Image:
    generator = np.random.default_rng(width)
    y, x = np.mgrid[:height, :width]
    waves = [128 + 100 * np.sin(x / (7 + band) + y / (11 - band)) for band in range(3)]
    pixels = np.stack(waves, axis=2) + generator.normal(0, 20, (height, width, 3))
    return PIL.Image.fromarray(pixels.clip(0, 255).astype(np.uint8))


def transform_of(name: str):
    """The transform that a library itself makes for a network's weights."""
    library, _, rest = name.partition(":")
    if library == "torchvision":
        architecture, _, member = rest.partition("@")
        return get_model_weights(architecture)[member].transforms()
    config = timm.data.resolve_data_config(pretrained_cfg=timm.models.get_pretrained_cfg(rest).to_dict())
    return timm.data.create_transform(**config)


@pytest.mark.parametrize(
    "name",
    [
        "torchvision:resnet50@IMAGENET1K_V1",  # 256, 224, bilinear
        "torchvision:resnet50@IMAGENET1K_V2",  # 232, 224
        "torchvision:vit_b_16@IMAGENET1K_SWAG_E2E_V1",  # 384 of 384, bicubic
        "torchvision:inception_v3@IMAGENET1K_V1",  # 342, 299
        "timm:convnext_tiny.fb_in1k",  # 0.875, bicubic
        "timm:vit_tiny_patch16_224.augreg_in21k_ft_in1k",  # 0.9, mean 0.5
        "timm:resnet18.a1_in1k",  # 0.95
        "timm:caformer_s18.sail_in1k",  # 1.0
        "timm:convnext_tiny.fb_in22k_ft_in1k_384",  # 384, squash
        "timm:eva02_base_patch14_448.mim_in22k_ft_in1k",  # 448, squash, of CLIP
        "timm:test_resnet.r160_in1k",  # 160
    ],
)
def test_the_crop_is_what_the_library_makes_to_one_level(name: str) -> None:
    card = resolved(find_card(name))
    frame, transform = frame_of("whole", PROTOCOLS["native-crop"], card), transform_of(name)
    network = Network(nn.Linear(1, 1), card, ClassList("none", (), ()))
    for size in ((500, 375), (333, 500), (640, 200), (90, 97)):
        image = picture(*size)
        pixels = torch.from_numpy(pillow_view(image, frame)).permute(2, 0, 1)[None]
        expected = transform(image)
        ours = network.normalise(pixels)[0]
        assert ours.shape == expected.shape
        levels = (ours - expected).abs() * torch.tensor(card.std)[:, None, None] * 255
        assert levels.max() <= 1 + 1e-3
    assert frame_of("crop", PROTOCOLS["native"], card) == frame


def test_protocols_of_the_networks_own_input_are_told_apart_and_old_ones_keep_their_names() -> None:
    assert {name: PROTOCOLS[name].id for name in PROTOCOLS} == IDS
    assert "short_side" not in PROTOCOLS["native"].fields
    with pytest.raises(RaybenchError, match="'short_side' has no part in native"):
        protocol_from("native", {"short_side": 300})


IDS = {
    "aaai21": "70b0ca13dc37",
    "aaai21-clamped": "6954948550e7",
    "iccv19": "d0ad091ac233",
    "iccv19-v1": "a87af8bc347f",
    "square": "8b3b2215eebe",
    "native": "49abc22529d7",
    "native-whole": "ff6978c0b4ce",
    "native-crop": "66e1e0bf555d",
}


class Redness(nn.Module):
    """Class 0 is how red the picture is, on cells of 4 x 4 pixels."""

    def __init__(self) -> None:
        super().__init__()
        self.cells = nn.Conv2d(3, 1, 4, stride=4, bias=False)
        self.cells.weight.data[:] = torch.tensor([1.0, -0.5, -0.5])[None, :, None, None] / 16
        self.head = nn.Linear(1, 2, bias=False)
        self.head.weight.data[:] = torch.tensor([[1.0], [-1.0]])

    def forward(self, images: Tensor) -> Tensor:
        scores: Tensor = self.head(self.cells(images).mean(dim=(2, 3)))
        return scores


def redness(**own: object) -> Network:
    classes = ClassList("two", ("red", "other"), ("red", "other"))
    facts = {"mean": (0.0, 0.0, 0.0), "std": (1.0, 1.0, 1.0)}
    network = network_from_module(Redness(), name="red", classes=classes, target_layer="cells", **facts)
    own = {"size": (64, 64), "step": 4, "interpolation": "bicubic", "crop_pct": 0.875} | own
    card = network.card.model_copy(update={"input": network.card.input.model_copy(update=own)})
    return Network(network.module, card, classes)


RATIOS = [(300, 100), (220, 110), (160, 120), (120, 120), (120, 160), (110, 220), (100, 300)]


@pytest.mark.parametrize(("width", "height"), RATIOS)
@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_the_map_of_a_coloured_spot_peaks_on_the_spot(protocol: str, width: int, height: int) -> None:
    pixels = np.full((height, width, 3), 128, np.uint8)
    side = min(width, height) // 10
    top, left = height // 2 + side, width // 2 - 3 * side
    pixels[top : top + side, left : left + side] = (255, 0, 0)
    network = redness(crop_mode="squash" if width == 220 else "center")
    (saliency,) = raybench.attribute(network, PIL.Image.fromarray(pixels), [0], protocol=protocol)
    assert saliency.shape == (height, width)
    row, column = divmod(int(saliency.argmax()), width)
    assert top - 1 <= row <= top + side
    assert left - 1 <= column <= left + side
    torch.testing.assert_close(saliency.sum().item(), 1.0, rtol=1e-4, atol=0)


def test_a_map_of_a_crop_lies_where_the_crop_was_and_is_zero_outside() -> None:
    """A picture of 4 x 8 at its own size, of which the middle 4 x 4 are shown."""
    card = card_of({"size": [4, 4], "crop_pct": 1.0})
    frame, protocol = frame_of("whole", PROTOCOLS["native-crop"], card), PROTOCOLS["native-crop"]
    assert frame.corner(Size(4, 8)) == (0, 2)
    shown = torch.arange(1.0, 17).view(1, 4, 4)
    status = torch.zeros(1, dtype=torch.int64)
    placed = prepare_saliency(shown, status, Size(4, 8), protocol, smoothed=False, frame=frame)
    assert not placed[0, :, [0, 1, 6, 7]].any()
    torch.testing.assert_close(placed[0, :, 2:6], shown[0] / shown.sum())


def test_a_map_of_a_crop_is_read_at_the_centres_of_the_pictures_pixels() -> None:
    """Of 8 x 8 pixels at half size, the middle 2 x 2 of 4 x 4 are shown: a picture's pixel is half of one."""
    card = card_of({"size": [2, 2], "crop_pct": 0.5})
    frame, protocol = frame_of("whole", PROTOCOLS["native-crop"], card), PROTOCOLS["native-crop"]
    status = torch.zeros(1, dtype=torch.int64)
    shown = torch.tensor([[[0.0, 1.0], [0.0, 1.0]]])
    (placed,) = prepare_saliency(shown, status, Size(8, 8), protocol, smoothed=False, frame=frame)
    # centres of columns 2 to 5 lie at 0.25, 0.75, 1.25 and 1.75 of the crop, and its samples at 0.5 and 1.5
    row = torch.tensor([0, 0, 0, 0.25, 0.75, 1, 0, 0])
    torch.testing.assert_close(placed[3], row / (4 * row.sum()), rtol=1e-4, atol=1e-7)
    assert not placed[[0, 1, 6, 7]].any()


def card_of(own: dict[str, object]) -> Card:
    facts = {"name": "n", "architecture": "x.y:z", "classes": "voc20", "input": own}
    return resolved(Card.model_validate_json(__import__("json").dumps(facts)))


@pytest.mark.parametrize(
    ("size", "expected"), [((500, 375), (64, 84)), ((100, 300), (192, 64)), ((100, 101), (64, 64))]
)
def test_the_longer_side_is_a_multiple_of_the_networks_step(
    size: tuple[int, int], expected: tuple[int, int]
) -> None:
    frame = frame_of("whole", PROTOCOLS["native-whole"], redness().card)
    assert frame.view_size(Size(*size[::-1])) == expected
    assert pillow_view(picture(*size), frame).shape[:2] == expected


def test_a_network_of_an_oblong_size_sees_all_of_a_picture_in_it() -> None:
    frame = frame_of("whole", PROTOCOLS["native"], redness(size=(48, 64)).card)
    assert pillow_view(picture(300, 100), frame).shape == (48, 64, 3)
    crop = frame_of("whole", PROTOCOLS["native-crop"], redness(size=(48, 64)).card)
    assert pillow_view(picture(100, 300), crop).shape == (48, 64, 3)


def test_a_network_whose_size_nobody_says_is_refused_with_the_field_to_write() -> None:
    with pytest.raises(RaybenchError, match=r"nobody says that of checkpoint 'red'; .* input: \{size"):
        raybench.attribute(redness(size=None), picture(30, 20), [0], protocol="native")


@pytest.mark.parametrize(
    ("own", "protocol"),
    [
        ({}, "native-whole"),
        ({"size": (224, 224)}, "aaai21"),
        ({"size": None}, "aaai21"),
        ({"any_size": False}, "native"),
    ],
)
def test_one_picture_is_shown_as_suits_the_network(own: dict[str, object], protocol: str) -> None:
    network = redness(**own)
    assert usual_protocol(network) == protocol
    image = picture(80, 60)
    expected = raybench.attribute(network, image, [0], protocol=protocol)
    assert torch.equal(raybench.attribute(network, image, [0]), expected)


def test_a_network_that_fails_on_other_sizes_is_refused_as_one_that_says_so() -> None:
    network = redness()
    network.module.head = nn.Sequential(nn.Flatten(), nn.Linear(256, 2))
    network.module.forward = lambda images: network.module.head(network.module.cells(images))
    with pytest.raises(RaybenchError, match=r"takes its own 64 x 64 and fails on .* of 224 x 224"):
        raybench.attribute(network, picture(40, 30), [0], protocol="aaai21")
    assert raybench.attribute(network, picture(40, 30), [0], protocol="native").shape == (1, 30, 40)


def test_torchvisions_filters_have_the_names_that_pillow_gives_them() -> None:
    names = {mode.value for mode in torchvision.transforms.InterpolationMode}
    assert {"nearest", "bilinear", "bicubic", "lanczos"} <= names
