"""Headers of the planes that an object about a series consists of: one pixel a picture, whatever the files are like.

highdicom takes one multi-frame file, or files of one picture. Here every plane is a picture of its own, so that several
multi-frame files, and those whose frames state their own orientation, are no special cases; references are set to the
true files afterwards. One pixel is enough for headers.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ....errors import InputError
from ..needed import highdicom
from ..source import SourceSeries

# What is smaller than a picometre is the arithmetic's, not the scanner's.
_DIGITS = 9
_SINGLE_FRAME = "1.2.840.10008.5.1.4.1.1.2"
# What every plane states for itself, and what only multi-frame files have.
_OWN = (
    "SOPClassUID",
    "SOPInstanceUID",
    "Rows",
    "Columns",
    "PixelSpacing",
    "SliceThickness",
    "ImageOrientationPatient",
    "ImagePositionPatient",
    "SharedFunctionalGroupsSequence",
    "PerFrameFunctionalGroupsSequence",
    "NumberOfFrames",
)


def check_reference(source: SourceSeries) -> None:
    """Refuses a series whose planes lie nowhere.

    Raises:
        InputError: several planes and no frame of reference.
    """
    if len(source.frames) > 1 and not source.reference:
        raise InputError(
            f"Series {source.name} states no frame of reference, without which an object about it lies nowhere.",
            "Write .seg.nrrd or .nii.gz, or export the series again with complete headers.",
        )


def pictures_of(source: SourceSeries) -> list[Any]:
    """A header of one pixel for each plane."""
    from pydicom import Dataset
    from pydicom.uid import UID

    first = Dataset()
    first.update(source.files[0])
    for name in _OWN:
        if name in first:
            del first[name]
    first.SOPClassUID, first.Rows, first.Columns = UID(_SINGLE_FRAME), 1, 1
    x, y, z = source.geometry.spacing
    first.PixelSpacing, first.SliceThickness = _decimals((y, x)), _decimals((z,))[0]
    first.ImageOrientationPatient = _decimals(np.reshape(source.geometry.direction, (3, 3))[:, :2].T.ravel())
    pictures = []
    for plane, position in enumerate(_positions(source)):
        picture = Dataset()
        picture.update(first)
        picture.SOPInstanceUID, picture.ImagePositionPatient = UID(f"2.25.{plane + 1}"), _decimals(position)
        pictures.append(picture)
    return pictures


def refer(made: Any, source: SourceSeries) -> list[int]:
    """Sets references to the files in place of planes; the plane of each frame."""
    whole = file_references(source)
    made.SourceImageSequence = whole
    made.ReferencedSeriesSequence[0].ReferencedInstanceSequence = whole
    planes: list[int] = []
    done: set[int] = set()
    several, places = source.multi_frame, {_place(position): plane for plane, position in enumerate(_positions(source))}
    for frame in made.PerFrameFunctionalGroupsSequence:
        # A single picture of no space has no place.
        where = frame.get("PlanePositionSequence")
        plane = places[_place(where[0].ImagePositionPatient)] if where else 0
        planes.append(plane)
        # Parametric maps have none before highdicom 0.28.
        for item in (
            frame.DerivationImageSequence[0].SourceImageSequence if frame.get("DerivationImageSequence") else ()
        ):
            # Frames of several segments in one plane share their item.
            if id(item) in done:
                continue
            done.add(id(item))
            number, index = source.frames[plane]
            file = source.files[number]
            item.ReferencedSOPClassUID, item.ReferencedSOPInstanceUID = file.SOPClassUID, file.SOPInstanceUID
            if several:
                item.ReferencedFrameNumber = index + 1
    return planes


def file_references(source: SourceSeries) -> list[Any]:
    """An item that refers to it for each file of the series."""
    from pydicom import Dataset

    items = []
    for file in source.files:
        item = Dataset()
        item.ReferencedSOPClassUID, item.ReferencedSOPInstanceUID = file.SOPClassUID, file.SOPInstanceUID
        items.append(item)
    return items


def _positions(source: SourceSeries) -> np.ndarray:
    """LPS mm of the first pixel of each plane."""
    first = np.array([(0, 0, plane) for plane in range(len(source.frames))])
    return np.round(source.geometry.to_physical(first), _DIGITS)


def _place(position: Any) -> tuple[float, ...]:
    """To compare positions by, which may have gone through texts of 16 characters."""
    return tuple(round(float(value), 4) + 0.0 for value in position)


def pixel_measures(source: SourceSeries) -> Any:
    """Sizes of voxels, which headers need not state; a SEG must."""
    x, y, z = source.geometry.spacing
    thickness = getattr(source.files[0], "SliceThickness", None)
    return highdicom().PixelMeasuresSequence(
        pixel_spacing=(y, x), slice_thickness=float(thickness or z), spacing_between_slices=z
    )


def _decimals(values: Any) -> list[Any]:
    from pydicom.valuerep import DSfloat

    return [DSfloat(float(value), auto_format=True) for value in values]
