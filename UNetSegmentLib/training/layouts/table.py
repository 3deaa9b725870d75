"""A CSV file of cases, as a spreadsheet writes it.

One line for each case, under these headings:

- ``image``, further channels ``image2`` and so on. What stands behind a blank is the channel's name: ``image T1``.
  A folder means the DICOM series in it.
- ``label``: the label map, SEG or structure set (or a folder with one). Optionally ``case``, ``mask`` and ``fold``.
- ``value`` and ``name``, optional: one label on each line, beside the cases or below them.

``fold`` holds numbers, or words such as ``train`` and ``val``. What does not stand in the table may stand in a
``dataset.json`` beside it.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ...errors import InputError
from ...io.case_names import case_name, plain_text
from ...io.plain_files import read_limited
from .dataset import CaseFiles, Dataset
from .files import ignored_value, is_there, label_names, named_channels, read_json
from .table_folds import split_of

IGNORED = 255
_LARGEST = 1 << 26
Row = dict[str, str]


@dataclass(frozen=True)
class _Table:
    """The lines with their numbers, and the columns of images with the names of their channels."""

    file: Path
    rows: tuple[tuple[int, Row], ...]
    images: dict[str, str]


def matches(path: Path) -> bool:
    """Whether it is a CSV file, or a folder with nothing but one that names cases."""
    return path.suffix.lower() in (".csv", ".tsv") or (path / "cases.csv").is_file()


def read(path: Path) -> Dataset:
    """Reads the table; paths in it are relative to its folder. ``labels`` and more may stand in ``dataset.json`` there.

    Raises:
        InputError: a column, a cell or a file is missing; folds or labels that mean nothing.
    """
    file = path / "cases.csv" if path.is_dir() else path
    folder = file.parent
    table = _rows(file)
    cases, marks = [], {}
    for number, row in table.rows:
        if any(row.get(column) for column in (*table.images, "label", "mask", "case", "fold")):
            case = _case(table, number, row)
            cases.append(case)
            marks[case.name] = row.get("fold", "")
    split = split_of(marks, file.name)
    cases = [case for case in cases if case.name not in split.left_out]
    more = read_json(folder / "dataset.json")
    named: Sequence[str] = (
        [name or column for column, name in table.images.items()] if any(table.images.values()) else ()
    )
    named = named or named_channels(more, folder / "dataset.json")
    return Dataset(
        name=str(more.get("name", file.stem)),
        folder=folder,
        layout="csv",
        cases=tuple(cases),
        channels=tuple(plain_text(str(name)) for name in named)
        or (tuple(table.images) if len(table.images) > 1 else ()),
        labels=_labels(table) or label_names(more.get("labels", {}), folder / "dataset.json"),
        ignored=IGNORED if any(case.mask for case in cases) else ignored_value(more, folder / "dataset.json"),
        folds=split.folds,
        notes=split.notes,
        modality=str(more.get("modality", "")),
    )


def _case(table: _Table, number: int, row: Row) -> CaseFiles:
    folder = table.file.parent
    paths = [_file(folder, _cell(row, column, number, table.file)) for column in table.images]
    label = _file(folder, _cell(row, "label", number, table.file))
    mask = _file(folder, row["mask"]) if row.get("mask") else None
    for wanted in (*paths, label, *([mask] if mask else [])):
        if not is_there(wanted, folder=True):
            raise InputError(
                f"Line {number} of {table.file.name} names {wanted}, which is not there.", "Correct the path."
            )
    name = plain_text(row.get("case", "")) or case_name(paths[0])
    return CaseFiles(name, tuple(paths), label, mask)


def _file(folder: Path, cell: str) -> Path:
    """The file that a cell names; one written on Windows is found on other systems too."""
    path = folder / cell
    elsewhere = folder / cell.replace("\\", "/")
    there, other = is_there(path, folder=True), is_there(elsewhere, folder=True)
    return elsewhere if elsewhere != path and not there and other else path


def _labels(table: _Table) -> dict[int, str]:
    """Of the columns ``value`` and ``name``; empty where there are none."""
    labels: dict[int, str] = {}
    for number, row in table.rows:
        value, name = row.get("value", ""), plain_text(row.get("name", ""))
        if not value and not name:
            continue
        if not (value.isascii() and value.isdigit() and name) or len(value) > 5:
            raise InputError(
                f"Line {number} of {table.file.name} has the value '{value}' and the name '{name}'.",
                "Write a whole number under 'value', and what it stands for beside it under 'name'.",
            )
        if labels.setdefault(int(value), name) != name:
            raise InputError(
                f"{table.file.name} calls the value {value} both '{labels[int(value)]}' and '{name}'.", "Keep one name."
            )
    return {value: name for value, name in sorted(labels.items()) if value}


def _rows(file: Path) -> _Table:
    text = read_limited(file, _LARGEST)
    try:
        lines = list(csv.reader(io.StringIO(text, newline=""), delimiter=_delimiter(file, text)))
    except csv.Error as error:
        raise InputError(f"{file} is not a readable CSV file.", "Check the file.", str(error)) from error
    heading = [cell.strip() for cell in lines[0]] if lines else []
    # A channel's name keeps its letters, "T1 with contrast"; all else is compared in lower case.
    columns = [cell.split(None, 1)[0].lower() if _is_image(cell) else cell.lower() for cell in heading]
    columns = _numbered(columns)
    _check_columns(columns, file)
    rows = []
    for number, cells in enumerate(lines[1:], start=2):
        if len(cells) > len(columns) and any(cell.strip() for cell in cells[len(columns) :]):
            raise InputError(
                f"Line {number} of {file.name} has {len(cells)} cells under {len(columns)} headings.",
                "Put quotation marks around cells that hold the separator.",
            )
        rows.append((number, {column: cell.strip() for column, cell in zip(columns, cells, strict=False) if column}))
    named = {c: (*cell.split(None, 1), "")[1] for c, cell in zip(columns, heading, strict=True) if _is_image(cell)}
    return _Table(file, tuple(rows), named)


def _delimiter(file: Path, text: str) -> str:
    """Of the heading: a tab in .tsv and where there is no other, and semicolons where a spreadsheet's country writes
    numbers with commas."""
    heading = text.partition("\n")[0]
    if file.suffix.lower() == ".tsv" or ("\t" in heading and not {",", ";"} & set(heading)):
        return "\t"
    return ";" if ";" in heading and "," not in heading else ","


def _is_image(cell: str) -> bool:
    return cell.lower().startswith("image")


def _numbered(columns: list[str]) -> list[str]:
    """``image T1`` and ``image FLAIR`` are two columns: the second becomes ``image2``."""
    names, count = [], 0
    for column in columns:
        count += column.startswith("image")
        names.append(f"image{count}" if column == "image" and column in names else column)
    return names


def _check_columns(columns: list[str], file: Path) -> None:
    twice = [name for name in columns if name and columns.count(name) > 1]
    if twice:
        raise InputError(f"{file.name} has two columns '{twice[0]}'.", "Give each a heading of its own.")
    if not any(name.startswith("image") for name in columns) or "label" not in columns:
        raise InputError(
            f"{file.name} has the columns {', '.join(filter(None, columns)) or 'none'}.",
            "It needs 'image' (further channels: 'image2', ...) and 'label'.",
        )


def _cell(row: Row, column: str, number: int, file: Path) -> str:
    if not row.get(column):
        raise InputError(f"Line {number} of {file.name} has no '{column}'.", "Fill the cell or remove the line.")
    return row[column]
