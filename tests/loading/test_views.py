"""What a network sees of a picture: the device's resize and decode against Pillow's."""

from __future__ import annotations

import io

import numpy as np
import PIL.Image
import pytest
import torch

from raybench.benchmark.datasets import Size
from raybench.benchmark.loading.frames import frame_of, whole_size
from raybench.benchmark.loading.views import (
    decode_jpegs,
    device_view,
    pillow_view,
    to_pixels,
    worker_view,
)
from raybench.benchmark.suite.protocol import protocol_from
from raybench.checkpoints import Network, find_card, load_classes

CPU = torch.device("cpu")


def picture(width: int, height: int) -> PIL.Image.Image:
    """A smooth picture with edges and noise."""
    generator = np.random.default_rng(width)
    y, x = np.mgrid[:height, :width]
    waves = [128 + 100 * np.sin(x / (7 + band) + y / (11 - band)) for band in range(3)]
    pixels = np.stack(waves, axis=2) + generator.normal(0, 20, (height, width, 3))
    pixels[height // 3 : height // 2, width // 4 : width // 2] = (255, 0, 90)
    return PIL.Image.fromarray(pixels.clip(0, 255).astype(np.uint8))


def jpeg(image: PIL.Image.Image, **options: object) -> np.ndarray:
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=90, **options)
    return np.frombuffer(buffer.getvalue(), np.uint8)


@pytest.mark.parametrize("name", ["aaai21", "square"])
@pytest.mark.parametrize("view", ["whole", "crop", "square"])
@pytest.mark.parametrize(("width", "height"), [(500, 375), (375, 500), (200, 331), (97, 97), (640, 101)])
def test_device_resizes_as_pillow_does_within_a_level(name: str, view: str, width: int, height: int) -> None:
    frame, image = frame_of(view, protocol_from(name), None), picture(width, height)
    expected = torch.from_numpy(pillow_view(image, frame)).permute(2, 0, 1)
    ours = device_view(torch.from_numpy(to_pixels(image)).permute(2, 0, 1), frame)
    assert ours.shape[1:] == frame.view_size(Size(height, width))
    assert ours.dtype == torch.uint8
    assert ours.shape == expected.shape
    assert (ours.int() - expected.int()).abs().max() <= 1


@pytest.mark.parametrize("size", [(375, 500), (500, 375), (333, 500), (480, 641), (427, 640), (448, 448)])
@pytest.mark.parametrize("short_side", [224, 448])
def test_whole_size_is_the_size_that_pillow_resizes_to(size: tuple[int, int], short_side: int) -> None:
    frame = frame_of("whole", protocol_from("aaai21", {"short_side": short_side}), None)
    image = PIL.Image.new("RGB", size[::-1])
    assert pillow_view(image, frame).shape[:2] == whole_size(Size(*size), short_side)


def test_protocol_square_shows_all_of_a_picture_in_one_size() -> None:
    frame, image = frame_of("whole", protocol_from("square"), None), picture(300, 200)
    expected = to_pixels(image.resize((224, 224), PIL.Image.Resampling.BILINEAR))
    assert np.array_equal(pillow_view(image, frame), expected)
    assert frame.view_size(Size(200, 300)) == (224, 224)


@pytest.mark.parametrize("options", [{}, {"subsampling": 0}, {"progressive": True}])
def test_device_decodes_as_pillow_does(options: dict[str, object]) -> None:
    colour, grey = jpeg(picture(120, 81), **options), jpeg(picture(40, 90).convert("L"))
    for file, decoded in zip((colour, grey), decode_jpegs([colour, grey], CPU), strict=True):
        assert isinstance(decoded, torch.Tensor)
        expected = to_pixels(PIL.Image.open(io.BytesIO(file.tobytes())).convert("RGB"))
        assert np.abs(decoded.permute(1, 2, 0).numpy().astype(int) - expected).max() <= 1


def test_a_damaged_file_among_others_is_named_alone() -> None:
    good, junk = jpeg(picture(50, 40)), np.frombuffer(b"\xff\xd8 no picture at all", np.uint8)
    first, second, third = decode_jpegs([good, junk, good], CPU)
    assert isinstance(second, str)
    assert torch.equal(first, third)


@pytest.mark.parametrize("size", [(500, 375), (333, 500), (640, 201)])
@pytest.mark.parametrize("fit", ["whole", "square"])
def test_plain_pictures_are_those_of_torchray(size: tuple[int, int], fit: str) -> None:
    models = pytest.importorskip("torchray.benchmark.models")
    card, image = find_card("torchray-resnet50-voc"), picture(*size)
    network = Network(torch.nn.Identity(), card, load_classes("voc20"))
    protocol = protocol_from("iccv19", {"fit": fit})
    view = worker_view(image, frame_of("whole", protocol, None), protocol)
    kept = view.copy()
    found = network.normalise(torch.from_numpy(view).permute(2, 0, 1)[None])[0]
    expected = models.get_transform("voc", size=224 if fit == "whole" else (224, 224))(
        image
    )  # RISE has squares
    assert found.shape == expected.shape
    assert torch.equal(found, expected)
    assert np.array_equal(view, kept)
