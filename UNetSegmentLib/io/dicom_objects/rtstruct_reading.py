"""``read_rtstruct``: the structures of a structure set as a label map on the pictures that they were drawn on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from ...errors import GeometryError, InputError
from ...geometry import Geometry
from ...labels import Label
from ...text import shown
from ...volume import Segmentation
from .contours import mask_of
from .source import SourceSeries

STORAGE = "1.2.840.10008.5.1.4.1.1.481.3"
_OFF_PLANE = 0.5  # of the distance of two slices


def read_rtstruct(path: Path | str, source: SourceSeries) -> Segmentation:
    """Reads a structure set.

    A voxel belongs to a structure where its centre lies inside the curves of its plane (even-odd rule). Where
    structures overlap, the later one stands on top, which the notes say. Structures without closed curves are left out.

    Args:
        source: the series that it was drawn on.

    Raises:
        InputError: no structure set, damaged, about another frame of reference, or without closed curves.
        GeometryError: a curve that lies between the planes of the series or is not flat in one of them.
    """
    path = Path(path)
    data = _opened(path)
    try:
        return _segmentation(data, source, path)
    except (AttributeError, TypeError, ValueError, OverflowError, IndexError) as error:  # whatever a header may lack
        raise InputError(f"'{path.name}' is a damaged structure set.", "Export it again.", str(error)) from error


def _segmentation(data: Any, source: SourceSeries, path: Path) -> Segmentation:
    _check_reference(data, source, path)
    names = {int(roi.ROINumber): shown(str(roi.get("ROIName", "")), 200) for roi in data.StructureSetROISequence}
    voxels = np.zeros(source.geometry.shape, np.uint16)
    labels: list[Label] = []
    hidden: set[str] = set()
    for structure in data.get("ROIContourSequence", ()):
        planes = _planes(structure, source.geometry, path)
        if not planes:
            continue
        number = int(structure.ReferencedROINumber)
        value = len(labels) + 1
        name = names.get(number) or f"Structure {number}"
        labels.append(Label(value, name, _color(structure)))
        for z, curves in planes.items():
            mask = mask_of(curves, source.geometry.shape[1:])
            hidden |= {labels[v - 1].name for v in np.unique(voxels[z][mask]) if v}
            voxels[z][mask] = value
    if not labels:
        raise InputError(f"'{path.name}' holds no closed curves.", "Give another structure set.")
    notes = (f"Structures overlap; parts of {', '.join(sorted(hidden))} are under others.",) if hidden else ()
    dtype = np.uint8 if len(labels) < 256 else np.uint16
    return Segmentation(voxels.astype(dtype), source.geometry, tuple(labels), notes)


def _opened(path: Path) -> Any:
    from pydicom import dcmread
    from pydicom.errors import InvalidDicomError

    try:
        data = dcmread(path)
    except (InvalidDicomError, EOFError, ValueError) as error:
        raise InputError(f"'{path.name}' is not DICOM.", "Give a structure set (RTSTRUCT).", str(error)) from error
    if data.get("SOPClassUID") != STORAGE or not data.get("StructureSetROISequence"):
        raise InputError(f"'{path.name}' is no structure set.", "Give a structure set (RTSTRUCT).")
    return data


def _check_reference(data: Any, source: SourceSeries, path: Path) -> None:
    stated = {str(roi.get("ReferencedFrameOfReferenceUID", "")) for roi in data.StructureSetROISequence} - {""}
    own = str(getattr(source.files[0], "FrameOfReferenceUID", ""))
    if stated and own and own not in stated:
        raise InputError(
            f"'{path.name}' was drawn in another frame of reference than that of series {source.name}.",
            "Give the series that it was drawn on.",
        )


def _planes(structure: Any, geometry: Geometry, path: Path) -> dict[int, list[np.ndarray]]:
    """The closed curves of a structure by plane, as (column, row)."""
    columns = np.asarray(geometry.direction, float).reshape(3, 3) * np.asarray(geometry.spacing)
    inverse = np.linalg.inv(columns)
    found: dict[int, list[np.ndarray]] = {}
    for item in structure.get("ContourSequence", ()):
        if not str(item.get("ContourGeometricType", "")).startswith("CLOSED"):
            continue
        points = np.asarray(item.ContourData, float).reshape(-1, 3)
        indices = (points - np.asarray(geometry.origin)) @ inverse.T
        z = float(np.median(indices[:, 2]))
        if np.abs(indices[:, 2] - round(z)).max() > _OFF_PLANE:
            raise GeometryError(
                f"A curve of '{path.name}' does not lie in a slice of the series.",
                "Give the series that it was drawn on, or resample the structures in the program that drew them.",
            )
        if 0 <= round(z) < geometry.shape[0]:
            found.setdefault(round(z), []).append(indices[:, :2])
    return found


def _color(structure: Any) -> tuple[int, int, int]:
    stored = structure.get("ROIDisplayColor")
    if stored is None or len(stored) != 3:
        return Label(1, "x").color
    red, green, blue = (int(np.clip(int(v), 0, 255)) for v in stored)
    return red, green, blue
