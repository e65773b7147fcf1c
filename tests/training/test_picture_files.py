"""Training on files: layouts, broken files and annotations, data that cannot be trained on."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from tiny_training import Listening, tiny_recipe
from torchvision.transforms import RandomResizedCrop

from raybench.base.errors import RaybenchError
from raybench.benchmark.datasets import open_dataset
from raybench.benchmark.suite.protocol import PROTOCOLS
from raybench.training import Recipe, TrainingSettings, train
from raybench.training.data.crops import draw_crop_box
from raybench.training.data.loading import Draw, TrainingSamples, collate
from raybench.training.data.picture_files import open_pictures
from raybench.training.data.problems import Problems


@pytest.fixture
def folder(tmp_path: Path, tiny_data: Path) -> Path:
    """A copy of the generated pictures that a test may damage."""
    return Path(shutil.copytree(tiny_data, tmp_path / "shapes"))


def recipe_on(folder: Path, dataset: str = "shapes", **changes: object) -> Recipe:
    source = {"dataset": dataset}
    classes = str(folder / "classes.txt")
    return tiny_recipe(
        **{"classes": classes, "train": source, "validation": source, "batch_size": 4} | changes
    )


def by_class_folders(root: Path, counts: dict[str, int]) -> None:
    (root / "classes.txt").write_text("a\nb\nc\n")
    for shade, (name, count) in enumerate(counts.items()):
        (root / "train" / name).mkdir(parents=True)
        for number in range(count):
            picture = Image.fromarray(np.full((40, 50, 3), 60 * shade, np.uint8))
            picture.save(root / "train" / name / f"{name}_{number}.jpeg")


def test_class_folders_label_their_pictures(tmp_path: Path) -> None:
    by_class_folders(tmp_path, {"a": 2, "c": 3})
    source = {"dataset": "imagenet", "split": "train"}
    recipe = tiny_recipe(classes=str(tmp_path / "classes.txt"), train=source, validation=source)
    pictures = open_pictures(recipe.train, recipe, {"imagenet": tmp_path})
    assert [int(pictures.targets.target(index)) for index in range(len(pictures))] == [0, 0, 2, 2, 2]
    samples = TrainingSamples(pictures, 0, with_grids=True)
    for place in range(5):
        grid, sample = samples[Draw(0, place)].grid, samples[Draw(0, place)]  # type: ignore[union-attr]
        shades = {(q, int(grid[0, 16 + q // 2 * 32, 16 + q % 2 * 32])) for q in range(4)}
        own = 0 if sample.class_index == 0 else 60  # type: ignore[union-attr]
        assert {shade for q, shade in shades if q == sample.quadrant} == {own}  # type: ignore[union-attr]
        assert {shade for q, shade in shades if q != sample.quadrant} == {60 - own}  # type: ignore[union-attr]


def test_one_class_is_refused(tmp_path: Path) -> None:
    by_class_folders(tmp_path, {"a": 5})
    source = {"dataset": "imagenet", "split": "train"}
    recipe = tiny_recipe(classes=str(tmp_path / "classes.txt"), train=source, validation=source, batch_size=2)
    settings = TrainingSettings(out=tmp_path / "out", data={"imagenet": tmp_path}, device="cpu")
    with pytest.raises(RaybenchError, match="all pictures of imagenet train are of one class, 'a'"):
        train(recipe, settings)


def test_class_that_every_picture_holds_is_refused_for_consistency_only(folder: Path, tmp_path: Path) -> None:
    path = folder / "annotations" / "instances_val.json"
    content = json.loads(path.read_text())
    first = content["categories"][0]["id"]
    extra = [
        {**content["annotations"][0], "id": 9000 + place, "image_id": image["id"], "category_id": first}
        for place, image in enumerate(content["images"])
    ]
    content["annotations"] += extra
    path.write_text(json.dumps(content))
    settings = TrainingSettings(out=tmp_path / "out", data={"shapes": folder}, device="cpu", steps=1)
    with pytest.raises(RaybenchError, match="no negatives for class .*: every picture of shapes_coco holds"):
        train(recipe_on(folder, "shapes_coco"), settings)
    assert train(recipe_on(folder, "shapes_coco", consistency_weight=0), settings).rows


def test_broken_files_are_reported_and_skipped(folder: Path, tmp_path: Path) -> None:
    pictures = sorted((folder / "val").glob("*.jpg"))
    pictures[0].write_bytes(b"not a picture")
    pictures[3].with_suffix(".xml").write_text("<annotation>")
    listening = Listening()
    settings = TrainingSettings(out=tmp_path / "out", data={"shapes": folder}, device="cpu", workers=0)
    train(recipe_on(folder, epochs=3), settings, reporter=listening)
    text = "\n".join(listening.said)
    assert "left out: " in text
    assert pictures[3].stem in text
    assert text.count(f"skipped: cannot read {pictures[0]}") == 1  # of three epochs and their validation
    assert text.count(pictures[3].stem) == 1  # of training and validation, which read the same files


def test_many_problems_are_told_in_part_and_counted() -> None:
    said: list[str] = []
    problems = Problems("skipped", said.append)
    problems.tell(f"picture {number}" for number in range(23))
    problems.tell(["picture 0", "picture 23"])
    problems.tell_rest()
    problems.tell_rest()
    assert said == [*(f"skipped: picture {number}" for number in range(20)), "skipped: 4 more"]


def test_classes_of_pictures_are_those_that_the_reader_gives(folder: Path) -> None:
    recipe = recipe_on(folder, "shapes_coco")
    pictures = open_pictures(recipe.train, recipe, {"shapes": folder})
    samples = list(open_dataset("shapes_coco", {"shapes": folder}, PROTOCOLS["aaai21"], {}))
    assert list(pictures.ids) == [sample.image_id for sample in samples]
    for index, sample in enumerate(samples):
        assert tuple(np.flatnonzero(pictures.targets.target(index))) == sample.targets


def test_annotation_of_an_unknown_category_is_reported_and_left_out(folder: Path) -> None:
    path = folder / "annotations" / "instances_val.json"
    content = json.loads(path.read_text())
    content["annotations"][0]["category_id"] = 777
    path.write_text(json.dumps(content))
    recipe = recipe_on(folder, "shapes_coco")
    pictures = open_pictures(recipe.train, recipe, {"shapes": folder})
    (problem,) = pictures.problems  # type: ignore[attr-defined]
    assert "has the category 777" in problem


def test_folder_of_broken_pictures_ends_in_one_sentence(folder: Path, tmp_path: Path) -> None:
    for picture in (folder / "val").glob("*.jpg"):
        picture.write_bytes(b"no")
    settings = TrainingSettings(out=tmp_path / "out", data={"shapes": folder}, device="cpu", workers=2)
    with pytest.raises(RaybenchError, match=r"8 pictures in a row cannot be used: cannot read [^\n]*$"):
        train(recipe_on(folder), settings)


def test_too_few_pictures_for_a_batch_are_named(folder: Path, tmp_path: Path) -> None:
    settings = TrainingSettings(out=tmp_path / "out", data={"shapes": folder}, device="cpu")
    with pytest.raises(RaybenchError, match="shapes has 12 pictures, fewer than one batch of 64"):
        train(recipe_on(folder, batch_size=64), settings)


def test_sample_depends_on_seed_epoch_and_picture_alone(folder: Path) -> None:
    recipe = recipe_on(folder, "shapes_coco")
    pictures = open_pictures(recipe.train, recipe, {"shapes": folder})
    samples = TrainingSamples(pictures, 3, with_grids=True)
    forth = collate([samples[Draw(0, place)] for place in (0, 1, 2)])
    back = collate([samples[Draw(0, place)] for place in (2, 1, 0)])
    assert torch.equal(forth.images, back.images.flip(0))
    assert torch.equal(forth.grids, back.grids.flip(0))  # type: ignore[arg-type,union-attr]
    assert not torch.equal(forth.images, collate([samples[Draw(1, place)] for place in (0, 1, 2)]).images)


def test_whole_batch_is_pinned(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    recipe = recipe_on(folder, "shapes_coco")
    samples = TrainingSamples(open_pictures(recipe.train, recipe, {"shapes": folder}), 0, with_grids=True)
    batch = collate([samples[Draw(0, place)] for place in range(3)])
    monkeypatch.setattr(torch.Tensor, "pin_memory", lambda tensor: tensor + 0)  # without a GPU
    pinned = batch.pin_memory()
    for name in ("images", "targets", "classes", "quadrants", "grids"):
        assert torch.equal(getattr(pinned, name), getattr(batch, name))
        assert getattr(pinned, name) is not getattr(batch, name)


def test_crops_are_distributed_as_torchvisions() -> None:
    generator = torch.Generator().manual_seed(0)
    torch.manual_seed(0)
    ours = torch.tensor([draw_crop_box(60, 90, 0.08, generator) for _ in range(4000)]).double()
    image = torch.zeros(3, 60, 90)
    theirs = torch.tensor(
        [RandomResizedCrop.get_params(image, [0.08, 1.0], [3 / 4, 4 / 3]) for _ in range(4000)]
    ).double()
    torch.testing.assert_close(ours.mean(0), theirs.mean(0), rtol=0.03, atol=0.4)
    torch.testing.assert_close(ours.std(0), theirs.std(0), rtol=0.05, atol=0.4)
    low, high = ours[:, :2], ours[:, :2] + ours[:, 2:]
    assert (low >= 0).all()
    assert (high <= torch.tensor([60, 90])).all()
