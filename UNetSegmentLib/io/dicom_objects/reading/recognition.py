"""Which kind of object a file is, by its SOP class, and where in a folder it lies."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

from ....errors import InputError
from ....text import shown
from ...dicom.folder import contents_of
from ...dicom.kinds import kind_of
from ...dicom.opening import read_dataset
from ...dicom.recognition import is_dicom
from ...plain_files import is_folder
from .rtstruct import STORAGE as RTSTRUCT_STORAGE
from .seg_frames import STORAGES as SEG_STORAGES

_LISTED = 8
_REPORT = "structured report"
_CURE = "Give a SEG, a structure set (RTSTRUCT) with the image that it was drawn on, or a label map."


def is_seg(path: Path) -> bool:
    """Whether a file is a DICOM segmentation."""
    return _sop_class(path) in SEG_STORAGES


def is_rtstruct(path: Path) -> bool:
    """Whether a file is a structure set."""
    return _sop_class(path) == RTSTRUCT_STORAGE


def is_object(path: Path) -> bool:
    """Whether a file is a SEG or a structure set."""
    return _sop_class(path) in (*SEG_STORAGES, RTSTRUCT_STORAGE)


def object_at(path: Path) -> Path | None:
    """The SEG or structure set that a path means: the file itself, or the only one in a folder and its sub-folders.

    None where it is something else that may be a label map.

    Raises:
        InputError: a folder with several; a DICOM file that holds no labels, such as a report.
    """
    if is_folder(path):
        return _within(path)
    sop_class = _sop_class(path)
    if sop_class in (*SEG_STORAGES, RTSTRUCT_STORAGE):
        return path
    kind = kind_of(sop_class)
    if kind is None:
        return None
    if kind == _REPORT:
        raise InputError(
            f"'{path.name}' is a DICOM {kind}: it holds measurements and no voxels.", _instead_of_report(path)
        )
    raise InputError(f"'{path.name}' is a DICOM {kind}, which holds no labels.", _CURE)


def _within(folder: Path) -> Path | None:
    contents = contents_of(folder)
    found = [other.path for other in contents.others if is_object(other.path)]
    if len(found) > 1:
        names = ", ".join(f"'{shown(str(path.relative_to(folder)), 80)}'" for path in found[:_LISTED])
        more = f" and {len(found) - _LISTED} more" if len(found) > _LISTED else ""
        raise InputError(
            f"'{shown(folder.name)}' holds {len(found)} segmentations: {names}{more}.", "Give the one that is meant."
        )
    if found:
        return found[0]
    if not contents.series and any(other.kind == _REPORT for other in contents.others):
        report = next(other.path for other in contents.others if other.kind == _REPORT)
        raise InputError(f"'{shown(folder.name)}' holds a report and no segmentation.", _instead_of_report(report))
    return None


def _instead_of_report(path: Path) -> str:
    """Which SEG a report is about, and where it lies if that is beside it."""
    wanted = _referred(path)
    if not wanted:
        return f"{_CURE} The report refers to no segmentation."
    for beside in sorted(path.parent.iterdir()):
        data = _header(beside, "SOPInstanceUID") if beside != path and is_seg(beside) else None
        if data is not None and str(data.get("SOPInstanceUID", "")) in wanted:
            return f"Give the segmentation that it is about: '{shown(beside.name)}' beside it."
    return f"Give the segmentation that it is about (SEG with the SOP instance UID {shown(wanted[0], 64)})."


def _referred(path: Path) -> list[str]:
    """The UIDs of the SEG among the evidence of a report."""
    data = _header(path, "CurrentRequestedProcedureEvidenceSequence")
    found = []
    try:
        for study in data.get("CurrentRequestedProcedureEvidenceSequence") or ():
            for series in study.get("ReferencedSeriesSequence") or ():
                for one in series.get("ReferencedSOPSequence") or ():
                    if one.get("ReferencedSOPClassUID") in SEG_STORAGES:
                        found.append(str(one.ReferencedSOPInstanceUID))
    except (AttributeError, TypeError, ValueError):
        return found
    return found


def _sop_class(path: Path) -> str:
    if is_folder(path) or not path.is_file() or not is_dicom(path):
        return ""
    return str(_header(path, "SOPClassUID").get("SOPClassUID", ""))


def _header(path: Path, name: str) -> Any:
    """One element of a file, as a data set; an empty one where it cannot be read."""
    from pydicom import Dataset

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return read_dataset(path, specific_tags=[name], stop_before_pixels=True, force=True)
        # A damaged header fails in as many ways as there are types of elements; reading it will say what is wrong.
        except Exception:
            return Dataset()
