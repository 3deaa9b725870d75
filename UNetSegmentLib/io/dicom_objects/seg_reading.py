"""``read_seg``: a DICOM segmentation (binary, label map or fractional) as a label map."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np

from ...errors import InputError
from ...geometry import Geometry
from ...labels import CodedTerm, Label, Terminology
from ...text import shown
from ...volume import Segmentation
from .needed import highdicom

_LABELMAP_STORAGE = "1.2.840.10008.5.1.4.1.1.66.7"
_SEG_STORAGE = "1.2.840.10008.5.1.4.1.1.66.4"
STORAGES = (_SEG_STORAGE, _LABELMAP_STORAGE)
_HALF = 0.5
_BACKGROUND = 0
# What pydicom and highdicom raise where a header lacks a value, or holds another one than it should.
_DAMAGES = (ValueError, AttributeError, KeyError, IndexError, TypeError)


def read_seg(path: Path | str) -> Segmentation:
    """Reads a SEG.

    Its grid is that of its own frames, which may be a part of the series that it is about; empty slices in between are
    filled. Segments keep their numbers, names, colours and codes. Fractions count from one half.

    Raises:
        InputError: no SEG, damaged, without frames, with segments that overlap, or with frames that make no grid.
        DependencyError: highdicom is not installed.
    """
    path = Path(path)
    seg = _opened(path)
    try:
        labels = _labels(seg, path)
    except _DAMAGES as error:
        raise _damaged(path, error) from error
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            volume = _volume(seg, [label.value for label in labels])
        except (RuntimeError, *_DAMAGES) as error:
            raise _unreadable(path, error) from error
    voxels = np.asarray(volume.array)
    dtype = np.uint8 if int(voxels.max(initial=0)) < 256 else np.uint16
    return Segmentation(np.ascontiguousarray(voxels, dtype), _geometry(volume), labels)


def _opened(path: Path) -> Any:
    hd = highdicom()
    from pydicom.errors import InvalidDicomError

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return hd.seg.segread(path)
        except InvalidDicomError as error:
            raise InputError(f"'{path.name}' is not DICOM.", "Give a DICOM segmentation.", str(error)) from error
        except (EOFError, *_DAMAGES) as error:
            raise _damaged(path, error) from error


def _volume(seg: Any, values: list[int]) -> Any:
    """Numbers of segments on the grid of the frames."""
    if str(seg.SegmentationType).startswith("FRACTIONAL"):
        shares = seg.get_volume(segment_numbers=values, rescale_fractional=True)
        array = np.asarray(shares.array)
        winner = array.argmax(axis=-1)
        chosen = np.take_along_axis(array, winner[..., None], axis=-1)[..., 0] >= _HALF
        return shares.with_array(np.where(chosen, np.asarray(values, np.uint16)[winner], 0).astype(np.uint16))
    return seg.get_volume(segment_numbers=values, combine_segments=True)


def _geometry(volume: Any) -> Geometry:
    """LPS grid of a volume whose axes are planes, rows, columns."""
    affine = np.asarray(volume.affine, float)
    columns = affine[:3, 2::-1]
    spacing = np.linalg.norm(columns, axis=0)
    size = tuple(int(n) for n in volume.spatial_shape[::-1])
    direction = tuple(float(v) for v in (columns / spacing).ravel())
    origin = tuple(float(v) for v in affine[:3, 3])
    return Geometry(size, tuple(map(float, spacing)), origin, direction)  # type: ignore[arg-type]


def _labels(seg: Any, path: Path) -> tuple[Label, ...]:
    found = []
    for number in seg.segment_numbers:
        description = seg.get_segment_description(number)
        if int(number) == _BACKGROUND:
            continue
        found.append(Label(int(number), _name(description, number), _color(description), _meaning(description)))
    if not found:
        raise InputError(f"'{path.name}' holds no segment.", "Give another segmentation.")
    return tuple(found)


def _name(description: Any, number: int) -> str:
    return shown(description.segment_label or "", 200) or f"Segment {number}"


def _color(description: Any) -> tuple[int, int, int]:
    stored = getattr(description, "RecommendedDisplayCIELabValue", None)
    if stored is None or len(stored) != 3:
        return Label(1, "x").color
    red, green, blue = highdicom().color.CIELabColor.from_dicom_value(list(stored)).to_rgb()
    return int(red), int(green), int(blue)


def _meaning(description: Any) -> Terminology | None:
    category, kind = (_term(description, name) for name in _CODES)
    if category is None or kind is None:
        return None
    below = description.SegmentedPropertyTypeCodeSequence[0]
    region = _term(description, "AnatomicRegionSequence")
    side = _term(below, "SegmentedPropertyTypeModifierCodeSequence")
    region_side = None
    if region is not None:
        region_side = _term(description.AnatomicRegionSequence[0], "AnatomicRegionModifierSequence")
    return Terminology(category, kind, side, region, region_side)


_CODES = ("SegmentedPropertyCategoryCodeSequence", "SegmentedPropertyTypeCodeSequence")


def _term(data: Any, name: str) -> CodedTerm | None:
    sequence = getattr(data, name, None)
    if not sequence:
        return None
    item = sequence[0]
    code = next((str(getattr(item, n)) for n in ("CodeValue", "LongCodeValue", "URNCodeValue") if n in item), "")
    scheme, meaning = str(item.get("CodingSchemeDesignator", "")), str(item.get("CodeMeaning", ""))
    return CodedTerm(scheme, code, meaning) if code and scheme and meaning else None


def _damaged(path: Path, error: Exception) -> InputError:
    return InputError(f"'{path.name}' is no DICOM segmentation that can be read.", "Export it again.", str(error))


def _unreadable(path: Path, error: Exception) -> InputError:
    if "overlap" in str(error).lower():
        return InputError(
            f"Segments of '{path.name}' overlap, which a label map cannot hold.",
            "Open it in Slicer and export the segments one by one.",
            str(error),
        )
    return InputError(
        f"The frames of '{path.name}' make no grid.", "Export the segmentation again, on its series.", str(error)
    )
