"""The pictures of one DICOM file: where each lies, and how its stored numbers become values."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache

import numpy as np

from .values import Dataset, count, element, item, items, number, numbers, texts

# What may tell several volumes of one series apart: in words, with the header's name and the functional group where
# multi-frame files keep it.
_MARKS = (
    ("time point", "TemporalPositionIdentifier", None),
    ("time point", "TemporalPositionIndex", "FrameContentSequence"),
    ("echo time", "EchoTime", None),
    ("echo time", "EffectiveEchoTime", "MREchoSequence"),
    ("b-value", "DiffusionBValue", None),
    ("b-value", "DiffusionBValue", "MRDiffusionSequence"),
    ("diffusion direction", "DiffusionGradientOrientation", None),
    ("inversion time", "InversionTime", None),
    ("flip angle", "FlipAngle", None),
    ("trigger time", "TriggerTime", None),
    ("trigger time", "NominalCardiacTriggerDelayTime", "CardiacSynchronizationSequence"),
    ("frame reference time", "FrameReferenceTime", None),
    ("stack", "StackID", "FrameContentSequence"),
    ("kernel", "ConvolutionKernel", None),
    ("tube voltage", "KVP", None),
    ("kind of image", "ImageType", None),
    ("kind of image", "FrameType", "MRImageFrameTypeSequence"),
    ("kind of image", "FrameType", "CTImageFrameTypeSequence"),
    ("acquisition number", "AcquisitionNumber", None),
    ("acquisition number", "FrameAcquisitionNumber", "FrameContentSequence"),
    ("acquisition time", "AcquisitionTime", None),
    ("acquisition time", "FrameAcquisitionDateTime", "FrameContentSequence"),
)
# Enhanced and legacy converted CT, MR, PET; X-ray volumes and tomosynthesis.
_GROUPED_BY_GDCM = {
    f"1.2.840.10008.5.1.4.1.1.{suffix}"
    for suffix in ("2.1", "2.2", "4.1", "4.4", "128.1", "130", "13.1.1", "13.1.2", "13.1.3")
}
_CM_PER_PIXEL = 3
_SLICE_VECTOR = 0x00540080
_UNSCALED = (1.0, 0.0)

Group = Callable[[int, str], "Dataset | None"]


@dataclass(frozen=True)
class Frame:
    """One picture.

    Args:
        position: LPS mm of the centre of its first pixel; None where the file does not say.
        orientation: LPS unit vectors of its rows (the direction in which x grows) and columns; None as above.
        spacing: mm along x and y; None as above.
        depth: mm between neighbouring slices, or else their thickness; None as above.
        rescale: slope and intercept: value = slope * stored + intercept.
        marks: what may tell it from a picture at the same place, as (in words, value).
    """

    position: tuple[float, ...] | None
    orientation: tuple[float, ...] | None
    spacing: tuple[float, float] | None
    depth: float | None
    rescale: tuple[float, float]
    marks: tuple[tuple[str, str], ...] = field(default=(), repr=False)


def frames_of(data: Dataset) -> tuple[Frame, ...]:
    """All pictures of a file, in the order in which their pixels are stored."""
    total = max(count(data, "NumberOfFrames", 1), 1)
    shared = item(data, "SharedFunctionalGroupsSequence")
    own = items(data, "PerFrameFunctionalGroupsSequence")
    if shared is None and not own:
        return _classic(data, total)

    @cache
    def common(name: str) -> Dataset | None:
        return item(shared, name)

    def group(index: int, name: str) -> Dataset | None:
        found = item(own[index], name) if index < len(own) else None
        return common(name) if found is None else found

    return tuple(_enhanced(data, index, group) for index in range(total))


def _enhanced(data: Dataset, index: int, group: Group) -> Frame:
    measures = group(index, "PixelMeasuresSequence")
    position = numbers(group(index, "PlanePositionSequence"), "ImagePositionPatient", 3)
    orientation = numbers(group(index, "PlaneOrientationSequence"), "ImageOrientationPatient", 6)
    # Ultrasound volumes lie in a frame of their own, which is not the patient's.
    position = position or numbers(group(index, "PlanePositionVolumeSequence"), "ImagePositionVolume", 3)
    orientation = orientation or numbers(group(index, "PlaneOrientationVolumeSequence"), "ImageOrientationVolume", 6)
    values = group(index, "PixelValueTransformationSequence")
    rescale = _slope(data) if values is None else _slope(values)
    marks = _marks(lambda name, where: element(group(index, where) if where else None, name))
    return Frame(
        position or numbers(data, "ImagePositionPatient", 3),
        orientation or numbers(data, "ImageOrientationPatient", 6),
        _pair(measures, "PixelSpacing") or _spacing(data),
        _depth(measures) or _depth(data),
        rescale,
        marks,
    )


def _classic(data: Dataset, total: int) -> tuple[Frame, ...]:
    """Files without functional groups: one slice, nuclear medicine, dose, films."""
    detector = item(data, "DetectorInformationSequence")
    position = numbers(data, "ImagePositionPatient", 3) or numbers(detector, "ImagePositionPatient", 3)
    orientation = numbers(data, "ImageOrientationPatient", 6) or numbers(detector, "ImageOrientationPatient", 6)
    scaling = number(data, "DoseGridScaling")
    rescale = (scaling, 0.0) if scaling else _slope(data)
    spacing, depth = _spacing(data), _depth(data)
    marks = _marks(lambda name, where: None if where else element(data, name))
    offsets = _offsets(data, total)
    if total > 1 and (offsets is None or position is None or orientation is None):
        return (Frame(None, orientation, spacing, depth, rescale, marks),) * total
    if position is None or orientation is None or offsets is None:
        return (Frame(position, orientation, spacing, depth, rescale, marks),)
    normal = np.cross(orientation[:3], orientation[3:])
    places = [tuple(float(v) for v in np.asarray(position) + offset * normal) for offset in offsets]
    return tuple(Frame(place, orientation, spacing, depth, rescale, marks) for place in places)


def _offsets(data: Dataset, total: int) -> list[float] | None:
    """How far (mm) each picture lies from the file's position along the normal; None where the file does not say."""
    if total == 1:
        return [0.0]
    grid = numbers(data, "GridFrameOffsetVector", total)
    if grid is not None:
        return [value - grid[0] for value in grid]
    step = number(data, "SpacingBetweenSlices")
    pointer = element(data, "FrameIncrementPointer")
    order = numbers(data, "SliceVector", total) or tuple(range(1, total + 1))
    if step and pointer is not None and not hasattr(pointer, "__len__") and int(pointer) == _SLICE_VECTOR:
        # The sign counts: a negative step stacks against the normal.
        return [step * (value - 1) for value in order]
    return None


def _slope(data: Dataset) -> tuple[float, float]:
    slope, intercept = number(data, "RescaleSlope"), number(data, "RescaleIntercept")
    return (slope or 1.0, intercept or 0.0)


def applied_by_gdcm(data: Dataset) -> tuple[float, float]:
    """Slope and intercept that GDCM has applied to all pictures of a file when it hands them over.

    In the enhanced classes that it knows these are the shared ones, or else those of the first picture; in all others
    those of the file's top level.
    """
    if str(element(data, "SOPClassUID")) in _GROUPED_BY_GDCM:
        for sequence in ("SharedFunctionalGroupsSequence", "PerFrameFunctionalGroupsSequence"):
            values = item(item(data, sequence), "PixelValueTransformationSequence")
            if values is not None:
                return _slope(values)
    return _slope(data)


def _spacing(data: Dataset) -> tuple[float, float] | None:
    """mm per pixel along x and y: in the patient, on the detector, on the scanned film, or of the one region."""
    for name in ("PixelSpacing", "ImagerPixelSpacing", "NominalScannedPixelSpacing"):
        pair = _pair(data, name)
        if pair is not None:
            return pair
    regions = items(data, "SequenceOfUltrasoundRegions")
    sizes = {(number(r, "PhysicalDeltaX"), number(r, "PhysicalDeltaY")) for r in regions if _in_cm(r)}
    if len(sizes) != 1 or len(regions) != 1:
        return None
    x, y = sizes.pop()
    return (10 * abs(x), 10 * abs(y)) if x and y else None


def _in_cm(region: Dataset) -> bool:
    return count(region, "PhysicalUnitsXDirection") == count(region, "PhysicalUnitsYDirection") == _CM_PER_PIXEL


def _pair(data: Dataset | None, name: str) -> tuple[float, float] | None:
    """DICOM writes rows first: the distance along y, then that along x."""
    pair = numbers(data, name, 2)
    return None if pair is None else (pair[1], pair[0])


def _depth(data: Dataset | None) -> float | None:
    between, thickness = number(data, "SpacingBetweenSlices"), number(data, "SliceThickness")
    return abs(between or thickness or 0.0) or None


def _marks(value: Callable[[str, str | None], object]) -> tuple[tuple[str, str], ...]:
    found = ((words_, value(name, where)) for words_, name, where in _MARKS)
    return tuple((words_, _plain(mark)) for words_, mark in found if mark is not None and _plain(mark))


def _plain(mark: object) -> str:
    return str(mark) if not hasattr(mark, "__len__") or isinstance(mark, str) else ", ".join(map(str, mark))  # type: ignore[call-overload]


def is_localizer(data: Dataset) -> bool:
    """Whether a file calls itself a localizer (scout, topogram)."""
    return bool({"LOCALIZER", "SCOUT"} & set(texts(data, "ImageType")))


def is_mosaic(data: Dataset) -> bool:
    """Whether a file holds the slices of a volume as tiles of one picture, as Siemens MR scanners write them."""
    return "MOSAIC" in texts(data, "ImageType")
