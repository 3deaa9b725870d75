"""``read_rtstruct``: the structures of a structure set as a label map on the pictures that they were drawn on."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ....errors import GeometryError, InputError
from ....geometry import Geometry
from ....labels import Label, Terminology
from ....text import shown
from ....volume import Segmentation
from ...dicom.opening import read_dataset
from ...dicom.values import items, numbers
from .image_grid import ImagePlace, check_space
from .seg_segments import ANATOMY, chosen, code_in
from .structure_masks import Curve, Patch, patches_of

STORAGE = "1.2.840.10008.5.1.4.1.1.481.3"
_OFF_PLANE = 0.25  # of the distance of two slices
_CORNERS = 3
_POINTS = 0x30060050  # Contour Data
_NAMED = 6
# Whatever a header may lack or hold.
_DAMAGES = (AttributeError, TypeError, ValueError, OverflowError, IndexError, KeyError)


def read_rtstruct(path: Path | str, image: ImagePlace, segments: Sequence[str] = ()) -> Segmentation:
    """Reads a structure set.

    A voxel belongs to a structure where its centre lies inside the curves of its plane; see :mod:`.structure_masks` for
    holes, islands and curves between slices. Where structures overlap, the smaller one stands on top, which the notes
    say. Structures without closed curves, and those of another frame of reference, are left out, which they say too.

    Args:
        image: that it was drawn on.
        segments: names or numbers of the structures to read; all by default.

    Returns:
        voxels on the image's grid, structures numbered from 1 on in the order of the file.

    Raises:
        InputError: no structure set, damaged, about another frame of reference, without closed curves, or without a
            wanted structure.
        GeometryError: a curve that is not flat in the planes of the image, or nothing that lies in the image.
    """
    path = Path(path)
    data = _opened(path)
    try:
        structures = _structures(data, path)
        wanted = {label.value for label in chosen([one.label for one in structures], segments, path.name)}
        structures = [one for one in structures if one.label.value in wanted]
        structures, notes = _of_space(structures, data, image, path)
        return _painted(structures, notes, image, path)
    except _DAMAGES as error:
        raise InputError(f"'{path.name}' is a damaged structure set.", "Export it again.", str(error)) from error


def structures_in(path: Path) -> tuple[Label, ...]:
    """The structures with closed curves, without reading these.

    Raises:
        InputError: no structure set, or a damaged one.
    """
    try:
        return tuple(one.label for one in _structures(_opened(path), path) if one.closed)
    except _DAMAGES as error:
        raise InputError(f"'{path.name}' is a damaged structure set.", "Export it again.", str(error)) from error


@dataclass(frozen=True, eq=False)
class _Structure:
    """A structure: its curves as pydicom has them, and the UID of its space ("" where not stated)."""

    label: Label
    space: str
    items: tuple[Any, ...]

    @property
    def closed(self) -> list[Any]:
        return [one for one in self.items if str(one.get("ContourGeometricType", "")).strip().startswith("CLOSED")]


def _opened(path: Path) -> Any:
    from pydicom.errors import InvalidDicomError

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            data = read_dataset(path)
            sop_class = data.get("SOPClassUID")
        except InvalidDicomError as error:
            raise InputError(f"'{path.name}' is not DICOM.", "Give a structure set (RTSTRUCT).", str(error)) from error
        except (EOFError, OSError, NotImplementedError, *_DAMAGES) as error:
            raise InputError(f"'{path.name}' is a damaged structure set.", "Export it again.", str(error)) from error
    if sop_class != STORAGE or not data.get("StructureSetROISequence"):
        raise InputError(f"'{path.name}' is no structure set.", "Give a structure set (RTSTRUCT).")
    return data


def _structures(data: Any, path: Path) -> list[_Structure]:
    contours = {int(one.ReferencedROINumber): one for one in items(data, "ROIContourSequence")}
    meanings = {
        int(one.ReferencedROINumber): code_in(one, "RTROIIdentificationCodeSequence")
        for one in items(data, "RTROIObservationsSequence")
    }
    found = []
    for value, roi in enumerate(data.StructureSetROISequence, start=1):
        number = int(roi.ROINumber)
        name = shown(str(roi.get("ROIName") or ""), 200) or f"Structure {number}"
        code = meanings.get(number)
        structure = contours.pop(number, None)
        label = Label(value, name, _colour(structure), Terminology(ANATOMY, code) if code is not None else None)
        space = str(roi.get("ReferencedFrameOfReferenceUID") or "")
        found.append(_Structure(label, space, tuple(items(structure, "ContourSequence"))))
    if contours:
        raise ValueError(f"curves of a structure {next(iter(contours))} that is not there")
    return found


def _of_space(
    structures: list[_Structure], data: Any, image: ImagePlace, path: Path
) -> tuple[list[_Structure], tuple[str, ...]]:
    """The structures of the image's space, and a note on others."""
    referred = {
        str(series.SeriesInstanceUID)
        for frame in items(data, "ReferencedFrameOfReferenceSequence")
        for study in items(frame, "RTReferencedStudySequence")
        for series in items(study, "RTReferencedSeriesSequence")
    }
    check_space({one.space for one in structures} - {""}, referred, image, path.name)
    if not image.reference or image.uid in referred:
        return structures, ()
    elsewhere = [one for one in structures if one.space and one.space != image.reference]
    if not elsewhere:
        return structures, ()
    note = f"Left out, since they lie in another frame of reference: {_names(elsewhere)}."
    return [one for one in structures if one not in elsewhere], (note,)


def _painted(structures: list[_Structure], notes: tuple[str, ...], image: ImagePlace, path: Path) -> Segmentation:
    open_ones = [one for one in structures if not one.closed]
    structures = [one for one in structures if one.closed]
    if not structures:
        raise InputError(f"'{path.name}' holds no closed curves.", "Give another structure set.")
    if open_ones:
        notes += (f"Left out, since they have no closed curves: {_names(open_ones)}.",)
    curves, axis = _curves(structures, image.geometry, path)
    numbering = np.uint8 if max(one.label.value for one in structures) <= np.iinfo(np.uint8).max else np.uint16
    voxels = np.zeros(image.geometry.shape, numbering)
    view = np.moveaxis(voxels, axis, 0)
    painted: list[tuple[int, Label, list[Patch]]] = []
    for structure, own in zip(structures, curves, strict=True):
        patches, said = patches_of(own, (view.shape[0], view.shape[1], view.shape[2])) if own else ([], ())
        size = sum(int(np.count_nonzero(patch.mask)) for patch in patches)
        painted.append((size, structure.label, patches))
        said = said if size or said else ("is smaller than a voxel",)
        notes += tuple(f"'{structure.label.name}' {words}." for words in said)
    if not any(size for size, _, _ in painted):
        raise GeometryError(
            f"Nothing of '{path.name}' lies in the slices of {image.name}.", "Give the image that it was drawn on."
        )
    labels = tuple(one.label for one in structures)
    return Segmentation(voxels, image.geometry, labels, (*notes, *_paint(view, painted)))


def _paint(view: np.ndarray, painted: list[tuple[int, Label, list[Patch]]]) -> tuple[str, ...]:
    """Paints the largest first; a note on what lies under others."""
    names = {label.value: label.name for _, label, _ in painted}
    hidden: dict[str, None] = {}
    for _, label, patches in sorted(painted, key=lambda one: -one[0]):
        for patch in patches:
            target = view[patch.plane][patch.where]
            for value in np.unique(target[patch.mask]):
                if value:
                    hidden[names[int(value)]] = None
            target[patch.mask] = label.value
    if not hidden:
        return ()
    more = f" and {len(hidden) - _NAMED} more" if len(hidden) > _NAMED else ""
    return (f"Structures overlap, and the smaller stands on top; parts are hidden of {_listed(hidden)}{more}.",)


def _curves(structures: list[_Structure], geometry: Geometry, path: Path) -> tuple[list[list[Curve]], int]:
    """The closed curves of each structure, and the axis (0 is z) that they lie across."""
    found: list[list[tuple[np.ndarray, bool]]] = []
    for structure in structures:
        own = []
        for one in structure.closed:
            points = _points(one)
            if len(points) >= _CORNERS:
                exclusive = str(one.ContourGeometricType).strip() == "CLOSEDPLANAR_XOR"
                own.append((geometry.to_index(points), exclusive))
        found.append(own)
    every = [indices for own in found for indices, _ in own]
    if not every:
        raise InputError(f"'{path.name}' holds no closed curves.", "Give another structure set.")
    spreads = np.array([np.ptp(indices, axis=0) for indices in every])
    across = int(np.argmin(spreads.max(axis=0)))
    if spreads[:, across].max() > 2 * _OFF_PLANE:
        raise GeometryError(
            f"A curve of '{path.name}' does not lie in a slice of the series.",
            "Give the series that it was drawn on, or resample the structures in the program that drew them.",
        )
    flat = [number for number in range(3) if number != across]
    curves = [[Curve(float(np.median(i[:, across])), i[:, flat], kind) for i, kind in own] for own in found]
    return curves, 2 - across


def _points(one: Any) -> np.ndarray:
    """Corners (n, 3), LPS mm."""
    stored = one.get_item(_POINTS)
    if stored is None:
        raise ValueError("a curve without points")
    value = stored.value
    # As bytes where pydicom has not looked at them yet, which would make an object of each of a million numbers.
    parts = value.decode("ascii").split("\\") if isinstance(value, bytes) else value
    points = np.fromiter(map(float, parts), float)
    if not np.isfinite(points).all():
        raise ValueError("points that are no numbers")
    return points.reshape(-1, 3)


def _colour(structure: Any) -> tuple[int, int, int]:
    stored = numbers(structure, "ROIDisplayColor", 3)
    if stored is None:
        return Label(1, "x").color
    red, green, blue = (int(np.clip(v, 0, 255)) for v in stored)
    return red, green, blue


def _names(structures: Sequence[_Structure]) -> str:
    more = f" and {len(structures) - _NAMED} more" if len(structures) > _NAMED else ""
    return _listed(one.label.name for one in structures) + more


def _listed(names: Any) -> str:
    return ", ".join(f"'{name}'" for name in list(names)[:_NAMED])
