"""Writes and unpacks bundles: zip files of a few known names, read with suspicion."""

from __future__ import annotations

import hashlib
import io
import stat
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path

from ....base import RaybenchError, quoted
from .layout import MAX_BUNDLE_BYTES, MAX_FILES, MAX_RATIO, MAX_TOTAL_BYTES, collisions, size_limit
from .writing import disk_error, write_atomically

_EPOCH = (1980, 1, 1, 0, 0, 0)
_PLAIN_FILE = (stat.S_IFREG | 0o644) << 16
_CHUNK = 1 << 20
_MAX_DIRECTORY = 1_000_000  # bytes; of 2,000 files with names of 200 characters


def pack(path: Path, files: Mapping[str, bytes]) -> None:
    """Write files into a zip whose bytes depend on their names and content alone.

    Raises:
        RaybenchError: the bundle would be larger than a bundle may be, or the disk is full or not writable.
    """
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name in sorted(files):
            info = zipfile.ZipInfo(name, _EPOCH)
            info.compress_type = zipfile.ZIP_DEFLATED
            info.external_attr = _PLAIN_FILE
            info.create_system = 3  # the same on every system
            archive.writestr(info, files[name], compresslevel=9)
    if buffer.tell() > MAX_BUNDLE_BYTES:
        raise RaybenchError(
            f"the bundle would have {buffer.tell() / 1e6:.0f} MB, above the limit of "
            f"{MAX_BUNDLE_BYTES // 10**6}; submit fewer checkpoints or methods at once"
        )
    write_atomically(path, buffer.getvalue())


def unpack(path: Path, folder: Path) -> dict[str, str]:
    """Unpack a bundle from a stranger into an empty folder.

    Nothing is written before every name, size and kind in the archive's directory has been accepted, and
    nothing outside `folder`. What the files hold is not looked at.

    Returns:
        SHA-256 of each file, by name.

    Raises:
        RaybenchError: not a zip file, or one that holds anything but the known files of a bundle: names
            outside the folder, links, other kinds of file, a name twice, sizes above the limits, encryption.
    """
    if path.is_symlink():
        raise RaybenchError(f"{quoted(path, 400)} is a link; a bundle is a file")
    try:
        size = path.stat().st_size
        if size > MAX_BUNDLE_BYTES:
            raise RaybenchError(
                f"{quoted(path, 400)} has {size} bytes; a bundle has up to {MAX_BUNDLE_BYTES}"
            )
        _look_at_the_end(path)
        with zipfile.ZipFile(path) as archive:
            members = _accepted(archive, quoted(path, 400))
            return {info.filename: _unpack_one(archive, info, folder) for info in members}
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, ValueError) as error:
        reason = quoted(str(error).lower(), 100)
        raise RaybenchError(f"{quoted(path, 400)} is no whole zip file: {reason}") from None
    except OSError as error:
        raise RaybenchError(
            f"cannot unpack {quoted(path, 400)}: {(error.strerror or str(error)).lower()}"
        ) from None


def _look_at_the_end(path: Path) -> None:
    """Refuse a zip whose directory is large or that goes on after it, before the directory is parsed."""
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - 42))
        end = file.read()
    record = end[-22:]
    if record[:4] != b"PK\x05\x06":
        raise zipfile.BadZipFile("its last bytes are not the end of a zip file")
    if end[:-22].startswith(b"PK\x06\x07") or int.from_bytes(record[12:16], "little") > _MAX_DIRECTORY:
        raise zipfile.BadZipFile(f"its directory has more than {_MAX_DIRECTORY} bytes")


def _accepted(archive: zipfile.ZipFile, place: str) -> list[zipfile.ZipInfo]:
    members = archive.infolist()
    if not members or len(members) > MAX_FILES:
        raise RaybenchError(f"{place} holds {len(members)} files; a bundle holds 1 to {MAX_FILES}")
    wrong = [fault for info in members if (fault := _fault(info))]
    twice = collisions(info.filename for info in members)
    wrong += [f"{quoted(name)} is there twice, capital letters aside" for name in twice]
    total = sum(info.file_size for info in members)
    if total > MAX_TOTAL_BYTES:
        wrong.append(f"its files have {total} bytes; expected up to {MAX_TOTAL_BYTES}")
    if archive.comment or min(info.header_offset for info in members) > 0:
        wrong.append("bytes that belong to no file stand before or after the files")
    if wrong:
        more = f"; and {len(wrong) - 5} more faults" if len(wrong) > 5 else ""
        raise RaybenchError(f"{place} is refused: {'; '.join(wrong[:5])}{more}")
    return members


def _fault(info: zipfile.ZipInfo) -> str:
    """Say why a bundle may not hold this member; empty if it may."""
    name = quoted(info.orig_filename)
    limit = size_limit(info.filename) if info.filename == info.orig_filename else None
    kind = stat.S_IFMT(info.external_attr >> 16)
    if stat.S_ISLNK(kind):
        return f"{name} is a link; expected plain files only"
    if limit is None:
        return f"{name} is no file of a bundle"
    if kind not in (0, stat.S_IFREG):
        return f"{name} is no plain file"
    if info.flag_bits & 0x1:
        return f"{name} is encrypted"
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        return f"{name} is packed by method {info.compress_type}; expected deflate"
    if info.file_size > limit:
        return f"{name} has {info.file_size} bytes unpacked; expected up to {limit}"
    if info.file_size > _CHUNK and info.file_size > MAX_RATIO * info.compress_size:
        return f"{name} unpacks to more than {MAX_RATIO} times its size"
    return ""


def _unpack_one(archive: zipfile.ZipFile, info: zipfile.ZipInfo, folder: Path) -> str:
    """Write one accepted member below `folder`; return its SHA-256."""
    target = folder / info.filename
    digest, left = hashlib.sha256(), info.file_size
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with archive.open(info) as packed, target.open("xb") as file:
            while chunk := packed.read(_CHUNK):
                left -= len(chunk)
                if left < 0:
                    raise zipfile.BadZipFile(f"{quoted(info.filename)} is larger than it says")
                digest.update(chunk)
                file.write(chunk)
    except FileExistsError:
        raise RaybenchError(f"{folder} is not empty; unpack a bundle into a folder of its own") from None
    except RuntimeError as error:  # what zipfile raises for a password
        raise zipfile.BadZipFile(str(error)) from None
    except OSError as error:
        raise disk_error(target, error) from None
    return digest.hexdigest()
