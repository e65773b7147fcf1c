"""Result rows on disk: appended as they are measured, merged into one sorted CSV when all are there."""

from __future__ import annotations

import csv
import io
import os
import re
import zlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from types import TracebackType

from ....base import RaybenchError
from .folder import read_text
from .writing import Content, disk_error, write_all, write_whole

STATUSES = ("ok", "zero", "constant", "nan", "cancelled")
"""What a raw map can be; all but `ok` are degenerate and scored as a uniform map."""

RECORD_COLUMNS = ("image_id", "class_index", "class_name", "status", "point_x", "point_y")
"""Columns of records.csv before those of the metrics."""

PREDICTION_COLUMNS = ("image_id", "targets", "top5", "positives")
"""Columns of predictions.csv: class indices separated by spaces, the top five by descending logit."""

NOTE_COLUMNS = ("image_id", "number", "note")
"""Columns of notes.csv: remarks of the dataset on an image, numbered from 0."""

Row = Sequence[str]


class RowStore:
    """The rows of one CSV file, safe against being killed at any moment.

    While a run goes on, all rows of an image are appended to a shard beside the file in one write: each in a
    line with the number of rows that the image has, and a checksum. An image counts as measured only if all
    of them are there, so that damage to a shard costs the images that it happens to, and nothing else.
    `merge` turns shards and earlier results into the final file, sorted by image id and class index. The
    shards stay until whoever merges has taken down what the final file holds; `drop_shards` removes them. The
    merged bytes depend on the rows alone, not on their order or on how often a run was resumed.
    """

    def __init__(self, path: Path, columns: Sequence[str], rank: int = 0) -> None:
        """Open the store of the file `path`; `rank` names the shard that this process appends to."""
        self.path = path
        self.columns = tuple(columns)
        self._shard_path = path.with_name(f"{path.stem}.part-{rank}.csv")
        self._descriptor: int | None = None

    def of_rank(self, rank: int) -> RowStore:
        """Return the store of the same file for the process `rank`."""
        return RowStore(self.path, self.columns, rank)

    def __enter__(self) -> RowStore:
        """Open the shard for appending, below a last line that a killed run may have left half-written."""
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._descriptor = os.open(self._shard_path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o644)
            size = os.fstat(self._descriptor).st_size
            if size and os.pread(self._descriptor, 1, size - 1) != b"\n":
                write_all(self._descriptor, b"\n")
        except OSError as error:
            raise disk_error(self._shard_path, error) from None
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the shard."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def append(self, rows: Sequence[Row]) -> None:
        """Write all rows of one image at once.

        Raises:
            RaybenchError: the disk is full or not writable; what was written before stays valid.
        """
        assert self._descriptor is not None, "the store is not open"
        try:
            write_all(self._descriptor, b"".join(_sealed(row, len(rows)) for row in rows))
        except OSError as error:
            raise disk_error(self._shard_path, error) from None

    def measured(self) -> set[str]:
        """Return the ids of the images whose rows are complete, in the merged file or in any shard."""
        return {row[0] for row in self.rows()}

    def merge(self, announce: Callable[[Content], None] | None = None) -> Content | None:
        """Write the final file and say what it holds; None if it had all rows already.

        Args:
            announce: told what the file is going to hold, if there is one that this replaces: who is killed
                in between needs both to tell a whole file from a damaged one.
        """
        replaces = self.path.is_file()
        if not self._shards() and replaces:
            return None
        rows = sorted(self.rows(), key=_sort_key)
        text = self._text(rows)
        if announce and replaces:
            announce(Content.of(text, len(rows)))
        return write_whole(self.path, text, len(rows))

    def drop_shards(self) -> None:
        """Remove the shards, whose rows are in the final file."""
        for shard in self._shards():
            shard.unlink(missing_ok=True)

    def content(self) -> Content:
        """Say what the final file holds, whatever it is."""
        return Content.of(self.path.read_bytes(), len(list(self._merged_rows())))

    def holds(self, known: Content) -> bool:
        """Say whether the final file is, to the last byte, what was taken down of it."""
        if not known.sha256 or not self.path.is_file():
            return False
        return Content.of(self.path.read_bytes()).sha256 == known.sha256

    def damage(self, known: int) -> str | None:
        """Say what is wrong with the final file, which once had `known` rows; None if nothing is."""
        if not self.path.is_file():
            return f"{self.path} is gone" if known else None
        try:
            rows = list(self._merged_rows())
        except RaybenchError as error:
            return str(error).partition(";")[0]
        if len(rows) < known:
            return f"{self.path} holds {len(rows):,} of its {known:,} rows"
        if self.path.read_bytes().replace(b"\r\n", b"\n") != self._text(rows).encode():
            return f"{self.path} holds quotes or line ends that nothing asks for"
        return None

    def _text(self, rows: Iterable[Row]) -> str:
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(self.columns)
        writer.writerows(rows)
        return text.getvalue()

    def clear(self) -> None:
        """Remove the file and its shards."""
        for path in (self.path, *self._shards()):
            path.unlink(missing_ok=True)

    def _shards(self) -> list[Path]:
        return sorted(self.path.parent.glob(f"{self.path.stem}.part-*.csv"))

    def rows(self) -> Iterator[Row]:
        """Yield each row of an image that is complete, once.

        Raises:
            RaybenchError: the final file is damaged, or has other columns; names the line.
        """
        seen: set[tuple[str, str]] = set()
        for row in (*self._shard_rows(), *self._merged_rows()):  # those of shards have checksums
            key = (row[0], row[1])
            if key not in seen:
                seen.add(key)
                yield row

    def _merged_rows(self) -> Iterator[Row]:
        if not self.path.exists():
            return
        frame = read_text(self.path, ())
        if tuple(frame.columns) != self.columns:
            raise RaybenchError(
                f"{self.path} has columns {','.join(frame.columns)}; "
                f"this run writes {','.join(self.columns)}: use another --out, or --fresh to measure anew"
            )
        yield from frame.itertuples(index=False, name=None)

    def _shard_rows(self) -> Iterator[Row]:
        for shard in self._shards():
            opened = [_opened(line) for line in shard.read_bytes().split(b"\n")]
            rows = [row for row in opened if len(row) == len(self.columns) + 1]
            present = Counter(image_id for image_id, _ in {(row[0], row[1]) for row in rows})
            for *row, expected in rows:
                if present[row[0]] == int(expected):
                    yield row


_ESCAPED = str.maketrans({"\\": r"\\", "\n": r"\n", "\r": r"\r"})
_PLAIN = {"n": "\n", "r": "\r"}


def _sealed(row: Row, rows: int) -> bytes:
    """Write a row as one line of a shard: its values, the number of rows of its image, a checksum."""
    text = io.StringIO()
    csv.writer(text, lineterminator="").writerow([*(value.translate(_ESCAPED) for value in row), rows])
    content = text.getvalue().encode()
    return b"%s:%08x\n" % (content, zlib.crc32(content))


def _opened(line: bytes) -> list[str]:
    """Read what `_sealed` wrote: values and number of rows; nothing of a line that is not as written."""
    content, _, checksum = line.rpartition(b":")
    if not content or checksum != b"%08x" % zlib.crc32(content):
        return []
    values = next(csv.reader([content.decode()]))
    return [re.sub(r"\\(.)", lambda found: _PLAIN.get(found[1], found[1]), value) for value in values]


def _sort_key(row: Row) -> tuple[str, int]:
    """Order by image id, then class index; predictions have one row per image."""
    return row[0], int(row[1]) if row[1].isdigit() else 0


def images_in(path: Path) -> int:
    """Count the images whose rows are complete in a file or its shards, whatever its columns are."""
    store = RowStore(path, ())
    lines = (line for shard in store._shards() for line in shard.read_bytes().split(b"\n"))
    first = next(filter(None, map(_opened, lines)), [""])
    columns = tuple(read_text(path, ()).columns) if path.is_file() else ("",) * (len(first) - 1)
    return len(RowStore(path, columns).measured())
