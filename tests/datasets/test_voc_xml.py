"""The XML parser on good files and on each kind of bad one."""

from __future__ import annotations

from pathlib import Path

import pytest

from raybench.base.geometry import Size
from raybench.benchmark.datasets.layouts.boxes import WrittenBox
from raybench.benchmark.datasets.layouts.voc_xml import AnnotatedObject, Annotation, read_annotation
from raybench.benchmark.datasets.sample import AnnotationError

BOX = "<bndbox><xmin>1</xmin><ymin>2</ymin><xmax>3</xmax><ymax>4</ymax></bndbox>"
GOOD = f"<annotation><object><name>ape</name>{BOX}</object></annotation>"


def write(folder: Path, text: str | bytes) -> Path:
    path = folder / "picture.xml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def test_file_is_read_as_written(tmp_path: Path) -> None:
    # corners in VOC2012's order, a fraction, and a part of an object that is no object of its own
    path = write(
        tmp_path,
        """<annotation>
          <size><width>486</width><height>500</height><depth>3</depth></size>
          <object><name> ape </name><difficult>1</difficult>
            <bndbox><xmax>349</xmax><xmin>174.5</xmin><ymax>351</ymax><ymin>0</ymin></bndbox>
            <part><name>head</name><bndbox><xmin>7</xmin><ymin>7</ymin><xmax>8</xmax><ymax>8</ymax></bndbox></part>
          </object>
          <object><name>bee</name><bndbox><xmin>1</xmin><ymin>2</ymin><xmax>3</xmax><ymax>4</ymax></bndbox></object>
        </annotation>""",
    )
    ape = AnnotatedObject("ape", WrittenBox(174.5, 0, 349, 351), difficult=True)
    bee = AnnotatedObject("bee", WrittenBox(1, 2, 3, 4), difficult=False)
    assert read_annotation(path) == Annotation(Size(height=500, width=486), (ape, bee))


def test_file_without_size_is_read(tmp_path: Path) -> None:
    assert read_annotation(write(tmp_path, GOOD)).size is None


BILLION_LAUGHS = (
    '<!DOCTYPE bomb [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;"><!ENTITY c "&b;&b;&b;&b;">]>'
    f"<annotation><object><name>&c;</name>{BOX}</object></annotation>"
)
EXTERNAL = (
    '<!DOCTYPE x [<!ENTITY file SYSTEM "file:///etc/hostname">]>'
    f"<annotation><object><name>&file;</name>{BOX}</object></annotation>"
)
BAD = {
    "empty": ("", "is not XML"),
    "cut off": (GOOD[:40], "is not XML"),
    "a picture": (b"\xff\xd8\xff\xe0\x00\x10JFIF", "is not XML"),
    "unknown encoding": ('<?xml version="1.0" encoding="klingon"?><a/>', "is not XML"),
    "entity bomb": (BILLION_LAUGHS, "defines entities"),
    "external entity": (EXTERNAL, "defines entities"),
    "no object": ("<annotation></annotation>", "holds no object"),
    "no name": (GOOD.replace("ape", " "), "no <name>"),
    "no box": (GOOD.replace(BOX, ""), "'ape' has no <bndbox>"),
    "no corner": (GOOD.replace("<ymax>4</ymax>", ""), "box of 'ape' has no <ymax>"),
    "word for a number": (
        GOOD.replace(">3<", ">three<"),
        "<xmax> of the box of 'ape' is 'three'; expected a number",
    ),
    "empty number": (GOOD.replace(">3<", "><"), "is ''; expected a number"),
    "not a number": (GOOD.replace(">3<", ">nan<"), "is 'nan'; expected a number"),
    "infinite": (GOOD.replace(">3<", ">inf<"), "is 'inf'; expected a number"),
    "reversed x": (GOOD.replace("<xmin>1", "<xmin>9"), "ends before it starts: x 9 to 3, y 2 to 4"),
    "reversed y": (GOOD.replace("<ymin>2", "<ymin>9"), "ends before it starts: x 1 to 3, y 9 to 4"),
    "half a size": (
        GOOD.replace("<object>", "<size><width>5</width></size><object>"),
        "size has no <height>",
    ),
    "size zero": (
        GOOD.replace("<object>", "<size><width>0</width><height>5</height></size><object>"),
        "size is 0 x 5 (width x height)",
    ),
    "size beyond memory": (
        GOOD.replace("<object>", "<size><width>999999</width><height>5</height></size><object>"),
        "from 1 to 65535",
    ),
    "size beyond memory, sides possible": (
        GOOD.replace("<object>", "<size><width>60000</width><height>60000</height></size><object>"),
        "size is 60000 x 60000 (width x height); expected sides from 1 to 65535 pixels and at most 178956970",
    ),
}


@pytest.mark.parametrize(("text", "message"), BAD.values(), ids=BAD)
def test_bad_file_is_refused_with_its_name_and_reason(
    tmp_path: Path, text: str | bytes, message: str
) -> None:
    path = write(tmp_path, text)
    with pytest.raises(AnnotationError) as caught:
        read_annotation(path)
    assert str(path) in str(caught.value)
    assert message in str(caught.value)


def test_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(AnnotationError, match=r"cannot read .*gone\.xml: no such file"):
        read_annotation(tmp_path / "gone.xml")
