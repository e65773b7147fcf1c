"""Writes the pictures of Hugging Face's tables as files that can be read."""

from __future__ import annotations

import importlib
from pathlib import Path, PurePosixPath

from ....base import RaybenchError


def unpack_parquet(source: Path, target: Path) -> int:
    """Write every picture of the tables of one split to `<target>/`, byte by byte, and return how many.

    A row holds a picture as `image`, `{bytes, path}`. Pictures keep their names; those without one are
    numbered. Boxes lie elsewhere, and are joined by name.

    Args:
        source: a folder that holds tables, or tables by a pattern, such as `data/validation-*.parquet`.
        target: the folder to write.

    Raises:
        RaybenchError: pyarrow is not installed, there are no such tables, or those of several splits, or a
            name is there twice.
    """
    try:
        pq = importlib.import_module("pyarrow.parquet")
    except ImportError:
        raise RaybenchError("tables of Hugging Face need pyarrow: pip install 'raybench[parquet]'") from None
    tables = sorted(source.rglob("*.parquet") if source.is_dir() else source.parent.glob(source.name))
    if not tables:
        raise RaybenchError(f"{source} holds no *.parquet")
    splits = sorted({table.name.partition("-")[0] for table in tables if "-" in table.name})
    if len(splits) > 1:
        raise RaybenchError(
            f"{source} holds tables of {', '.join(splits)}; give those of one, such as "
            f"'{tables[-1].parent / splits[-1]}-*.parquet', in quotes"
        )
    target.mkdir(parents=True, exist_ok=True)
    count = 0
    for table in tables:
        file = pq.ParquetFile(table)
        if "image" not in file.schema_arrow.names:
            raise RaybenchError(f"{table} has no column 'image'; expected a table of pictures")
        for batch in file.iter_batches(batch_size=64, columns=["image"]):
            for entry in batch.column("image").to_pylist():
                name = PurePosixPath(str(entry.get("path") or f"{count:08d}.jpg").replace("\\", "/")).name
                path = target / name
                data = entry.get("bytes")
                if not data or (path.exists() and path.read_bytes() != data):
                    lacks = "holds no bytes" if not data else "is there twice, with other content"
                    raise RaybenchError(f"{table}: the picture {name!r} {lacks}")
                path.write_bytes(data)
                count += 1
    return count
