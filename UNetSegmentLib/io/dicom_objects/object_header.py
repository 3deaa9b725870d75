"""The header of an object that is made without highdicom: patient and study of the series that it is about."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from .author import MANUFACTURER, VERSION, Author

LONGEST = 64
"""Characters that DICOM's short texts hold."""

_PATIENT = ("PatientName", "PatientID", "PatientBirthDate", "PatientSex")
_STUDY = ("StudyInstanceUID", "StudyDate", "StudyTime", "StudyID", "AccessionNumber", "ReferringPhysicianName")


def object_header(first: Any, author: Author, storage: str, modality: str, number: int, what: str) -> Any:
    """A dataset (pydicom) of a new series in the study of another.

    Args:
        first: header of a file of the series that it is about.
        storage: SOP class.
        modality: of the new series; ``number`` is its own.
        what: it holds, in a word.
    """
    from pydicom.dataset import Dataset, FileMetaDataset
    from pydicom.uid import UID, ExplicitVRLittleEndian, generate_uid

    data = Dataset()
    data.file_meta = FileMetaDataset()
    data.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    data.file_meta.MediaStorageSOPClassUID = data.SOPClassUID = UID(storage)
    data.file_meta.MediaStorageSOPInstanceUID = data.SOPInstanceUID = generate_uid()
    if "SpecificCharacterSet" in first:
        data.SpecificCharacterSet = first.SpecificCharacterSet
    for name in (*_PATIENT, *_STUDY):
        setattr(data, name, getattr(first, name, ""))
    now = datetime.now()
    data.InstanceCreationDate = data.SeriesDate = now.strftime("%Y%m%d")
    data.InstanceCreationTime = data.SeriesTime = now.strftime("%H%M%S")
    data.Modality, data.SeriesInstanceUID = modality, generate_uid()
    data.SeriesNumber, data.InstanceNumber = number, 1
    data.SeriesDescription = f"{what} by {author.name or MANUFACTURER}"[:LONGEST]
    data.Manufacturer, data.ManufacturerModelName = MANUFACTURER, (author.name or MANUFACTURER)[:LONGEST]
    data.SoftwareVersions = VERSION
    return data
