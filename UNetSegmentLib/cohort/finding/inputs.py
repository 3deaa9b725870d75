"""``find_cases``: all that the arguments of a cohort run mean."""

from __future__ import annotations

import glob
import os
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from ...errors import InputError
from ...io.case_names import image_ending
from ...io.dicom import is_dicom
from ...io.plain_files import is_folder
from ...text import shown
from ..case import CohortCase, Found, LeftOut
from .dicom_tree import find_series, place_of
from .image_files import by_folder, file_cases
from .names import renamed, with_own_names
from .table import ENDINGS, table_cases
from .walking import Walk
from .wanted import Wanted

_NO_IMAGE = "It is not an image that can be read."
_CURE = "Use NIfTI, NRRD, MetaImage, DICOM, PNG, TIFF or JPEG."


def find_cases(inputs: Sequence[str | Path], wanted: Wanted, output: Path | None = None) -> Found:
    """The cases of files, patterns, folders, DICOM trees, tables and nnU-Net's ``imagesTs``.

    Args:
        inputs: paths; what does not exist and holds ``*``, ``?`` or ``[`` is a pattern.
        wanted: what the model asks for.
        output: folder of the run's results, which may lie inside an input and is passed over there.

    Returns:
        Cases with names of their own, and a line for everything that is not run.

    Raises:
        InputError: a table that cannot be read.
    """
    parts: list[Found] = []
    skipped = output.resolve() if output is not None else None
    files: list[Path] = []
    dicom: list[Path] = []
    for path in map(_whole, _expanded(inputs)):
        if is_folder(path) or not path.exists() or path.suffix.lower() in ENDINGS:
            parts.append(_of_one(path, wanted, skipped))
        elif not image_ending(path) and is_dicom(path):
            dicom.append(path)
        else:
            files.append(path)
    parts += [_series_of(folder, together, wanted) for folder, together in by_folder(dicom).items()]
    parts += [file_cases(together, wanted) for together in by_folder(files).values()]
    found = _without_duplicates(Found().joined(*parts))
    named = with_own_names(found.cases)
    return replace(found, cases=named, notes=found.notes + renamed(found.cases, named))


def _series_of(folder: Path, given: Sequence[Path], wanted: Wanted) -> Found:
    """The series that DICOM files of a folder belong to: a case each, however many of its files were given."""
    beside = sorted(path for path in folder.iterdir() if path.is_file() and not path.name.startswith("."))
    return find_series(folder, wanted, beside, frozenset(map(place_of, given)))


def _expanded(inputs: Iterable[str | Path]) -> list[str]:
    paths: list[str] = []
    for given in inputs:
        text = str(given)
        # Path.glob knows no pattern from the root of the disk on.
        matches = [] if Path(text).exists() else sorted(glob.glob(text, recursive=True))  # noqa: PTH207
        paths += matches or [text]
    return paths


def _whole(text: str) -> Path:
    """The path from the root on, by which a table tells where a file lay, and of which a case without UIDs is named,
    whatever folder the command was given in."""
    path = Path(text)
    return path.resolve() if ".." in path.parts else path.absolute()


def _of_one(path: Path, wanted: Wanted, skipped: Path | None) -> Found:
    """The cases of a folder or a table."""
    if is_folder(path):
        return _of_folder(path, wanted, skipped)
    if not path.exists():
        error = InputError("There is no such file or folder.", "Check the path.")
        return Found(left_out=(LeftOut.because(shown(path.name), path, error),))
    return table_cases(path, wanted)


def _of_folder(folder: Path, wanted: Wanted, skipped: Path | None) -> Found:
    """Image files of the folder and those below it, and the series of its DICOM files."""
    walk = Walk(skipped)
    images: list[Path] = []
    others: list[Path] = []
    dicom: list[Path] = []
    for path in walk.files(folder):
        if image_ending(path):
            images.append(path)
        elif is_dicom(path):
            dicom.append(path)
        else:
            others.append(path)
    found = Found(left_out=tuple(walk.left_out))
    found = found.joined(*(file_cases(files, wanted) for files in by_folder(images).values()))
    if dicom:
        # Damaged files and links to nothing may have been slices.
        lost = [one.path for one in walk.left_out if one.path.is_symlink() and not image_ending(one.path)]
        found = found.joined(find_series(folder, wanted, [*dicom, *others, *lost]))
    known = {left.path for left in found.left_out}
    left = tuple(
        LeftOut.because(shown(path.name), path, InputError(_NO_IMAGE, _CURE)) for path in others if path not in known
    )
    return found.joined(Found(left_out=left))


def _without_duplicates(found: Found) -> Found:
    """One image is one case, however often it was given; with another reference it is another one."""
    seen: dict[tuple[object, ...], str] = {}
    place = _Places()
    cases: list[CohortCase] = []
    left: list[LeftOut] = []
    for case in found.cases:
        image = (*((place.of(source.path), source.series) for source in case.images), case.roi)
        key = (*image, "" if case.reference is None else place.of(case.reference))
        if key in seen:
            error = InputError(f"It is the same as {seen[key]}.", "Give it once.")
            left.append(LeftOut.because(case.name, case.images[0].path, error))
        else:
            seen[key] = case.name
            # The image alone, as its folder gives it too, adds nothing.
            seen.setdefault((*image, ""), case.name)
            cases.append(case)
    return replace(found, cases=tuple(cases), left_out=found.left_out + tuple(left))


class _Places:
    """Where paths lead to. Links are followed once for each folder, not for each file: a shared file system is asked
    for every part of a path."""

    def __init__(self) -> None:
        self._folders: dict[Path, str] = {}

    def of(self, path: Path) -> str:
        """The real path."""
        if path.is_symlink():
            return str(path.resolve())
        parent = path.parent
        if parent not in self._folders:
            self._folders[parent] = str(parent.resolve())
        if self._folders[parent] == str(parent):
            return str(path)  # which it keeps: no new text for each case
        return os.path.join(self._folders[parent], path.name)  # noqa: PTH118 (no new path either)
