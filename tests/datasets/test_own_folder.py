"""A folder of one's own: the same objects in every form, and what is wrong in one sentence."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import PIL.Image
import pytest

from raybench.base import RaybenchError
from raybench.benchmark.datasets import DATASETS, Dataset, Size, class_of
from raybench.benchmark.datasets.layouts.boxes import CLAMPED
from raybench.benchmark.datasets.pictures import NOT_TURNED, SIZE_DIFFERS, TURNED
from raybench.benchmark.running import evaluate
from raybench.benchmark.suite import PROTOCOLS, Settings, load_suite
from raybench.benchmark.tables import comparison_table

RULES = PROTOCOLS["iccv19"]
# picture: class and first and last column and row, from 0
OBJECTS = {"one": [("bee", 4, 6, 19, 11), ("bee", 10, 2, 30, 8)], "two": [("ape", 0, 0, 39, 29)]}
WIDTH, HEIGHT = 40, 30


@pytest.fixture
def folder(tmp_path: Path, write_picture: Callable[..., Path]) -> Path:
    """Two pictures and a class list."""
    for name in OBJECTS:
        write_picture(tmp_path / "images" / f"{name}.png", WIDTH, HEIGHT)
    (tmp_path / "classes.txt").write_text("ape\nbee\ncow\n")
    return tmp_path


def rows() -> list[tuple[str, str, int, int, int, int]]:
    return [(picture, *box) for picture, boxes in OBJECTS.items() for box in boxes]


def write_corners(folder: Path) -> None:
    lines = [",".join(map(str, row)) for row in rows()]
    (folder / "boxes.csv").write_text("\n".join(["image,class,x0,y0,x1,y1", *lines]))


def write_sides(folder: Path) -> None:
    lines = [f"{y};{x};{x1 - x + 1};{y1 - y + 1};images/{p}.png;{name}" for p, name, x, y, x1, y1 in rows()]
    (folder / "boxes.csv").write_text("\n".join(["y0;x0;width;height;image;class", *lines]))


def write_yolo(folder: Path) -> None:
    (folder / "labels").mkdir()
    for picture, boxes in OBJECTS.items():
        (folder / "labels" / f"{picture}.txt").write_text(
            "\n".join(
                f"{['ape', 'bee', 'cow'].index(name)} {(x + x1 + 1) / 2 / WIDTH} {(y + y1 + 1) / 2 / HEIGHT} "
                f"{(x1 - x + 1) / WIDTH} {(y1 - y + 1) / HEIGHT}"
                for name, x, y, x1, y1 in boxes
            )
        )


def write_yolo_polygons(folder: Path) -> None:
    (folder / "labels").mkdir()
    for picture, boxes in OBJECTS.items():
        lines = []
        for name, x, y, x1, y1 in boxes:
            corners = [(x, y), (x, y1 + 1), (x1 + 1, y1 + 1), (x1 + 1, y)]
            shares = " ".join(f"{a / WIDTH} {b / HEIGHT}" for a, b in corners)
            lines.append(f"{['ape', 'bee', 'cow'].index(name)} {shares}")
        (folder / "labels" / f"{picture}.txt").write_text("\n".join(lines))


def write_json(folder: Path) -> None:
    names = list(OBJECTS)
    (folder / "annotations.json").write_text(
        json.dumps(
            {
                "images": [
                    {"id": n, "file_name": f"{name}.png", "width": WIDTH, "height": HEIGHT}
                    for n, name in enumerate(names)
                ],
                "categories": [{"id": 7, "name": "bee"}, {"id": 3, "name": "ape"}],
                "annotations": [
                    {
                        "id": n,
                        "image_id": names.index(picture),
                        "category_id": {"bee": 7, "ape": 3}[name],
                        "bbox": [x, y, x1 - x + 1, y1 - y + 1],
                    }
                    for n, (picture, name, x, y, x1, y1) in enumerate(rows())
                ],
            }
        )
    )


def write_pascal(folder: Path) -> None:
    (folder / "annotations").mkdir()
    for picture, boxes in OBJECTS.items():
        objects = "".join(
            f"<object><name>{name}</name><difficult>1</difficult><bndbox><xmin>{x + 1}</xmin>"
            f"<ymin>{y + 1}</ymin><xmax>{x1 + 1}</xmax><ymax>{y1 + 1}</ymax></bndbox></object>"
            for name, x, y, x1, y1 in boxes
        )
        size = f"<size><width>{WIDTH}</width><height>{HEIGHT}</height></size>"
        (folder / "annotations" / f"{picture}.xml").write_text(f"<annotation>{size}{objects}</annotation>")


def mask_of(picture: str) -> np.ndarray:
    mask = np.zeros((HEIGHT, WIDTH), dtype=np.uint8)
    for _, x, y, x1, y1 in OBJECTS[picture]:
        mask[y : y1 + 1, x : x1 + 1] = 1
    return mask


def write_masks_by_class(folder: Path) -> None:
    for picture, boxes in OBJECTS.items():
        path = folder / "masks" / boxes[0][0] / f"{picture}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        PIL.Image.fromarray(mask_of(picture) * 255).save(path)


def write_masks_of_numbers(folder: Path) -> None:
    (folder / "masks").mkdir()
    for picture, boxes in OBJECTS.items():
        number = ["ape", "bee", "cow"].index(boxes[0][0]) + 1
        PIL.Image.fromarray(mask_of(picture) * number).save(folder / "masks" / f"{picture}.png")


FORMS = [
    write_corners,
    write_sides,
    write_yolo,
    write_yolo_polygons,
    write_json,
    write_pascal,
    write_masks_by_class,
    write_masks_of_numbers,
]


def opened(folder: Path, **options: str) -> Dataset:
    return DATASETS.get("boxes").open(folder, RULES, options=options)


@pytest.mark.parametrize("write", FORMS, ids=lambda write: write.__name__)
def test_the_same_objects_are_read_from_every_form(write: Callable[[Path], None], folder: Path) -> None:
    write(folder)
    data = opened(folder)
    assert data.image_ids == ("one", "two")
    assert [class_of(data, index) for index in (0, 1)] == [1, 0]  # though boxes lie outside a picture unread
    for sample, picture in zip(data, OBJECTS, strict=True):
        assert [query.class_index for query in sample.queries] == [1 if picture == "one" else 0]
        np.testing.assert_array_equal(sample.queries[0].region.mask(), mask_of(picture).astype(bool))
    assert data.multilabel is (write is write_masks_of_numbers)  # which could show several


def test_a_picture_of_two_classes_makes_all_of_them_ones_that_may_show_several(folder: Path) -> None:
    (folder / "boxes.csv").write_text("image,class,x0,y0,x1,y1\none,ape,1,1,2,2\none,bee,3,3,4,4\n")
    data = opened(folder)
    assert data.multilabel
    assert [sample.targets for sample in data] == [(0, 1), ()]


def test_a_line_that_is_there_twice_is_used_once_and_noted(folder: Path) -> None:
    line = "one,ape,1,1,2,2\n"
    (folder / "boxes.csv").write_text(f"image,class,x0,y0,x1,y1\n{line}{line}")
    assert opened(folder)[0].notes == ("an object is there twice; used once",)


def test_a_box_that_reaches_outside_is_cut_and_noted(folder: Path) -> None:
    (folder / "boxes.csv").write_text("image,class,x0,y0,x1,y1\none,ape,-3,5,40,30\n")
    sample = opened(folder)[0]
    assert sample.notes == ("a box reaches outside the picture; clamped",)
    assert sample.queries[0].region.mask().sum() == 40 * 25


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("one,aep,1,1,2,2", r"boxes\.csv, line 2: unknown class of classes 'aep'; did you mean 'ape'"),
        ("one,ape,1,1,2", r"boxes\.csv, line 2: expected 6 values"),
        ("one,ape,1,1,x,2", r"boxes\.csv, line 2: x1 is 'x'; expected a number of pixels"),
        ("one,ape,1,1,1_0,2", r"boxes\.csv, line 2: x1 is '1_0'; expected a number of pixels"),
        ("one,ape,5,1,2,2", r"line 2: the box ends before it starts: x 5 to 2"),
        ("one,ape,0.1,0.1,0.4,0.6", r"line 2: the box is in shares of the picture"),
        (",ape,1,1,2,2", r"line 2: the column 'image' is empty"),
        ("three,ape,1,1,2,2", r"line 2: no picture 'three' in images/, nor one of any other box; there is"),
        ("", r"boxes\.csv holds no box below its header"),
    ],
)
def test_a_wrong_line_is_refused_with_its_number(line: str, message: str, folder: Path) -> None:
    (folder / "boxes.csv").write_text(f"image,class,x0,y0,x1,y1\n{line}\n")
    with pytest.raises(RaybenchError, match=message):
        opened(folder)


@pytest.mark.parametrize(
    ("header", "message"),
    [
        ("image,class,xmin,ymin,xmax,ymax", "from 0 in others: subtract .* and call them x0,y0,x1,y1$"),
        ("file,width,height,class,x0,y0,x1,y1", "as the header; it has 'file', 'height', 'width'$"),
        ("ImageId,PredictionString", "write dataset: imagenet to read it"),
        ("image,class,x0,y0,x1,y1,score", r"expected image,class,x0,y0,x1,y1 or .*; it has 'score'"),
        ("image,class,x0,y0,x1", r"as the header; it is image,class,x0,y0,x1"),
        ("image,image,class,x0,y0,x1,y1", "the column 'image' is there twice"),
    ],
)
def test_another_header_is_refused(header: str, message: str, folder: Path) -> None:
    (folder / "boxes.csv").write_text(f"{header}\none,ape,1,1,2,2\n")
    with pytest.raises(RaybenchError, match=message):
        opened(folder)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("3 0.5 0.5 0.2 0.2", r"one\.txt, line 1: the class is 3; expected an index from 0 to 2"),
        ("0 20 15 8 6", r"are no shares of the picture's sides"),
        ("0 0.5 0.5 0.2", r"expected class x y width height"),
        ("0 0.5 0.5 0 0.2", r"width and height are 0 and 0.2; expected above 0"),
    ],
)
def test_a_wrong_line_of_yolo_skips_the_picture(line: str, message: str, folder: Path) -> None:
    (folder / "labels").mkdir()
    (folder / "labels" / "one.txt").write_text(line)
    with pytest.raises(RaybenchError, match=message):
        opened(folder)[0]


def test_a_class_of_yolo_beyond_the_list_stops_all(folder: Path) -> None:
    write_yolo(folder)
    (folder / "labels" / "two.txt").write_text("3 0.5 0.5 0.1 0.1")
    with pytest.raises(
        RaybenchError, match=r"two\.txt, line 1: the class is 3; expected an index from 0 to 2"
    ):
        opened(folder)


def test_xml_says_the_way_up_and_the_size_that_its_boxes_are_of(folder: Path) -> None:
    write_pascal(folder)
    path = folder / "annotations" / "one.xml"
    usual, before = opened(folder)[0], opened(folder).fingerprint()
    written = path.read_text()
    path.write_text(written.replace("<width>40<", "<width>80<"))
    wide = opened(folder)[0]
    assert (wide.size, wide.notes) == (Size(30, 80), (SIZE_DIFFERS,))
    assert opened(folder).fingerprint() != before
    path.write_text(written.replace("<width>40<", "<width>30<").replace("<height>30<", "<height>40<"))
    with pytest.raises(RaybenchError, match="are swapped"):
        opened(folder)[0]
    picture = PIL.Image.open(folder / "images" / "one.png")
    picture.load()
    exif = picture.getexif()
    exif[0x0112] = 6
    picture.save(folder / "images" / "one.png", exif=exif)
    turned = opened(folder)[0]
    assert (turned.size, turned.image.size, turned.notes) == (Size(40, 30), (30, 40), (CLAMPED, TURNED))
    path.write_text(written)
    assert opened(folder)[0].notes == (NOT_TURNED,)
    assert np.array_equal(opened(folder)[0].queries[0].region.mask(), usual.queries[0].region.mask())


def test_xml_beside_texts_is_refused(folder: Path) -> None:
    write_pascal(folder)
    path = folder / "annotations" / "one.xml"
    path.write_text("<annotation></annotation>")
    assert len(opened(folder)[1].queries) == 1
    (folder / "annotations" / "one.txt").touch()
    with pytest.raises(RaybenchError, match=r"annotations holds both \.xml and \.txt of pictures"):
        opened(folder, boxes="annotations")


@pytest.mark.parametrize(
    "written", ["{root}/images/one.png", "images/one.PNG", "./one.png", "images\\one.png"]
)
def test_a_picture_is_found_by_its_path_however_it_is_written(written: str, folder: Path) -> None:
    line = f"{written.format(root=folder)},bee,4,6,19,11"
    (folder / "boxes.csv").write_text(f"image,class,x0,y0,x1,y1\n{line}")
    assert len(opened(folder)[0].queries) == 1


def test_masks_of_other_names_are_refused_and_grey_ones_in_colour_read(folder: Path) -> None:
    write_masks_by_class(folder)
    path = folder / "masks" / "bee" / "one.png"
    PIL.Image.open(path).convert("RGB").save(path)
    assert opened(folder)[0].queries[0].region.mask().sum() == mask_of("one").sum()
    for mask in (folder / "masks").glob("*/*.png"):
        mask.rename(mask.with_name(f"{mask.stem}_mask.png"))
    with pytest.raises(
        RaybenchError, match=r"has the name of a picture: there is two_mask\.png; expected one"
    ):
        opened(folder)


def test_masks_that_say_where_but_not_what_are_refused(folder: Path) -> None:
    (folder / "masks").mkdir()
    PIL.Image.fromarray(mask_of("one") * 255).save(folder / "masks" / "one.png")
    with pytest.raises(RaybenchError, match="says where but not what: its pixels are 0 and 255"):
        opened(folder)[0]
    PIL.Image.fromarray(mask_of("one")[:-1]).save(folder / "masks" / "one.png")
    with pytest.raises(RaybenchError, match="is of 40 x 29 pixels, its picture of 40 x 30"):
        opened(folder)[0]


def test_pictures_of_one_name_in_folders_have_ids_with_the_folder(
    tmp_path: Path, write_picture: Callable[..., Path]
) -> None:
    for name in ("ape", "bee"):
        write_picture(tmp_path / "images" / name / "1.png", WIDTH, HEIGHT)
    (tmp_path / "classes.txt").write_text("ape\nbee\n")
    (tmp_path / "boxes.csv").write_text("image,class,x0,y0,x1,y1\nbee/1.png,bee,1,1,2,2\n")
    data = opened(tmp_path)
    assert data.image_ids == ("ape/1", "bee/1")
    assert [(len(sample.queries), sample.targets) for sample in data] == [(0, (0,)), (1, (1,))]
    (tmp_path / "boxes.csv").write_text("image,class,x0,y0,x1,y1\n1.png,bee,1,1,2,2\nape/1,ape,1,1,2,2\n")
    with pytest.raises(RaybenchError, match=r"line 2: several folders in images/ hold a picture '1\.png'"):
        opened(tmp_path)


def test_masks_and_texts_of_repeated_names_lie_in_folders_as_the_pictures_do(
    tmp_path: Path, write_picture: Callable[..., Path]
) -> None:
    (tmp_path / "classes.txt").write_text("ape\nbee\n")
    for number, name in enumerate(("ape", "bee")):
        write_picture(tmp_path / "images" / name / "1.png", WIDTH, HEIGHT)
        mask = np.zeros((HEIGHT, WIDTH), dtype=np.uint8)
        mask[: 3 + number, :4] = 255
        for inner in ("masks", "labels"):
            (tmp_path / inner / name).mkdir(parents=True)
        PIL.Image.fromarray(mask).save(tmp_path / "masks" / name / "1.png")
        (tmp_path / "labels" / name / "1.txt").write_text(f"{number} 0.5 0.5 0.{number + 1} 0.5")
    areas = {"masks": [(0, 12), (1, 16)], "labels": [(0, 60), (1, 120)]}
    for option, inner in (("masks", "masks"), ("boxes", "labels")):
        asked = [query for sample in opened(tmp_path, **{option: inner}) for query in sample.queries]
        found = [(one.class_index, int(one.region.mask().sum())) for one in asked]
        assert found == areas[inner]
    (tmp_path / "flat").mkdir()
    (tmp_path / "flat" / "1.txt").write_text("0 0.5 0.5 0.2 0.2")
    with pytest.raises(RaybenchError, match=r"no <picture>\.txt of any picture; expected .*, as ape/1\.txt"):
        opened(tmp_path, boxes="flat")
    PIL.Image.fromarray(mask).save(tmp_path / "flat" / "1.png")
    with pytest.raises(RaybenchError, match=r"there is 1\.png; expected ape/1\.png"):
        opened(tmp_path, masks="flat")


def test_two_of_the_usual_files_are_refused_until_one_is_chosen(folder: Path) -> None:
    write_corners(folder)
    write_yolo(folder)
    with pytest.raises(RaybenchError, match=r"holds boxes\.csv and labels; expected boxes: a table"):
        opened(folder)
    assert len(opened(folder, boxes="labels")) == 2
    with pytest.raises(RaybenchError, match=r"option 'images' of dataset 'boxes' is '\.\./x'"):
        opened(folder, images="../x")


def test_a_folder_beside_the_suite_is_measured_under_its_own_label(folder: Path, tmp_path: Path) -> None:
    write_corners(folder)
    (folder / "mine.yaml").write_text(
        "name: mine\nprotocol: iccv19\n"
        "dataset: {name: boxes, label: My-200, images: images, boxes: boxes.csv, classes: classes.txt}\n"
        "attributions: [center]\nmetrics: [pointing_game]\n"
    )
    results = evaluate(folder / "mine.yaml", Settings(out=tmp_path / "out", workers=0, processes=1))
    assert results.manifest["facts"]["dataset"] == {"label": "My-200", "own": True}
    assert comparison_table([results.out]).title.startswith("My-200, protocol iccv19")


def test_a_label_that_no_table_could_print_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "suite.yaml"
    path.write_text('name: x\nprotocol: iccv19\ndataset: {name: boxes, label: "a\\nb"}\nmetrics: [x]\n')
    with pytest.raises(RaybenchError, match="a label is printable text"):
        load_suite(path)


def test_a_class_list_is_looked_for_beside_the_suite_first(folder: Path, tmp_path: Path) -> None:
    write_corners(folder)
    beside = tmp_path / "suites"
    beside.mkdir()
    (beside / "classes.txt").write_text("cow\nbee\nape\n")
    options = {"classes": "classes.txt"}
    data = DATASETS.get("boxes").open(folder, RULES, options=options, folder=beside)
    assert data.classes.ids == ("cow", "bee", "ape")


@pytest.mark.parametrize(
    ("files", "hint"),
    [
        (
            ("valid/_annotations.coco.json", "valid/a.jpg"),
            "images: valid, boxes: valid/_annotations.coco.json",
        ),
        (("annotations/instances_default.json",), "write boxes: annotations/instances_default.json"),
        (("valid/images/a.jpg", "valid/labels/a.txt"), "images: valid/images, boxes: valid/labels"),
        (("obj_train_data/a.jpg", "obj_train_data/a.txt"), "images: obj_train_data, boxes: obj_train_data"),
        (("SegmentationClass/a.png",), "write masks: SegmentationClass"),
        (("images/a.jpg", "images/a.json"), "images/a.json and its like are of LabelMe: export it as COCO"),
        (("annotations.xml",), "annotations.xml is of CVAT: export it as COCO"),
        (("images/a.jpg", "images/a.xml"), "images/a.xml is of Pascal's form: write boxes: images"),
        (("images/a.jpg", "via.json"), "there is via.json: if it is in COCO's form, write boxes: via.json"),
        (("objects.xlsx",), "there is objects.xlsx: save it as .csv and write boxes: objects.csv"),
        (("objects.csv",), "there is objects.csv: write boxes: objects.csv"),
    ],
)
def test_what_other_tools_wrote_is_named_with_the_line_that_reads_it(
    files: tuple[str, ...], hint: str, tmp_path: Path
) -> None:
    root = tmp_path / "exported"
    for file in files:
        (root / file).parent.mkdir(parents=True, exist_ok=True)
        (root / file).touch()
    (root / "classes.txt").write_text("ape\nbee\n")
    with pytest.raises(RaybenchError, match=re.escape(hint)):
        opened(root)
