"""A CSV file of cases: columns ``image``, ``image2``..., ``label``, and optionally ``case``, ``mask`` and ``fold``."""

from __future__ import annotations

import csv
from collections import defaultdict
from pathlib import Path

from ...errors import InputError
from ...io.case_names import case_name
from .dataset import CaseFiles, Dataset
from .files import label_names, read_json

IGNORED = 255


def matches(path: Path) -> bool:
    """Whether it is a CSV file, or a folder with nothing but one that names cases."""
    return path.suffix.lower() in (".csv", ".tsv") or (path / "cases.csv").is_file()


def read(path: Path) -> Dataset:
    """Reads the table; paths in it are relative to its folder. ``labels`` and more may stand in ``dataset.json`` there.

    Raises:
        InputError: a column, a cell or a file is missing.
    """
    file = path / "cases.csv" if path.is_dir() else path
    folder = file.parent
    rows, images = _rows(file)
    cases, folds = [], defaultdict(list)
    for number, row in enumerate(rows, start=2):
        paths = [folder / _cell(row, column, number, file) for column in images]
        label = folder / _cell(row, "label", number, file)
        mask = folder / row["mask"] if row.get("mask") else None
        for wanted in (*paths, label, *([mask] if mask else [])):
            if not wanted.is_file():
                raise InputError(
                    f"Line {number} of {file.name} names {wanted}, which is not there.", "Correct the path."
                )
        name = row.get("case") or case_name(paths[0])
        cases.append(CaseFiles(name, tuple(paths), label, mask))
        if row.get("fold"):
            folds[row["fold"]].append(name)
    table = read_json(folder / "dataset.json")
    return Dataset(
        name=str(table.get("name", file.stem)),
        folder=folder,
        layout="csv",
        cases=tuple(cases),
        channels=tuple(map(str, table.get("channels", images if len(images) > 1 else ()))),
        labels=label_names(table.get("labels", {}), folder / "dataset.json"),
        ignored=IGNORED if any(case.mask for case in cases) else table.get("ignored"),
        folds=tuple(tuple(folds[key]) for key in sorted(folds)),
        modality=str(table.get("modality", "")),
    )


def _rows(file: Path) -> tuple[list[dict[str, str]], list[str]]:
    """The lines, and the names of the columns of images in order."""
    try:
        with file.open(newline="", encoding="utf-8-sig") as opened:
            reader = csv.DictReader(opened, delimiter="\t" if file.suffix.lower() == ".tsv" else ",")
            rows = [{(k or "").strip().lower(): (v or "").strip() for k, v in row.items()} for row in reader]
            columns = [(name or "").strip().lower() for name in reader.fieldnames or []]
    except (OSError, UnicodeDecodeError, csv.Error, AttributeError) as error:
        raise InputError(f"{file} is not a readable CSV file.", "Check the file.", str(error)) from error
    images = [name for name in columns if name.startswith("image")]
    if not images or "label" not in columns:
        raise InputError(
            f"{file.name} has the columns {', '.join(columns) or 'none'}.",
            "It needs 'image' (further channels: 'image2', ...) and 'label'.",
        )
    return rows, images


def _cell(row: dict[str, str], column: str, number: int, file: Path) -> str:
    if not row.get(column):
        raise InputError(f"Line {number} of {file.name} has no '{column}'.", "Fill the cell or remove the line.")
    return row[column]
