"""SEG made by others (highdicom) or by hand, element by element, so that they may be anything."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from dicom_files import SEG, decimal, image, save
from object_cases import grid_of, save_source
from pydicom import Dataset
from pydicom.uid import ExplicitVRLittleEndian

from UNetSegmentLib.geometry import Geometry

LABELMAP = "1.2.840.10008.5.1.4.1.1.66.7"
SPACE = "1.2.826.0.1.88"  # as object_cases.save_source states it


def item(**elements: Any) -> Dataset:
    data = Dataset()
    for name, value in elements.items():
        setattr(data, name, value)
    return data


def code(value: str, meaning: str, scheme: str = "SCT") -> list[Dataset]:
    return [item(CodeValue=value, CodingSchemeDesignator=scheme, CodeMeaning=meaning)]


def segment(
    number: int, name: str = "", kind: tuple[str, str] = ("85756007", "Tissue"), scheme: str = "SCT"
) -> Dataset:
    return item(
        SegmentNumber=number,
        SegmentLabel=name or f"part {number}",
        SegmentAlgorithmType="MANUAL",
        SegmentedPropertyCategoryCodeSequence=code("85756007", "Tissue"),
        SegmentedPropertyTypeCodeSequence=code(*kind, scheme),
    )


def plain_seg(
    path: Path,
    frames: np.ndarray,
    positions: Sequence[Sequence[float]],
    numbers: Sequence[int] | None = None,
    *,
    segments: Sequence[Dataset] = (segment(1),),
    orientation: Sequence[float] = (1, 0, 0, 0, 1, 0),
    spacing: tuple[float, float] = (0.75, 1.25),
    between: float | None = 2.5,
    syntax: str = ExplicitVRLittleEndian,
    **elements: Any,
) -> Path:
    """A binary SEG (a label map where ``numbers`` are None) of frames (n, rows, columns) with their places, LPS mm.

    Args:
        numbers: the segment of each frame.
        spacing: mm along x and y.
        elements: of the top level; None removes one.
    """
    stored = frames.astype(np.uint8 if frames.max(initial=0) < 256 else np.uint16)
    data = image(stored, SEG if numbers is not None else LABELMAP, syntax, Modality="SEG")
    data.NumberOfFrames = len(frames)
    data.FrameOfReferenceUID = SPACE
    data.SegmentationType = "BINARY" if numbers is not None else "LABELMAP"
    data.SegmentSequence = list(segments)
    if numbers is not None:
        data.BitsAllocated = data.BitsStored = 1
        data.HighBit = 0
        bits = np.packbits(stored.ravel(), bitorder="little").tobytes()
        data.PixelData = bits + b"\0" * (len(bits) % 2)
        data["PixelData"].VR = "OB"
    measures = item(PixelSpacing=[decimal(spacing[1]), decimal(spacing[0])])
    if between is not None:
        measures.SpacingBetweenSlices = measures.SliceThickness = decimal(between)
    shared = item(PixelMeasuresSequence=[measures])
    shared.PlaneOrientationSequence = [item(ImageOrientationPatient=[decimal(v) for v in orientation])]
    data.SharedFunctionalGroupsSequence = [shared]
    groups = []
    for n, position in enumerate(positions):
        group = item(PlanePositionSequence=[item(ImagePositionPatient=[decimal(v) for v in position])])
        if numbers is not None:
            group.SegmentIdentificationSequence = [item(ReferencedSegmentNumber=numbers[n])]
        groups.append(group)
    data.PerFrameFunctionalGroupsSequence = groups
    for name, value in elements.items():
        if value is None:
            delattr(data, name)
        else:
            setattr(data, name, value)
    return save(data, path)


def highdicom_seg(source: Any, pixels: Any, kind: str, descriptions: Sequence[Any], **options: Any) -> Any:
    """As highdicom makes it."""
    import highdicom as hd

    where = (hd.UID(), 1, hd.UID(), 1, "nobody", "none", "0", "0")
    return hd.seg.Segmentation(list(source.files), pixels, kind, list(descriptions), *where, **options)


def ct(folder: Path, orientation: tuple[float, ...] = (1, 0, 0, 0, 1, 0), **elements: object) -> tuple[Geometry, Path]:
    """A grid, and a CT on it."""
    grid = grid_of(orientation)
    return grid, save_source(folder, grid, **elements)
