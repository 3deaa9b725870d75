"""A name in every text of a DICOM header, as operators type them where they should not."""

from __future__ import annotations

from pathlib import Path

import pydicom
from pydicom import DataElement, config
from pydicom.datadict import DicomDictionary

MARK = "MARKEDNAME"
_FREE = {"LO", "SH", "PN", "ST", "LT", "UT", "UC"}
_ALL = _FREE | {"CS", "AE", "AS", "DA", "TM", "DT", "IS", "DS", "UI", "UR"}
# Without these it is no image, or another series.
_NEEDED = {
    "SOPClassUID",
    "SOPInstanceUID",
    "SeriesInstanceUID",
    "StudyInstanceUID",
    "SpecificCharacterSet",
    "ImagePositionPatient",
    "ImageOrientationPatient",
    "PixelSpacing",
    "SliceThickness",
    "PhotometricInterpretation",
    "NumberOfFrames",
    "InstanceNumber",
}


def mark(path: Path, everything: bool = False, **elements: object) -> None:
    """Writes the name into the texts of a file.

    Args:
        everything: also where texts are numbers, dates, UIDs or words of a list.
        elements: set afterwards.
    """
    data = pydicom.dcmread(path)
    kinds = _ALL if everything else _FREE
    for tag, (vr, many, _, retired, keyword) in DicomDictionary.items():
        if vr in kinds and 0x0002FFFF < tag < 0x7FE00000 and keyword not in _NEEDED and not retired and many == "1":
            data.add(DataElement(tag, vr if vr in _FREE else "LO", MARK))
    for keyword, value in elements.items():
        setattr(data, keyword, value)
    before = config.settings.writing_validation_mode
    config.settings.writing_validation_mode = config.IGNORE
    try:
        data.save_as(path)
    finally:
        config.settings.writing_validation_mode = before


def files_with_mark(folder: Path) -> list[str]:
    """Files below a folder in whose names or texts the name stands; DICOM objects are about the patient, and it may."""
    sign = MARK.lower().encode()
    return [
        path.name
        for path in sorted(folder.rglob("*"))
        if sign in path.name.lower().encode()
        or (path.is_file() and path.suffix != ".dcm" and sign in path.read_bytes().lower())
    ]
