"""The cases of a folder: image files by their endings, and what DICOM has in their place."""

from __future__ import annotations

import os
from pathlib import Path

from ..errors import InputError
from ..text import shown
from .case_names import RESULT, case_name, cases_by_name, is_image_file, kept_of
from .dicom.recognition import is_dicom
from .dicom_objects.reading.recognition import is_object, object_at


def label_files(folder: Path) -> dict[str, Path]:
    """The segmentations of a folder by the names of their cases, sorted by file names.

    Label images, SEG and structure sets (by their content: ``NAME.dcm`` or ``NAME``). Where there is none of these,
    each sub-folder that holds one SEG or structure set, or a label image called ``segmentation`` as ``batch`` writes
    it, is a case of its name. What ``batch`` has kept of a case beside its new result is none.

    Raises:
        InputError: no such folder, two files of one case, or a sub-folder with several segmentations.
    """
    files = _visible(folder)
    here = [path for path in files if is_image_file(path) or (path.is_file() and is_object(path))]
    if here:
        return cases_by_name(here)
    folders = {path.name: path for path in files if path.is_dir()}
    found = {}
    for name, path in folders.items():
        inside = None if kept_of(name) in folders else _within(path)
        if inside is not None:
            found[case_name(path)] = inside
    return found


def _within(folder: Path) -> Path | None:
    """The segmentation of the case that has a folder of its own; None where it holds none.

    Raises:
        InputError: it holds several.
    """
    images = [path for path in _visible(folder) if is_image_file(path) and case_name(path) == RESULT]
    try:
        if len(images) > 1:
            names = " and ".join(f"'{path.name}'" for path in images)
            raise InputError(f"The folder holds several results: {names}.", "Leave the one that is meant.")
        return images[0] if images else object_at(folder)
    except InputError as error:
        raise InputError(f"Case {shown(folder.name, 60)}: {error.cause}", error.cure, error.detail) from error


def image_cases(folder: Path) -> dict[str, Path]:
    """The images of a folder by the names of their cases, sorted by file names: image files, or else the sub-folders
    with DICOM files in them, a series each.

    Raises:
        InputError: no such folder, or two files of one case.
    """
    files = _visible(folder)
    here = [path for path in files if is_image_file(path)]
    return cases_by_name(here or [path for path in files if path.is_dir() and _holds_dicom(path)])


def _visible(folder: Path) -> list[Path]:
    try:
        return sorted(path for path in folder.iterdir() if not path.name.startswith("."))
    except OSError as error:
        raise InputError(
            f"The folder {folder} cannot be listed.", "Check that it is there, and its permissions.", str(error)
        ) from error


def _holds_dicom(folder: Path) -> bool:
    paths = (Path(parent) / name for parent, _, names in os.walk(folder) for name in names)
    return any(path.is_file() and is_dicom(path) for path in paths)
