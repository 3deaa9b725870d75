"""Series as a scanner would send them, with all headers that objects about them need."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pydicom
from dicom_files import CT, MR, save_slice
from pydicom.uid import generate_uid

SHAPE = (10, 12, 14)


def levels(number: int = 0) -> np.ndarray:
    """What the network of ``level_model`` finds in :func:`save_levels`: a block of 1 that holds a block of 2."""
    voxels = np.zeros(SHAPE, np.int16)
    voxels[2:8, 2:9, number % 3 : 8] = 1
    voxels[4:6, 4:6, 3:6] = 2
    return voxels


def save_levels(folder: Path, number: int = 0, study: str = "", modality: str = "CT", **elements: object) -> str:
    """A series of axial slices; returns its UID."""
    voxels = np.asarray(elements.pop("voxels", levels(number)), np.int16)
    uid = generate_uid()
    common = {
        "Modality": modality,
        "StudyInstanceUID": study or generate_uid(),
        "SeriesInstanceUID": uid,
        "SeriesNumber": number + 1,
        "SeriesDescription": f"levels {number}",
        "FrameOfReferenceUID": generate_uid(),
        "PatientName": "Roe^Jane",
        "PatientID": "P-1",
        "PatientBirthDate": "19700101",
        "PatientSex": "F",
        "StudyDate": "20260115",
        "StudyTime": "120000",
        "StudyID": "S1",
        "AccessionNumber": "A1",
        "ReferringPhysicianName": "",
        "ContentDate": "20260115",
        "ContentTime": "120000",
        "Manufacturer": "nobody",
        "SliceThickness": 2,
        **elements,
    }
    for k, plane in enumerate(voxels):
        own = {"SOPInstanceUID": generate_uid(), "InstanceNumber": k + 1}
        sop_class = CT if modality == "CT" else MR
        save_slice(
            folder / f"IM{k:03}.dcm", (0, 0, 2.0 * k), plane, sop_class=sop_class, spacing=(1, 1), **common, **own
        )
    return str(uid)


def with_uids(source: Path, folder: Path, most: int = 8) -> tuple[str, str]:
    """Copies the first files of a series whose UIDs were taken away, with new ones; returns study and series."""
    folder.mkdir(parents=True)
    study, series, frame = generate_uid(), generate_uid(), generate_uid()
    for path in sorted(source.iterdir())[:most]:
        data = pydicom.dcmread(path)
        data.StudyInstanceUID, data.SeriesInstanceUID, data.FrameOfReferenceUID = study, series, frame
        data.SOPClassUID = data.file_meta.MediaStorageSOPClassUID = CT
        data.SOPInstanceUID = data.file_meta.MediaStorageSOPInstanceUID = generate_uid()
        data.PatientID = data.get("PatientID") or "P-2"
        data.save_as(folder / path.name)
    return str(study), str(series)
