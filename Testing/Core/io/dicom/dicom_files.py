"""Small DICOM files made with pydicom, whose truth is known: one slice, a series of slices, a multi-frame file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.uid import ExplicitVRBigEndian, ExplicitVRLittleEndian, generate_uid

STORAGE = "1.2.840.10008.5.1.4.1.1."
CT, MR, PET, ENHANCED_MR, SEG = (STORAGE + end for end in ("2", "4", "128", "4.1", "66.4"))
AXIAL = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0)


def image(
    pixels: np.ndarray, sop_class: str = MR, syntax: str = ExplicitVRLittleEndian, **elements: Any
) -> FileDataset:
    """A file without a place: pixels (y, x), (frames, y, x) or, for colour, (y, x, 3); ``elements`` by their names."""
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID, meta.TransferSyntaxUID = sop_class, syntax
    meta.MediaStorageSOPInstanceUID = elements.get("SOPInstanceUID", generate_uid())
    data = FileDataset(None, {}, file_meta=meta, preamble=b"\0" * 128)
    data.SOPClassUID, data.SOPInstanceUID = sop_class, meta.MediaStorageSOPInstanceUID
    data.SeriesInstanceUID, data.SeriesNumber, data.Modality, data.SeriesDescription = "1.2.3", 7, "MR", "T1"
    colour = pixels.ndim == 3 and pixels.shape[-1] == 3 and pixels.dtype == np.uint8
    data.Rows, data.Columns = pixels.shape[:2] if colour else pixels.shape[-2:]
    if pixels.ndim == 3 and not colour:
        data.NumberOfFrames = len(pixels)
    data.SamplesPerPixel = 3 if colour else 1
    data.PhotometricInterpretation = "RGB" if colour else "MONOCHROME2"
    if colour:
        data.PlanarConfiguration = 0
    data.BitsAllocated = data.BitsStored = pixels.dtype.itemsize * 8
    data.HighBit, data.PixelRepresentation = data.BitsStored - 1, int(pixels.dtype.kind == "i")
    data.PixelData = pixels.astype(pixels.dtype.newbyteorder(">" if syntax == ExplicitVRBigEndian else "<")).tobytes()
    for name, value in elements.items():
        setattr(data, name, value)
    return data


def save(data: FileDataset, path: Path) -> Path:
    """Writes a file in its own transfer syntax."""
    path.parent.mkdir(parents=True, exist_ok=True)
    big = data.file_meta.TransferSyntaxUID == ExplicitVRBigEndian
    options = {"implicit_vr": False, "little_endian": False} if big else {}
    pydicom.dcmwrite(path, data, enforce_file_format=True, **options)
    return path


def save_slice(
    path: Path,
    position: Sequence[float] | None,
    pixels: np.ndarray | int = 0,
    *,
    orientation: Sequence[float] | None = AXIAL,
    spacing: Sequence[float] | None = (0.5, 1.5),
    **elements: Any,
) -> Path:
    """One slice; ``position`` in LPS mm, ``spacing`` along x and y; a number for ``pixels`` fills 4 x 5 int16."""
    array = np.full((4, 5), pixels, np.int16) if isinstance(pixels, int) else pixels
    placed = dict(elements)
    if position is not None:
        placed["ImagePositionPatient"] = [decimal(v) for v in position]
    if orientation is not None:
        placed["ImageOrientationPatient"] = [decimal(v) for v in orientation]
    if spacing is not None:
        placed["PixelSpacing"] = [decimal(spacing[1]), decimal(spacing[0])]
    return save(image(array, **placed), path)


def save_series(folder: Path, positions: Sequence[Sequence[float]], **elements: Any) -> Path:
    """A slice for each position, with its number as voxel value; names run against the order of positions."""
    for number, position in enumerate(positions):
        save_slice(folder / f"IM{len(positions) - number:04}", position, number, **elements)
    return folder


def save_enhanced(
    path: Path,
    pixels: np.ndarray,
    positions: Sequence[Sequence[float]],
    *,
    orientation: Sequence[float] = AXIAL,
    spacing: Sequence[float] = (0.5, 1.5),
    slopes: Sequence[tuple[float, float]] | None = None,
    contents: Sequence[Mapping[str, Any]] | None = None,
    sop_class: str = ENHANCED_MR,
    **elements: Any,
) -> Path:
    """A multi-frame file: pixels (frames, y, x), a position, a slope with intercept and a frame content for each."""
    data = image(pixels, sop_class, **elements)
    shared = Dataset()
    shared.PixelMeasuresSequence = [_item(PixelSpacing=[decimal(spacing[1]), decimal(spacing[0])], SliceThickness=9)]
    shared.PlaneOrientationSequence = [_item(ImageOrientationPatient=[decimal(v) for v in orientation])]
    data.SharedFunctionalGroupsSequence = [shared]
    frames = []
    for number, position in enumerate(positions):
        frame = _item(PlanePositionSequence=[_item(ImagePositionPatient=[decimal(v) for v in position])])
        if slopes is not None:
            slope, intercept = slopes[number]
            values = _item(RescaleSlope=slope, RescaleIntercept=intercept, RescaleType="US")
            frame.PixelValueTransformationSequence = [values]
        if contents is not None:
            frame.FrameContentSequence = [_item(**contents[number])]
        frames.append(frame)
    data.PerFrameFunctionalGroupsSequence = frames
    return save(data, path)


def decimal(value: float) -> str:
    """DICOM's decimal string of at most 16 characters."""
    return next(text for digits in range(16, 0, -1) if len(text := f"{value:.{digits}g}") <= 16)


def _item(**elements: Any) -> Dataset:
    data = Dataset()
    for name, value in elements.items():
        setattr(data, name, value)
    return data
