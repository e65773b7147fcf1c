"""Kept pictures and maps: small, exact where it matters, safe to write."""

from __future__ import annotations

import numpy as np
import PIL.Image
import pytest

from raybench.base.errors import RaybenchError
from raybench.benchmark.results.files.thumbnails import (
    gallery_images,
    map_path,
    read_map,
    save_map,
    save_picture,
)


def picture(width: int, height: int) -> PIL.Image.Image:
    return PIL.Image.new("RGB", (width, height), (10, 200, 30))


def test_large_picture_is_kept_at_320_pixels_with_its_aspect_and_original_size(tmp_path):
    mask = np.zeros((300, 640), dtype=bool)
    mask[100:200, 320:] = True
    save_picture(tmp_path, "im", picture(640, 300), {7: mask, 3: ~mask})
    (image,) = gallery_images(tmp_path)
    assert image.size == (300, 640)
    assert image.class_indices == (3, 7)
    assert image.picture().shape == (150, 320, 3)
    region = image.region(7)
    assert region.shape == (150, 320)
    assert region.mean() == pytest.approx(mask.mean(), abs=0.01)
    assert region[75, 161:].all()
    assert not region[75, :159].any()


def test_small_picture_keeps_its_pixels(tmp_path):
    mask = np.eye(40, 60, dtype=bool)
    save_picture(tmp_path, "im", picture(60, 40), {0: mask})
    (image,) = gallery_images(tmp_path)
    assert image.picture().shape == (40, 60, 3)
    np.testing.assert_array_equal(image.region(0), mask)
    assert np.abs(image.picture().astype(int) - (10, 200, 30)).max() <= 3


def test_grey_and_transparent_pictures_become_rgb(tmp_path):
    for number, mode in enumerate(("L", "RGBA", "P", "CMYK")):
        save_picture(tmp_path, str(number), PIL.Image.new(mode, (20, 10)), {})
    assert [image.picture().shape for image in gallery_images(tmp_path)] == [(10, 20, 3)] * 4


@pytest.mark.parametrize("scale", [1.0, 1e-30, 1e30])
def test_map_is_scaled_to_the_full_range_whatever_its_unit(tmp_path, scale):
    saliency = np.array([[0.0, 0.25], [0.5, 1.0]]) * scale
    save_map(tmp_path, "net", "grad_cam", "im", 3, saliency)
    path = tmp_path / "net" / "grad_cam" / "gallery" / "im-3.png"
    assert np.asarray(PIL.Image.open(path)).tolist() == [[0, 64], [128, 255]]
    assert read_map(path).max() == 1


def test_a_single_hot_pixel_survives_being_made_small(tmp_path):
    saliency = np.zeros((900, 1600), dtype=np.float32)
    saliency[450, 800] = 1e-6
    save_map(tmp_path, "none", "center", "im", 0, saliency)
    kept = read_map(map_path(tmp_path, "none", "center", "im", 0))
    assert kept.shape == (180, 320)
    assert np.argwhere(kept == 1).tolist() == [[90, 160]]


@pytest.mark.parametrize("value", [0.0, np.nan, np.inf])
def test_map_without_heat_is_black(tmp_path, value):
    save_map(tmp_path, "net", "m", "im", 0, np.full((4, 6), value))
    assert read_map(map_path(tmp_path, "net", "m", "im", 0)).max() == 0


def test_hostile_image_id_stays_inside_the_folder(tmp_path):
    out = tmp_path / "out"
    save_picture(out, "../../evil", picture(20, 10), {0: np.ones((10, 20), dtype=bool)})
    save_map(out, "net", "m", "../../evil", 0, np.ones((10, 20)))
    assert [path.name for path in tmp_path.iterdir()] == ["out"]
    (image,) = gallery_images(out)
    assert map_path(out, "net", "m", "../../evil", 0).is_file()
    # the kept folder's name leads to the same map
    assert map_path(out, "net", "m", image.folder.name, 0) == map_path(out, "net", "m", "../../evil", 0)


def test_saving_again_gives_the_same_bytes_and_leaves_nothing_else(tmp_path):
    contents = []
    for _ in range(2):
        save_picture(tmp_path, "im", picture(50, 40), {1: np.eye(40, 50, dtype=bool)})
        save_map(tmp_path, "net", "m", "im", 1, np.eye(40, 50))
        contents.append({path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()})
    assert contents[0] == contents[1]
    assert len(contents[0]) == 3


def test_folder_that_cannot_be_made_is_a_clear_error(tmp_path):
    (tmp_path / "gallery").write_text("a file where a folder should be")
    with pytest.raises(RaybenchError, match=r"cannot write .*gallery"):
        save_picture(tmp_path, "im", picture(20, 10), {})


def test_damaged_picture_is_named(tmp_path):
    save_picture(tmp_path, "im", picture(20, 10), {})
    path = tmp_path / "gallery" / "im" / "picture.jpg"
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(RaybenchError, match=r"cannot read .*picture.jpg"):
        list(gallery_images(tmp_path))


def test_folder_without_gallery_has_no_images(tmp_path):
    assert list(gallery_images(tmp_path)) == []
