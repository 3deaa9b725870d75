"""The headers of a SEG: highdicom makes them about a series of one pixel a picture, whatever the files are like."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...errors import InputError
from ...labels import Label
from .author import MANUFACTURER, VERSION, Author
from .descriptions import segment_descriptions
from .needed import highdicom
from .source import SourceSeries
from .texts import character_set, meanings_of, short_text

_SERIES_NUMBER = 900
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


@dataclass(frozen=True, eq=False)
class Segments:
    """The segments of a SEG.

    Args:
        labels: of the segments.
        numbers: of the segments.
        author: who found them; ``others`` single ones, by label value.
    """

    labels: Sequence[Label]
    numbers: Sequence[int]
    author: Author
    others: Mapping[int, Author] | None = None


def seg_header(source: SourceSeries, segments: Segments, occupied: np.ndarray, kind: str) -> tuple[Any, list[int]]:
    """A SEG (highdicom's) without its pictures.

    highdicom takes one multi-frame file, or files of one picture. Here every plane is a picture of its own, so that
    several multi-frame files, and those whose frames state their own orientation, are no special cases; references are
    set to the true files afterwards. One pixel is enough for headers.

    Args:
        occupied: (planes, segments), or (planes,) of a label map: which pictures there are.
        kind: ``labelmap``, ``binary`` or ``fractional``.

    Returns:
        The SEG, and for each of its frames the plane that it lies in.

    Raises:
        InputError: headers lack what a SEG needs.
    """
    hd = highdicom()
    numbers, author = segments.numbers, segments.author
    _check_reference(source)
    pixels = occupied.reshape(len(occupied), 1, 1, *occupied.shape[1:]).astype(np.uint16)
    if occupied.ndim == 1:
        pixels *= numbers[0]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about tags of the source that are out of the standard
        try:
            made = hd.seg.Segmentation(
                source_images=_pictures(source),
                pixel_array=pixels,
                segmentation_type=kind.upper(),
                segment_descriptions=segment_descriptions(
                    segments.labels, author, numbers, source.uid, segments.others
                ),
                series_instance_uid=hd.UID(),
                series_number=_SERIES_NUMBER,
                sop_instance_uid=hd.UID(),
                instance_number=1,
                manufacturer=MANUFACTURER,
                manufacturer_model_name=short_text(author.name) or MANUFACTURER,
                software_versions=VERSION,
                device_serial_number="0",
                pixel_measures=_measures(source),
                content_label="SEGMENTATION",
                content_description=short_text(f"{author.name} {author.version}") or None,
                series_description=short_text(f"Segmentation by {author.name or MANUFACTURER}"),
                specific_character_set=character_set(source.files[0], _texts(segments)),
            )
        except (ValueError, TypeError, AttributeError, KeyError) as error:
            raise InputError(
                f"No DICOM segmentation can be made about series {source.name}: its headers lack what that needs.",
                "Write .seg.nrrd or .nii.gz, or export the series again with complete headers.",
                str(error),
            ) from error
    made.SegmentsOverlap = "UNDEFINED" if kind == "fractional" else "NO"
    return made, _refer(made, source)


def _texts(segments: Segments) -> list[str]:
    authors = (segments.author, *(segments.others or {}).values())
    texts = [text for author in authors for text in (author.name, author.version)]
    return texts + [text for label in segments.labels for text in (label.name, *meanings_of(label))]


def _check_reference(source: SourceSeries) -> None:
    if len(source.frames) > 1 and not source.reference:
        raise InputError(
            f"Series {source.name} states no frame of reference, without which a DICOM segmentation lies nowhere.",
            "Write .seg.nrrd or .nii.gz, or export the series again with complete headers.",
        )


def _pictures(source: SourceSeries) -> list[Any]:
    """A header of one pixel for each plane, whose identifier is the plane's number."""
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
    centres = np.array([(0, 0, plane) for plane in range(len(source.frames))])
    pictures = []
    for plane, position in enumerate(source.geometry.to_physical(centres)):
        picture = Dataset()
        picture.update(first)
        picture.SOPInstanceUID, picture.ImagePositionPatient = (
            UID(f"2.25.{plane + 1}"),
            _decimals(np.round(position, _DIGITS)),
        )
        pictures.append(picture)
    return pictures


def _refer(made: Any, source: SourceSeries) -> list[int]:
    """Sets references to the files in place of planes; the plane of each frame."""
    from pydicom import Dataset

    whole = []
    for file in source.files:
        item = Dataset()
        item.ReferencedSOPClassUID, item.ReferencedSOPInstanceUID = file.SOPClassUID, file.SOPInstanceUID
        whole.append(item)
    made.SourceImageSequence = whole
    made.ReferencedSeriesSequence[0].ReferencedInstanceSequence = whole
    planes: list[int] = []
    done: dict[int, int] = {}
    several = source.multi_frame
    for frame in made.PerFrameFunctionalGroupsSequence:
        item = frame.DerivationImageSequence[0].SourceImageSequence[0]
        # Frames of several segments in one plane share their item.
        if id(item) not in done:
            plane = int(str(item.ReferencedSOPInstanceUID).rpartition(".")[2]) - 1
            done[id(item)] = plane
            number, index = source.frames[plane]
            file = source.files[number]
            item.ReferencedSOPClassUID, item.ReferencedSOPInstanceUID = file.SOPClassUID, file.SOPInstanceUID
            if several:
                item.ReferencedFrameNumber = index + 1
        planes.append(done[id(item)])
    return planes


def _measures(source: SourceSeries) -> Any:
    """Sizes of voxels, which headers need not state; a SEG must."""
    x, y, z = source.geometry.spacing
    thickness = getattr(source.files[0], "SliceThickness", None)
    return highdicom().PixelMeasuresSequence(
        pixel_spacing=(y, x), slice_thickness=float(thickness or z), spacing_between_slices=z
    )


def _decimals(values: Any) -> list[Any]:
    from pydicom.valuerep import DSfloat

    return [DSfloat(float(value), auto_format=True) for value in values]
