"""Images for the network of ``level_model`` (labels are rounded intensities), and a series of DICOM files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, MRImageStorage, generate_uid

from UNetSegmentLib.io import write_volume
from UNetSegmentLib.volume import Volume

SHAPE = (10, 12, 14)


def level_voxels(number: int) -> np.ndarray:
    """A block of 1 that holds a block of 2, moved by ``number``; float32 (z, y, x)."""
    voxels = np.zeros(SHAPE, np.float32)
    voxels[2:8, 2:9, number % 3 : 8] = 1
    voxels[4:6, 4:6, 3:6] = 2
    return voxels


def write_image(path: Path, number: int = 0) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    write_volume(Volume.from_array(level_voxels(number)), path)
    return path


def write_series(
    folder: Path, count: int = 5, modality: str = "MR", study: str = "", description: str = "T1", patient: str = "Doe"
) -> str:
    """A series of axial slices; returns its UID."""
    folder.mkdir(parents=True, exist_ok=True)
    uid, study = generate_uid(), study or generate_uid()
    for number in range(count):
        data = Dataset()
        data.file_meta = FileMetaDataset()
        data.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
        data.file_meta.MediaStorageSOPClassUID = data.SOPClassUID = MRImageStorage
        data.file_meta.MediaStorageSOPInstanceUID = data.SOPInstanceUID = generate_uid()
        data.PatientName, data.PatientID = f"{patient}^Jane", f"{patient}-1"
        data.StudyInstanceUID, data.SeriesInstanceUID = study, uid
        data.SeriesNumber, data.InstanceNumber, data.SeriesDescription = 4, number + 1, description
        data.Modality, data.FrameOfReferenceUID = modality, generate_uid()
        data.ImageOrientationPatient, data.ImagePositionPatient = [1, 0, 0, 0, 1, 0], [0, 0, float(number)]
        data.PixelSpacing, data.SliceThickness = [1, 1], 1
        data.Rows, data.Columns, data.SamplesPerPixel = 12, 14, 1
        data.PhotometricInterpretation = "MONOCHROME2"
        data.BitsAllocated, data.BitsStored, data.HighBit, data.PixelRepresentation = 16, 16, 15, 0
        pixels = np.zeros((12, 14), np.uint16)
        pixels[3:8, 3:8] = 1
        data.PixelData = pixels.tobytes()
        data.save_as(folder / f"slice{number}.dcm", enforce_file_format=True)
    return str(uid)
