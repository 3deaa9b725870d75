"""``write_rtstruct``: a label map as a structure set, contours in the planes of the series' own pictures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ....errors import InputError
from ....geometry import Geometry
from ....labels import CodedTerm, Label
from ....volume import Segmentation
from ..author import Author
from ..contours import contours_of
from ..reading.rtstruct import STORAGE
from ..source import SourceSeries
from ..texts import meanings_of, short_text
from .object_header import object_header
from .saving import present, save

_LONGEST_CODE = 16  # characters (PS3.3, 8.1)


def write_rtstruct(
    segmentation: Segmentation,
    source: SourceSeries,
    path: Path | str,
    author: Author,
    others: Mapping[int, Author] | None = None,
) -> Path:
    """Writes a structure set.

    Each structure has closed curves along the edges of its pixels in every picture that it is in; a hole is a curve
    inside another (even-odd rule), so that pixels come back exactly where centres are tested.

    Args:
        segmentation: on the grid of the series.
        source: the series that it is about.
        author: who found it; ``others`` single segments, by label value.

    Raises:
        InputError: nothing was found, or the series states no frame of reference.
        GeometryError: the segmentation does not lie on the grid of the series.
        OutputError: it cannot be written.
    """
    labels = present(segmentation)
    first = source.files[0]
    reference = source.reference
    if not reference:
        raise InputError(
            f"Series {source.name} states no frame of reference, which a structure set needs.",
            "Write .seg.nrrd or .nii.gz, or export the series again.",
        )
    by = {label.value: (others or {}).get(label.value, author) for label in labels}
    data = _header(first, author, labels, list(by.values()))
    data.FrameOfReferenceUID, data.PositionReferenceIndicator = reference, ""
    data.StructureSetROISequence = [_roi(n, label, reference, by[label.value]) for n, label in enumerate(labels, 1)]
    data.RTROIObservationsSequence = [_observation(n, label, author) for n, label in enumerate(labels, 1)]
    data.ReferencedFrameOfReferenceSequence = [_frame_of_reference(source, reference)]
    planes = source.planes_of(segmentation)
    data.ROIContourSequence = [_contours(n, label, planes, source) for n, label in enumerate(labels, 1)]
    return save(data, path)


def _header(first: Any, author: Author, labels: Sequence[Label], others: Sequence[Author]) -> Any:
    texts = [text for label in labels for text in (label.name, *meanings_of(label))]
    texts += [text for one in others for text in (one.name, one.version)]
    data = object_header(first, author, STORAGE, "RTSTRUCT", 901, "Structures", texts)
    data.StructureSetDate, data.StructureSetTime = data.SeriesDate, data.SeriesTime
    data.OperatorsName = ""
    data.StructureSetLabel, data.StructureSetName = "UNETSEGMENT", short_text(f"{author.name} {author.version}")
    data.ApprovalStatus = "UNAPPROVED"
    return data


def _roi(number: int, label: Label, reference: str, author: Author) -> Any:
    from pydicom import Dataset

    roi = Dataset()
    roi.ROINumber, roi.ROIName, roi.ReferencedFrameOfReferenceUID = (
        number,
        short_text(label.name) or f"Label {label.value}",
        reference,
    )
    roi.ROIGenerationAlgorithm = author.kind
    roi.ROIGenerationDescription = short_text(f"{author.name} {author.version}")
    return roi


def _observation(number: int, label: Label, author: Author) -> Any:
    from pydicom import Dataset

    found = Dataset()
    found.ObservationNumber = found.ReferencedROINumber = number
    found.RTROIInterpretedType, found.ROIInterpreter = "ORGAN" if label.terminology else "", ""
    if label.terminology:
        found.RTROIIdentificationCodeSequence = [_code(label.terminology.type)]
    return found


def _code(term: CodedTerm) -> Any:
    from pydicom import Dataset

    code = Dataset()
    if len(term.code) > _LONGEST_CODE:
        code.LongCodeValue = term.code
    else:
        code.CodeValue = term.code
    code.CodingSchemeDesignator = short_text(term.scheme, _LONGEST_CODE)
    code.CodeMeaning = short_text(term.meaning) or short_text(term.code)
    return code


def _frame_of_reference(source: SourceSeries, reference: str) -> Any:
    from pydicom import Dataset

    frame, study, series = Dataset(), Dataset(), Dataset()
    series.SeriesInstanceUID = source.files[0].SeriesInstanceUID
    series.ContourImageSequence = [_image(file) for file in source.files]
    study.ReferencedSOPClassUID = "1.2.840.10008.3.1.2.3.1"  # retired, and asked for all the same
    study.ReferencedSOPInstanceUID = source.files[0].StudyInstanceUID
    study.RTReferencedSeriesSequence = [series]
    frame.FrameOfReferenceUID, frame.RTReferencedStudySequence = reference, [study]
    return frame


def _image(file: Any, frame: int | None = None) -> Any:
    from pydicom import Dataset

    image = Dataset()
    image.ReferencedSOPClassUID, image.ReferencedSOPInstanceUID = file.SOPClassUID, file.SOPInstanceUID
    if frame is not None:
        image.ReferencedFrameNumber = frame + 1
    return image


def _contours(number: int, label: Label, planes: np.ndarray, source: SourceSeries) -> Any:
    from pydicom import Dataset

    structure = Dataset()
    structure.ReferencedROINumber, structure.ROIDisplayColor = number, list(label.color)
    curves, several = [], source.multi_frame
    for z in np.flatnonzero((planes == label.value).any(axis=(1, 2))):
        file, frame = source.frames[z]
        image = _image(source.files[file], frame if several else None)
        for curve in contours_of(planes[z] == label.value):
            item = Dataset()
            item.ContourImageSequence, item.ContourGeometricType = [image], "CLOSED_PLANAR"
            item.NumberOfContourPoints = len(curve)
            item.ContourData = [f"{value:.10g}"[:16] for value in _lps(curve, int(z), source.geometry).ravel()]
            curves.append(item)
    structure.ContourSequence = curves
    return structure


def _lps(curve: np.ndarray, z: int, geometry: Geometry) -> np.ndarray:
    """Points (n, 2) of a plane in pixels as LPS mm (n, 3)."""
    indices = np.column_stack([curve, np.full(len(curve), float(z))])
    columns = np.asarray(geometry.direction, float).reshape(3, 3) * np.asarray(geometry.spacing)
    return indices @ columns.T + np.asarray(geometry.origin)
