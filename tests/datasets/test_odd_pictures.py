"""Pictures as cameras, scanners and broken downloads leave them: decoded, refused by name, or noted."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import PIL.Image
import pytest

from raybench.base import Size
from raybench.benchmark.datasets import (
    UnreadableImageError,
    open_picture,
    read_picture,
    to_rgb,
    upright_picture,
)
from raybench.benchmark.datasets.pictures import MAYBE_TURNED, SEVERAL_FRAMES, as_annotated

LEVELS = np.random.default_rng(0).integers(0, 256, (40, 60, 3), dtype=np.uint8)
PICTURE = PIL.Image.fromarray(LEVELS)


def encoded(kind: str, picture: PIL.Image.Image = PICTURE, **options: object) -> bytes:
    file = io.BytesIO()
    picture.save(file, kind, **options)
    return file.getvalue()


@pytest.mark.parametrize("read", [read_picture, open_picture])
@pytest.mark.parametrize(
    ("name", "data"),
    {
        "bmp": ("a.BMP", encoded("BMP")),
        "webp": ("a.webp", encoded("WEBP", lossless=True)),
        "tiff": ("a.TIF", encoded("TIFF")),
        "alpha": ("a.png", encoded("PNG", PICTURE.convert("RGBA"))),
        "damaged EXIF": ("a.png", encoded("PNG", exif=b"Exif\0\0garbage!")),
    }.values(),
)
def test_lossless_pictures_of_any_kind_keep_their_pixels(
    tmp_path: Path, read: object, name: str, data: bytes
) -> None:
    (tmp_path / name).write_bytes(data)
    picture, notes = as_annotated(read(tmp_path / name), Size(40, 60), "there")
    assert np.array_equal(np.asarray(picture.convert("RGB")), LEVELS)
    assert notes == []


def test_palette_with_a_transparency_of_bytes_keeps_its_colours() -> None:
    palette = PICTURE.convert("P")
    expected = np.asarray(palette.convert("RGB"))
    palette.info["transparency"] = bytes(range(256))
    assert np.array_equal(np.asarray(to_rgb(palette)), expected)


@pytest.mark.parametrize(
    ("levels", "message"),
    [
        (np.full((4, 6), 0.5, np.float32), "fractions of a range that is not said; convert it to 8 bits"),
        (np.full((4, 6), 2**20, np.int32), "32 bits, of a range that is not said"),
        (np.full((4, 6), -1, np.int32), "32 bits, of a range that is not said"),
    ],
)
def test_pixels_of_an_unknown_range_are_refused(tmp_path: Path, levels: np.ndarray, message: str) -> None:
    PIL.Image.fromarray(levels).save(tmp_path / "a.tif")
    with pytest.raises(
        UnreadableImageError, match=rf"cannot read .*a\.tif: the picture's pixels .*{message}"
    ):
        read_picture(tmp_path / "a.tif")


@pytest.mark.parametrize("kind", ["GIF", "PNG", "WEBP", "TIFF"])
def test_first_of_several_frames_is_used_and_noted(tmp_path: Path, kind: str) -> None:
    first, second = PIL.Image.new("RGB", (60, 40), "red"), PIL.Image.new("RGB", (60, 40), "blue")
    path = tmp_path / f"a.{kind.lower()}"
    path.write_bytes(encoded(kind, first, save_all=True, append_images=[second]))
    picture, notes = as_annotated(read_picture(path), Size(40, 60), "there")
    assert (picture.getpixel((5, 5))[0] > 250, notes) == (True, [SEVERAL_FRAMES])


def test_preview_of_a_phones_jpeg_is_no_frame(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(encoded("MPO", save_all=True, append_images=[PICTURE.resize((30, 20))]))
    assert as_annotated(read_picture(tmp_path / "a.jpg"), Size(40, 60), "there")[1] == []


def test_orientation_of_grey_with_16_bits_is_seen(tmp_path: Path) -> None:
    tags = PIL.Image.Exif()
    tags[0x0112] = 3
    grey = PIL.Image.fromarray(LEVELS[:, :, 0].astype(np.uint16) << 8)
    (tmp_path / "a.png").write_bytes(encoded("PNG", grey, exif=tags))
    assert as_annotated(read_picture(tmp_path / "a.png"), Size(40, 60), "there")[1] == [MAYBE_TURNED]


@pytest.mark.parametrize("read", [read_picture, open_picture])
@pytest.mark.parametrize(
    "data",
    {
        "zero bytes": b"",
        "nothing but zeros": bytes(5000),
        "a page that says 404": b"<html>404</html>",
        "a pointer of git-lfs": b"version https://git-lfs.github.com/spec/v1\noid sha256:aa\nsize 1\n",
        "a JPEG that breaks off into zeros": encoded("JPEG")[:1500] + bytes(3000),
        "a PNG that breaks off": encoded("PNG")[:1500],
        "a GIF that breaks off": encoded("GIF")[:900],
    }.values(),
)
def test_damaged_file_is_refused_by_name(tmp_path: Path, read: object, data: bytes) -> None:
    (tmp_path / "a.jpg").write_bytes(data)
    with pytest.raises(UnreadableImageError, match=r"cannot read .*a\.jpg: "):
        read(tmp_path / "a.jpg")


def test_zeros_behind_the_end_of_a_jpeg_do_no_harm(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(encoded("JPEG") + bytes(3000))
    assert read_picture(tmp_path / "a.jpg").size == (60, 40)


def test_picture_to_be_looked_at_is_turned_upright_and_that_is_said(tmp_path: Path) -> None:
    exif = PIL.Image.Exif()
    exif[0x0112] = 6  # to be turned by a quarter, clockwise
    (tmp_path / "phone.png").write_bytes(encoded("PNG", exif=exif))
    (tmp_path / "plain.png").write_bytes(encoded("PNG"))
    picture, said = upright_picture(tmp_path / "phone.png")
    assert np.array_equal(np.asarray(picture), np.rot90(LEVELS, -1))
    assert said.endswith("phone.png was turned by its EXIF orientation, to 40 x 60 pixels")
    assert upright_picture(tmp_path / "plain.png")[1] == ""
