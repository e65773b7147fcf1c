"""What is known of published datasets, and what is said of a folder that is not whole."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

import pytest
from calls import tried

from raybench.base import RaybenchError
from raybench.benchmark.datasets import DATASETS, check_data, known_data, names_of_known, unpack_parquet
from raybench.benchmark.suite import PROTOCOLS
from raybench.checkpoints import load_classes

RULES = PROTOCOLS["aaai21-clamped"]
SYNSETS = load_classes("imagenet1k").ids[:2]
Write = Callable[..., Path]


def test_every_known_dataset_has_a_reader_that_takes_its_options() -> None:
    for known in known_data().values():
        assert known.entry in list(DATASETS)
        assert known.options.keys() <= known.entry.options.keys()
        assert all(len(md5) == 32 for md5 in known.archives.values())
        assert not known.per_class or known.per_class * known.classes == known.images


def test_archives_have_the_hashes_that_torchvision_knows() -> None:
    from torchvision.datasets import imagenet, voc

    archives = known_data()["imagenet"].archives
    assert archives[imagenet.ARCHIVE_META["val"][0]] == imagenet.ARCHIVE_META["val"][1]
    assert archives[imagenet.ARCHIVE_META["devkit"][0]] == imagenet.ARCHIVE_META["devkit"][1]
    for name, year in (("voc2007-test", "2007-test"), ("voc2012-val", "2012")):
        entry = voc.DATASET_YEAR_DICT[year]
        assert known_data()[name].archives == {entry["filename"]: entry["md5"]}


def test_a_name_may_be_the_beginning_of_several() -> None:
    assert names_of_known("voc") == ["voc2007-test", "voc2012-val"]
    assert names_of_known("imagenet") == ["imagenet"]


@pytest.fixture
def folder(tmp_path: Path, write_picture: Write, write_xml: Write) -> Path:
    for number, synset in enumerate((*SYNSETS, SYNSETS[0])):
        write_picture(tmp_path / "val" / f"{number}.JPEG", 40, 30)
        write_xml(tmp_path / "val" / f"{number}.xml", [(synset, (1, 1, 5, 5)), (synset, (7, 7, 9, 9))])
    return tmp_path


def test_the_list_says_how_much_of_a_dataset_is_where(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    around = folder.parent / f"{folder.name}-data"
    around.mkdir()
    (around / "imagenet").symlink_to(folder)
    (around / "coco").mkdir()
    monkeypatch.setenv("RAYBENCH_DATA", str(around))
    code, output = tried("data", "list")
    lines = {line.split()[0]: line for line in output.splitlines()}
    assert code == 0
    assert f"3 of them in {around / 'imagenet'}; used by" in lines["imagenet"]
    assert f"not in {around / 'coco'}: `raybench data check coco-val2014` says why" in lines["coco-val2014"]
    assert [name for name in lines if "used by" in lines[name]] == [
        *("imagenet", "imagenet-boxes", "voc2007-test", "coco-val2014")
    ]
    assert "not found" in lines["cub200-test"]


def told(folder: Path, **changes: object) -> list[tuple[bool, str]]:
    facts = {"images": 3, "classes": 2, "per_class": 0, **changes}
    return list(check_data(known_data()["imagenet"].model_copy(update=facts), folder, RULES))


def test_a_whole_folder_is_as_known(folder: Path) -> None:
    found = told(folder, boxes=6)
    assert [fine for fine, _ in found] == [True] * len(found)
    assert [words for _, words in found][:3] == [
        "3 pictures, as known",
        "2 classes, as known",
        "6 boxes in all, as known",
    ]


def test_what_is_missing_is_counted(folder: Path) -> None:
    (folder / "val" / "2.JPEG").write_bytes(b"broken")
    found = told(folder, images=5, classes=9, per_class=2, boxes=9)
    wrong = [words for fine, words in found if not fine]
    assert wrong[:4] == [
        "3 of 5 pictures",
        "2 of 9 classes",
        f"other counts: {SYNSETS[1]} has 1",
        "6 of 9 boxes in all",
    ]
    assert "cannot read" in wrong[4]  # the last picture is opened


def test_the_command_says_where_to_get_what_and_ends_with_what_it_found(folder: Path) -> None:
    code, output = tried("data", "where", "voc")
    assert code == 0
    assert "get it from thor.robots.ox.ac.uk/pascal/VOC/voc2007/VOCtest_06-Nov-2007.tar" in output
    assert "size: 450 MB; terms: Flickr's terms of use" in output
    assert "in a suite: dataset: {name: voc, split: test, year: 2007}" in output
    code, output = tried("data", "check", "imagenet", "--path", folder)
    assert code == 1
    assert "not as known: 3 of 50,000 pictures" in output


def test_real_boxes_of_imagenet_are_whole(real_data: Path) -> None:
    found = list(check_data(known_data()["imagenet-boxes"], real_data / "imagenet" / "all_val_boxes", RULES))
    assert all(fine for fine, _ in found)
    assert (True, "80,477 boxes in all, as known") in found
    assert [words[-8:] for _, words in found if "fingerprint" in words] == ["as known"]


def test_tables_of_hugging_face_are_unpacked_byte_by_byte(tmp_path: Path, write_picture: Write) -> None:
    pyarrow = pytest.importorskip("pyarrow", reason="the extra parquet is not installed")
    from pyarrow import parquet

    pictures = [write_picture(tmp_path / f"{number}.JPEG") for number in range(3)]
    rows = [{"bytes": path.read_bytes(), "path": path.name} for path in pictures]
    parquet.write_table(pyarrow.table({"image": rows, "label": [0, 1, 0]}), tmp_path / "validation.parquet")
    assert unpack_parquet(tmp_path, tmp_path / "out") == 3
    for path in pictures:
        written = (tmp_path / "out" / path.name).read_bytes()
        assert hashlib.sha256(written).digest() == hashlib.sha256(path.read_bytes()).digest()
    for split in ("train", "validation"):
        (tmp_path / f"{split}-0.parquet").hardlink_to(tmp_path / "validation.parquet")
    with pytest.raises(RaybenchError, match="holds tables of train, validation; give those of one, such as"):
        unpack_parquet(tmp_path, tmp_path / "other")
    assert unpack_parquet(tmp_path / "train-*.parquet", tmp_path / "other") == 3
