"""The header of an object that is made without highdicom: patient and study of the series that it is about."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from ..author import MANUFACTURER, VERSION, Author
from ..texts import set_character_set, short_text

_PATIENT = ("PatientName", "PatientID", "PatientBirthDate", "PatientSex")
_STUDY = ("StudyInstanceUID", "StudyDate", "StudyTime", "StudyID", "AccessionNumber", "ReferringPhysicianName")


def object_header(
    first: Any, author: Author, storage: str, modality: str, number: int, what: str, texts: Sequence[str] = ()
) -> Any:
    """A dataset (pydicom) of a new series in the study of another.

    Args:
        first: header of a file of the series that it is about.
        storage: SOP class.
        modality: of the new series; ``number`` is its own.
        what: it holds, in a word.
        texts: that are going to stand in it, for which there must be letters.
    """
    from pydicom.dataset import Dataset, FileMetaDataset
    from pydicom.uid import UID, ExplicitVRLittleEndian, generate_uid

    data = Dataset()
    data.file_meta = FileMetaDataset()
    data.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    data.file_meta.MediaStorageSOPClassUID = data.SOPClassUID = UID(storage)
    data.file_meta.MediaStorageSOPInstanceUID = data.SOPInstanceUID = generate_uid()
    set_character_set(data, first, (*texts, author.name, author.version))
    for name in (*_PATIENT, *_STUDY):
        setattr(data, name, getattr(first, name, ""))
    now = datetime.now()
    data.InstanceCreationDate = data.SeriesDate = now.strftime("%Y%m%d")
    data.InstanceCreationTime = data.SeriesTime = now.strftime("%H%M%S")
    data.Modality, data.SeriesInstanceUID = modality, generate_uid()
    data.SeriesNumber, data.InstanceNumber = number, 1
    data.SeriesDescription = short_text(f"{what} by {author.name or MANUFACTURER}")
    data.Manufacturer, data.ManufacturerModelName = MANUFACTURER, short_text(author.name) or MANUFACTURER
    data.SoftwareVersions = VERSION
    return data
