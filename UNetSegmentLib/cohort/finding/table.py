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
from ...io.label_names import listed
from ...io.plain_files import is_folder, read_limited
from ...text import shown
from ..case import CohortCase, Found, LeftOut, Source
from .dicom_tree import source_of_file
from .wanted import Wanted

ENDINGS = (".csv", ".tsv")
_LARGEST = 1 << 28
_FOLDERS = 4  # whose headers are kept: lines of one folder mostly follow one another
_KNOWN = ("id", "image", "roi", "reference", "series")
_MORE = "\0more"  # no heading is called so
Row = dict[str, str]


def table_cases(file: Path, wanted: Wanted) -> Found:
    """The cases of a table.

    Raises:
        InputError: no readable table, or one without the column ``image``.
    """
    rows, columns, unknown = _rows(file)
    cases: list[CohortCase] = []
    left: list[LeftOut] = []
    contents = lru_cache(_FOLDERS)(partial(contents_of, deep=False))
    for number, row in rows:
        where = f"line {number} of {file.name}"
        try:
            _check_length(row, where)
            cases.append(_case(file.parent, row, columns, wanted, where, contents))
        except InputError as error:
            left.append(LeftOut.because(plain_text(row.get("id", "")) or where, file, error))
    return Found(tuple(cases), tuple(left), _unused(file, unknown))


def _unused(file: Path, unknown: list[str]) -> tuple[str, ...]:
    """Headings may be misspelt: a note names those that nothing is done with."""
    if not unknown:
        return ()
    named = listed([f"'{shown(name)}'" for name in unknown])
    known = ", ".join((*_KNOWN[:2], "image2 ...", *_KNOWN[2:]))
    return (f"{shown(file.name)} has columns that are not used: {named}. Known ones are {known}.",)


def _check_length(row: Row, where: str) -> None:
    """Refuses a line with more cells than the heading, in which they are not what they seem.

    Raises:
        InputError: it is such a line.
    """
    if row.get(_MORE):
        raise InputError(
            f"The {where} has more cells than the heading.",
            'Put a cell with commas, such as a ROI, in quotes: "1,2,3". Or mend the heading.',
        )


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
        return source_of_file(path, choose_series(path, series or None, contents(path.parent)), series)
    except InputError:  # said when its turn comes
        return Source(path, series)


def _file(folder: Path, cell: str, where: str) -> Path:
    """What a cell names; backslashes of Windows are understood elsewhere too."""
    for path in (folder / cell, folder / cell.replace("\\", "/")):
        try:
            if path.exists():
                return path
        except (OSError, ValueError):  # a name that no file can have
            continue
    raise InputError(f"The {where} names '{cell}', which is not there.", "Correct the path.")


def _rows(file: Path) -> tuple[list[tuple[int, Row]], list[str], list[str]]:
    """The lines with their numbers, the columns of images in order, and those that nothing is done with.

    Of a line with more cells than the heading these stand under :data:`_MORE`.
    """
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
        (number, _row(heading, [cell.strip() for cell in cells]))
        for number, cells in enumerate(lines[1:], start=2)
        if any(cell.strip() for cell in cells)
    ]
    return rows, columns, [name for name in heading if name and name not in (*_KNOWN, *columns)]


def _row(heading: list[str], cells: list[str]) -> Row:
    row = dict(zip(heading, cells, strict=False))
    # Empty ones behind the last are those of a spreadsheet.
    more = "".join(cells[len(heading) :])
    return {**row, _MORE: more} if more else row
