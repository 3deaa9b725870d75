"""What all objects share when they are written."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ....errors import InputError, OutputError
from ....labels import Label
from ....volume import Segmentation, values_in
from ...atomic import atomic_path

_MOST = 65_535


def present(segmentation: Segmentation) -> list[Label]:
    """The labels that occur, by value. Empty segments have no frames and no curves.

    Raises:
        InputError: none does, or more than DICOM can number.
    """
    known = {label.value: label for label in segmentation.labels}
    found = [known.get(value, Label(value, f"Label {value}")) for value in values_in(segmentation.voxels) if value]
    if not found:
        raise nothing_found()
    if len(found) > _MOST:
        raise InputError(f"A DICOM object holds {_MOST} segments at most.", "Write .nii.gz.")
    return found


def nothing_found() -> InputError:
    """What to say of a result without a segment."""
    return InputError(
        "Nothing was found, and a DICOM object without a segment does not exist.",
        "Write .seg.nrrd, which can be empty; or check image, model and region.",
    )


def check_target(path: Path | str) -> None:
    """Refuses a name before there is something to store.

    Raises:
        OutputError: it does not end in .dcm.
    """
    if Path(path).suffix.lower() != ".dcm":
        raise OutputError(f"A DICOM object is a .dcm file; '{Path(path).name}' is not.", "Let the name end with .dcm.")


def save(made: Any, path: Path | str) -> Path:
    """Writes a DICOM object, whole or not at all.

    Raises:
        OutputError: the file does not end in .dcm, or cannot be written.
    """
    check_target(path)
    path = Path(path)
    with atomic_path(path) as temporary:
        try:
            made.save_as(temporary, enforce_file_format=True)
        except OSError as error:
            raise _refusal(error) from error
    return path


def _refusal(error: OSError) -> OSError:
    """The operating system's own error: pydicom raises another one about the element that it was writing."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, OSError) and cause.errno is not None:
            return cause
        cause = cause.__cause__ or cause.__context__
    return error
