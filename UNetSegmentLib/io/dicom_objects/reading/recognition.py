"""Which kind of object a file is, by its SOP class."""

from __future__ import annotations

from pathlib import Path

from ...dicom.recognition import is_dicom
from ...plain_files import is_folder
from .rtstruct import STORAGE as RTSTRUCT_STORAGE
from .seg import STORAGES as SEG_STORAGES


def is_seg(path: Path) -> bool:
    """Whether a file is a DICOM segmentation."""
    return _sop_class(path) in SEG_STORAGES


def is_rtstruct(path: Path) -> bool:
    """Whether a file is a structure set."""
    return _sop_class(path) == RTSTRUCT_STORAGE


def _sop_class(path: Path) -> str:
    if is_folder(path) or not path.is_file() or not is_dicom(path):
        return ""
    from pydicom import dcmread
    from pydicom.errors import InvalidDicomError

    try:
        data = dcmread(path, specific_tags=["SOPClassUID"], stop_before_pixels=True)
    except (InvalidDicomError, OSError, ValueError, EOFError, AttributeError):
        return ""
    return str(data.get("SOPClassUID", ""))
