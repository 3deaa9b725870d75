"""Cases of a CSV table, a line each: ``id``, ``image``, further channels ``image2`` and so on, ``roi``, ``reference``,
``series``. Paths are relative to the table's folder. A line that is wrong is left out with the reason; the rest runs.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from functools import lru_cache, partial
from pathlib import Path

from ...errors import InputError
from ...io.case_names import case_name, image_ending, plain_text
from ...io.dicom import choose_series, is_dicom
from ...io.dicom.folder import Contents, contents_of
from ...io.plain_files import is_folder, read_limited
from ..case import CohortCase, Found, LeftOut, Source
from .wanted import Wanted

ENDINGS = (".csv", ".tsv")
_LARGEST = 1 << 28
_FOLDERS = 4  # whose headers are kept: lines of one folder mostly follow one another
_KNOWN = ("id", "image", "roi", "reference", "series")
Row = dict[str, str]


def table_cases(file: Path, wanted: Wanted) -> Found:
    """The cases of a table.

    Raises:
        InputError: no readable table, or one without the column ``image``.
    """
    rows, columns = _rows(file)
    cases: list[CohortCase] = []
    left: list[LeftOut] = []
    contents = lru_cache(_FOLDERS)(partial(contents_of, deep=False))
    for number, row in rows:
        where = f"line {number} of {file.name}"
        try:
            cases.append(_case(file.parent, row, columns, wanted, where, contents))
        except InputError as error:
            left.append(LeftOut.because(plain_text(row.get("id", "")) or where, file, error))
    return Found(tuple(cases), tuple(left))


def _case(
    folder: Path, row: Row, columns: list[str], wanted: Wanted, where: str, contents: Callable[[Path], Contents]
) -> CohortCase:
    cells = [row[column] for column in columns if row.get(column)]
    if not cells or not row.get("image"):
        raise InputError(f"The {where} names no image.", "Fill the column 'image'.")
    # The three colours may lie in files of their own.
    if len(cells) not in (1, 3 if wanted.colours else wanted.channels):
        raise InputError(
            f"The {where} names {len(cells)} images; the model takes {wanted.channels}.", "Fill a column for each."
        )
    images = tuple(_source(_file(folder, cell, where), row.get("series", ""), contents) for cell in cells)
    reference = _file(folder, row["reference"], where) if row.get("reference") else None
    name = plain_text(row.get("id", "")) or case_name(images[0].path)
    return CohortCase(name, images, row.get("roi", ""), reference, where)


def _source(path: Path, series: str, contents: Callable[[Path], Contents]) -> Source:
    """An image; of a DICOM file all files of its series, whose changes count.

    Args:
        contents: of a folder.
    """
    if image_ending(path) or is_folder(path) or not is_dicom(path):
        return Source(path, series)
    try:
        chosen = choose_series(path, series or None, contents(path.parent))
    except InputError:  # said when its turn comes
        return Source(path, series)
    own = sorted(item.path.name for item in chosen.slices)
    return Source(path, series, files=tuple(own) if len(own) > 1 else ())


def _file(folder: Path, cell: str, where: str) -> Path:
    """What a cell names; backslashes of Windows are understood elsewhere too."""
    for path in (folder / cell, folder / cell.replace("\\", "/")):
        try:
            if path.exists():
                return path
        except (OSError, ValueError):  # a name that no file can have
            continue
    raise InputError(f"The {where} names '{cell}', which is not there.", "Correct the path.")


def _rows(file: Path) -> tuple[list[tuple[int, Row]], list[str]]:
    """The lines with their numbers, and the columns of images in order."""
    text = read_limited(file, _LARGEST).removeprefix("\ufeff")
    head = text.partition("\n")[0]
    delimiter = "\t" if "\t" in head and "," not in head else ";" if ";" in head and "," not in head else ","
    try:
        lines = list(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter))
    except csv.Error as error:
        raise InputError(f"{file.name} is not a readable CSV file.", "Check the file.", str(error)) from error
    heading = [cell.strip().lower() for cell in lines[0]] if lines else []
    columns = [name for name in heading if name.startswith("image") and name.removeprefix("image").isdecimal()]
    columns = (["image"] if "image" in heading else []) + sorted(columns, key=lambda name: int(name[5:]))
    if "image" not in columns:
        raise InputError(
            f"{file.name} has the columns {', '.join(filter(None, heading)) or 'none'}.",
            f"It needs 'image', and may have {', '.join(name for name in _KNOWN if name != 'image')}, image2 ...",
        )
    twice = sorted({name for name in heading if name and heading.count(name) > 1})
    if twice:
        raise InputError(f"{file.name} has two columns '{twice[0]}'.", "Give each a heading of its own.")
    rows = [
        (number, dict(zip(heading, (cell.strip() for cell in cells), strict=False)))
        for number, cells in enumerate(lines[1:], start=2)
        if any(cell.strip() for cell in cells)
    ]
    return rows, columns
