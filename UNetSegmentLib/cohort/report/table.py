"""``cases.csv``: a row for everything that was found, failed and left out ones too; Parquet where pyarrow is there.

The columns of the segments are those that any case has: size, and Dice where there is a reference.
"""

from __future__ import annotations

import csv
import importlib.util
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from ...io.atomic import atomic_path
from ...text import csv_cell, shown
from ..own_files import CSV, PARQUET
from ..record import Record, SegmentSize

_ROWS = 10_000  # kept in memory at once as columns of Parquet
_HEAD = (
    "case",
    "status",
    "quality",
    "seconds",
    "warnings",
    "code",
    "cause",
    "cure",
    "finished",
    "folder",
    "inputs",
    "stored",
    "not_stored",
)


def write_table(records: Sequence[Record], output: Path) -> list[Path]:
    """Writes the table; returns its files.

    Raises:
        OutputError: it cannot be written.
    """
    columns = segment_columns(records)
    path = output / CSV
    with atomic_path(path) as temporary, temporary.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, [*_HEAD, *columns], restval="", lineterminator="\n")
        writer.writeheader()
        for record in records:
            writer.writerow({key: _cell(value) for key, value in row_of(record).items()})
    return [path, *_parquet(records, columns, output)]


def row_of(record: Record) -> dict[str, Any]:
    """A record as one flat row; what does not exist is None."""
    row: dict[str, Any] = {
        "case": record.case,
        "status": record.status.value,
        "quality": record.quality,
        "seconds": record.seconds or None,
        "warnings": " ".join(record.warnings) or None,
        "code": record.code or None,
        "cause": record.cause or None,
        "cure": record.cure or None,
        "finished": record.finished or None,
        "folder": record.folder or None,
        "inputs": " | ".join(record.inputs),
        "stored": " | ".join(record.stored) or None,
        "not_stored": record.not_stored or None,
    }
    for segment in record.segments:
        row[size_column(segment)] = segment.voxels if segment.size is None else segment.size
        if segment.dice is not None:
            row[_dice_column(segment)] = segment.dice
    return row


def size_column(segment: SegmentSize) -> str:
    """The heading of a segment's sizes."""
    return f"{segment.name} ({segment.unit})"


def segment_columns(records: Iterable[Record]) -> list[str]:
    """The headings of all segments that any record has, sizes before Dice."""
    sizes: dict[str, None] = {}
    scores: dict[str, None] = {}
    for record in records:
        for segment in record.segments:
            sizes[size_column(segment)] = None
            if segment.dice is not None:
                scores[_dice_column(segment)] = None
    return [*sizes, *scores]


def _dice_column(segment: SegmentSize) -> str:
    return f"{segment.name} (Dice)"


def _cell(value: Any) -> Any:
    return csv_cell(value) if isinstance(value, str) else value


def _parquet(records: Sequence[Record], columns: Sequence[str], output: Path) -> list[Path]:
    """The same table with types, for programs that read many."""
    if importlib.util.find_spec("pyarrow") is None:
        return []
    import pyarrow
    from pyarrow import parquet

    path = output / PARQUET
    numbers = {"quality", "seconds", *columns}
    kinds = [(name, pyarrow.float64() if name in numbers else pyarrow.string()) for name in (*_HEAD, *columns)]
    schema = pyarrow.schema(kinds)
    with atomic_path(path) as temporary, parquet.ParquetWriter(temporary, schema) as writer:
        for start in range(0, len(records), _ROWS):
            rows = [row_of(record) for record in records[start : start + _ROWS]]
            # Names of files need not be UTF-8, texts of Parquet must.
            data = [[_plain(row.get(name)) for row in rows] for name in schema.names]
            arrays = [pyarrow.array(cells, kind) for cells, (_, kind) in zip(data, kinds, strict=True)]
            writer.write_table(pyarrow.Table.from_arrays(arrays, schema=schema))
    return [path]


def _plain(value: Any) -> Any:
    return shown(value, None) if isinstance(value, str) else value
