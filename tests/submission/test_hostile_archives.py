"""Archives made to hurt who opens them: each is refused by name, and nothing is written outside."""

from __future__ import annotations

import pickle
import stat
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from submissions import members_of

from raybench.base.errors import RaybenchError
from raybench.benchmark.results.files.layout import collisions, is_known_name, is_plain_name
from raybench.benchmark.submission import check, extract_bundle

Member = tuple[zipfile.ZipInfo | str, bytes]


def archive_of(path: Path, members: list[Member], *, comment: bytes = b"") -> Path:
    """Write a zip by hand; names, kinds and repetitions are as given."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for info, content in members:
            archive.writestr(info, content)
        archive.comment = comment
    return path


def linked(name: str, target: str) -> Member:
    info = zipfile.ZipInfo(name)
    info.create_system = 3
    info.external_attr = (stat.S_IFLNK | 0o777) << 16
    return info, target.encode()


def device(name: str) -> Member:
    info = zipfile.ZipInfo(name)
    info.create_system = 3
    info.external_attr = (stat.S_IFCHR | 0o666) << 16
    return info, b""


def packed_by(name: str, method: int) -> Member:
    info = zipfile.ZipInfo(name)
    info.compress_type = method
    return info, b"x" * 100


class Evil:
    def __reduce__(self) -> tuple[Callable[..., object], tuple[str]]:
        return Path.touch, (Path("owned"),)


HOSTILE: dict[str, tuple[list[Member], str]] = {
    "parent folder": ([("../evil.csv", b"x")], "'../evil.csv' is no file of a bundle"),
    "parent folder inside": ([("net/../../run.json", b"{}")], "'net/../../run.json' is no file of a bundle"),
    "absolute path": ([("/etc/cron.d/evil", b"x")], "'/etc/cron.d/evil' is no file of a bundle"),
    "drive": ([("C:/run.json", b"x")], "'C:/run.json' is no file of a bundle"),
    "backslash": ([("..\\run.json", b"x")], "run.json' is no file of a bundle"),
    "folder": ([("net/", b"")], "'net/' is no file of a bundle"),
    "hidden file": ([(".git/config", b"x")], "'.git/config' is no file of a bundle"),
    "program": ([("evil.py", b"import os")], "'evil.py' is no file of a bundle"),
    "pickle": ([("net/weights.pth", pickle.dumps(Evil()))], "'net/weights.pth' is no file of a bundle"),
    "page": ([("index.html", b"<script>")], "'index.html' is no file of a bundle"),
    "archive inside": ([("inner.zip", b"PK\5\6" + b"\0" * 18)], "'inner.zip' is no file of a bundle"),
    "terminal escape": ([("\x1b]0;owned\x07", b"x")], "is no file of a bundle"),
    "link": ([linked("run.json", "/etc/passwd")], "'run.json' is a link; expected plain files only"),
    "device": ([device("run.json")], "'run.json' is no plain file"),
    "name twice": ([("run.json", b"{}"), ("run.json", b"[]")], "'run.json' is there twice"),
    "capital letters": (
        [("net/a/records.csv", b"1"), ("Net/a/records.csv", b"2")],
        "'Net/a/records.csv' is there twice, capital letters aside",
    ),
    "bomb": ([("summary.csv", b"0" * 15_000_000)], "'summary.csv' unpacks to more than 200 times its size"),
    "large file": (
        [("bundle.json", b"0" * 1_000_001)],
        "'bundle.json' has 1000001 bytes unpacked; expected up to",
    ),
    "many files": ([(f"a{number}/predictions.csv", b"") for number in range(2001)], "holds 2001 files"),
    "no files": ([], "holds 0 files"),
    "other packing": ([packed_by("run.json", zipfile.ZIP_BZIP2)], "'run.json' is packed by method 12"),
}


@pytest.mark.filterwarnings("ignore:Duplicate name")
@pytest.mark.parametrize("attack", HOSTILE)
def test_hostile_archive_is_refused(tmp_path: Path, attack: str) -> None:
    members, message = HOSTILE[attack]
    path = archive_of(tmp_path / "hostile.zip", members)
    inside = tmp_path / "box" / "inside"
    inside.mkdir(parents=True)
    with pytest.raises(RaybenchError) as error:
        extract_bundle(path, inside)
    assert message in str(error.value)
    assert str(error.value).isprintable()
    assert sorted(tmp_path.rglob("*")) == sorted([path, inside.parent, inside])
    report = check(path)
    assert (report.exit_code, report.findings) == (2, ())
    assert message in report.unusable


def test_sizes_that_lie_are_found_while_unpacking(bundle: Path, tmp_path: Path) -> None:
    data = bytearray(bundle.read_bytes())
    with zipfile.ZipFile(bundle) as archive:
        info = archive.getinfo("summary.csv")
        start = archive.start_dir
    place = data.index(b"summary.csv", start) - 46
    assert data[place : place + 4] == b"PK\1\2"
    struct.pack_into("<I", data, place + 24, info.file_size - 100)
    (tmp_path / "lying.zip").write_bytes(data)
    assert check(tmp_path / "lying.zip").exit_code == 2


def test_archive_with_more_than_files_is_refused(bundle: Path, tmp_path: Path) -> None:
    path = tmp_path / "changed.zip"
    path.write_bytes(b"#!/bin/sh\n" + bundle.read_bytes())
    assert "bytes that belong to no file" in check(path).unusable
    path.write_bytes(bundle.read_bytes() + b"<script>")
    assert "its last bytes are not the end of a zip file" in check(path).unusable
    archive_of(path, [("run.json", b"{}")], comment=b"hello")
    assert "its last bytes are not the end of a zip file" in check(path).unusable


def test_directory_of_unbounded_size_is_refused_before_it_is_parsed(tmp_path: Path) -> None:
    path = tmp_path / "directory.zip"
    end = struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, 9, 9, 50_000_000, 0, 0)
    path.write_bytes(b"\0" * 1000 + end)
    assert "its directory has more than 1000000 bytes" in check(path).unusable
    path.write_bytes(b"PK\6\7" + b"\0" * 16 + struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, 1, 1, 60, 0, 0))
    assert "its directory has more than 1000000 bytes" in check(path).unusable


def test_every_cut_bundle_is_one_sentence(bundle: Path, tmp_path: Path) -> None:
    data = bundle.read_bytes()
    path = tmp_path / "cut.zip"
    for size in range(0, len(data), len(data) // 40):
        path.write_bytes(data[:size])
        report = check(path)
        assert report.exit_code == 2
        assert "\n" not in report.unusable
    for position in range(0, len(data), len(data) // 40):
        broken = bytearray(data)
        broken[position] ^= 0xFF
        path.write_bytes(broken)
        # a byte that stands for a date in the archive's directory changes nothing that is read
        assert check(path).exit_code in (1, 2) or members_of(path) == members_of(bundle)


def test_name_with_a_nul_character_is_refused(tmp_path: Path) -> None:
    path = archive_of(tmp_path / "nul.zip", [("run.json#.exe", b"x")])
    path.write_bytes(path.read_bytes().replace(b"run.json#.exe", b"run.json\0.exe"))
    assert "is no file of a bundle" in check(path).unusable


def test_encrypted_member_is_refused(bundle: Path, tmp_path: Path) -> None:
    data = bytearray(bundle.read_bytes())
    place = data.index(b"PK\1\2")
    data[place + 8] |= 1
    (tmp_path / "secret.zip").write_bytes(data)
    assert "'bundle.json' is encrypted" in check(tmp_path / "secret.zip").unusable


def test_link_to_a_bundle_is_not_followed(bundle: Path, tmp_path: Path) -> None:
    (tmp_path / "link.zip").symlink_to(bundle)
    assert "is a link; a bundle is a file" in check(tmp_path / "link.zip").unusable


def test_text_instead_of_a_bundle_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "page.zip").write_text("<html>not found</html>")
    assert "is no whole zip file" in check(tmp_path / "page.zip").unusable
    assert "no file or folder" in check(tmp_path / "missing.zip").unusable


def test_pickle_under_a_known_name_is_not_read_as_one(
    bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    members = members_of(bundle) | {"run.json": pickle.dumps(Evil())}
    path = archive_of(tmp_path / "pickled.zip", list(members.items()))
    report = check(path)
    assert report.exit_code == 1
    assert "run.json, line 1: not UTF-8 text" in "\n".join(map(str, report.problems))
    assert not (tmp_path / "owned").exists()


@pytest.mark.parametrize(
    ("name", "known"),
    [
        ("run.json", True),
        ("cards/my-net.v2.yaml", True),
        ("a/b/records.csv", True),
        ("cards/a/records.csv", True),
        ("a/b/c/records.csv", False),
        ("./run.json", False),
        ("a//records.csv", False),
        ("run.json\n", False),
        ("a./predictions.csv", False),
        ("-a/predictions.csv", False),
        ("\uff41/predictions.csv", False),
        ("RUN.JSON", False),
    ],
)
def test_names_of_a_bundle(name: str, known: bool) -> None:
    assert is_known_name(name) is known


def test_names_that_are_folders_everywhere() -> None:
    assert all(map(is_plain_name, ("a", "resnet50-gmp_gc+1", "9.b", "x" * 80)))
    assert not any(map(is_plain_name, ("", ".", "..", "a/b", "a b", "a.", "x" * 81, "ü", "a\n")))
    assert collisions(["a", "B", "b", "A", "c"]) == ["b", "A"]


def test_members_are_sorted_and_without_a_date(bundle: Path) -> None:
    with zipfile.ZipFile(bundle) as archive:
        dates = {info.date_time for info in archive.infolist()}
        names = archive.namelist()
    assert dates == {(1980, 1, 1, 0, 0, 0)}
    assert names == sorted(names)
