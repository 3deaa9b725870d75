"""``read_seg``: a DICOM segmentation (binary, label map or fractional) as a label map."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from ....budget import require_memory
from ....errors import InputError, UNetSegmentError
from ....geometry import Geometry
from ....labels import Label
from ....text import shown
from ....volume import Segmentation
from ...dicom.values import number
from .image_grid import ImagePlace, check_space
from .placing import placed_on
from .seg_frames import STORAGES, SegFile, damaged, open_seg, segments_header
from .seg_planes import planes_of
from .seg_segments import Segments, chosen, segments_of

__all__ = ["STORAGES", "read_seg"]

_LONE = 255  # label maps of more values take two bytes a voxel
_MEMORY = "Read it on a machine with more memory."


def read_seg(path: Path | str, image: ImagePlace | None = None, segments: Sequence[str] = ()) -> Segmentation:
    """Reads a SEG.

    Segments keep their numbers, names, colours and codes; those without a voxel too. Fractions count from one half, the
    largest of a voxel.

    Args:
        image: puts the labels on its grid: plane by plane where the frames lie in its planes, else voxel by voxel the
            nearest, which the notes say. None: the grid of the frames themselves, which may be a part of the series;
            planes in between without a frame are empty.
        segments: names or numbers of those to read; all by default.

    Returns:
        voxels (z, y, x) uint8 where all numbers fit, else uint16.

    Raises:
        InputError: no SEG, damaged, without frames, of tiles, with segments that overlap or without a wanted one; in
            another frame of reference than the image.
        GeometryError: frames that make no grid, or do not lie on that of the image.
        ResourceError: not enough memory.
        DependencyError: nothing is installed that decodes its pixels.
    """
    path = Path(path)
    seg = open_seg(path)
    if image is not None:
        check_space(seg.spaces, seg.series, image, path.name)
    found = segments_of(seg.data, seg.kind, path.name)
    labels = chosen(found.labels, segments, path.name)
    geometry, planes, notes = planes_of(seg, image)
    wanted = {stored: value for stored, value in found.values.items() if value in {label.value for label in labels}}
    read = _Reading(seg, geometry, planes, replace(found, labels=labels), wanted)
    voxels = read.fractions() if seg.kind == "FRACTIONAL" else read.masks()
    if seg.kind == "FRACTIONAL":
        notes += (f"'{shown(path.name)}' holds fractions; the largest of a voxel counts, from one half on.",)
    segmentation = Segmentation(voxels, geometry, labels, notes)
    return segmentation if image is None else placed_on(segmentation, image, seg.spaces, path.name)


class _Reading:
    """The voxels of a SEG while they are put together.

    Args:
        planes: of the frames, in ``geometry``.
        segments: with the wanted labels alone.
        wanted: value by number in the file, of the wanted ones.
    """

    def __init__(
        self, seg: SegFile, geometry: Geometry, planes: Sequence[int], segments: Segments, wanted: dict[int, int]
    ) -> None:
        self._seg, self._planes, self._segments, self._wanted = seg, planes, segments, wanted
        self._dtype = np.uint8 if max(label.value for label in segments.labels) <= _LONE else np.uint16
        size = int(np.prod(geometry.shape)) * np.dtype(self._dtype).itemsize
        require_memory(2 * size, f"Reading '{seg.path.name}'", _MEMORY)
        self._voxels = np.zeros(geometry.shape, self._dtype)

    def masks(self) -> np.ndarray:
        """Of a label map or binary frames."""
        for number_, frame in enumerate(self._seg.pixels()):
            target = self._voxels[self._planes[number_]]
            if self._seg.kind == "LABELMAP":
                new = self._of_label_map(frame)
                self._check_overlap(target, new)
                np.copyto(target, new, where=new > 0)
                continue
            value = self._value_of(number_)
            if value:
                mask = frame != 0
                there = target[mask]
                if there.any():
                    self._check_overlap(there, np.full_like(there, value))
                target[mask] = value
        return self._voxels

    def fractions(self) -> np.ndarray:
        """The segment of the largest share that is at least one half; the first of equal ones."""
        largest = number(self._seg.data, "MaximumFractionalValue") or 255
        shares = np.zeros(self._voxels.shape, np.uint8)
        for number_, frame in enumerate(self._seg.pixels()):
            value, plane = self._value_of(number_), self._planes[number_]
            if not value:
                continue
            target, best = self._voxels[plane], shares[plane]
            better = (2 * frame.astype(np.uint16) >= largest) & (frame > 0)
            better &= (frame > best) | ((frame == best) & (value < target))
            target[better], best[better] = value, frame[better]
        return self._voxels

    def _value_of(self, frame: int) -> int:
        """The label's value of a frame; 0 for a segment that is not wanted."""
        segment = self._seg.planes[frame].segment
        if segment is None or segment not in self._segments.values:
            raise InputError(
                f"'{self._seg.path.name}' has a frame that belongs to none of its segments.", "Export it again."
            )
        return self._wanted.get(segment, 0)

    def _of_label_map(self, frame: np.ndarray) -> np.ndarray:
        present = np.flatnonzero(np.bincount(frame.ravel()))
        strange = [int(v) for v in present if v and v != self._segments.background and v not in self._segments.values]
        if strange:
            raise InputError(
                f"'{self._seg.path.name}' holds the number {strange[0]}, which is none of its segments.",
                "Export it again.",
            )
        table = np.zeros(int(present.max(initial=0)) + 1, self._dtype)
        for stored, value in self._wanted.items():
            if stored < len(table):
                table[stored] = value
        return table[frame]

    def _check_overlap(self, there: np.ndarray, new: np.ndarray) -> None:
        both = (there != 0) & (new != 0) & (there != new)
        if not both.any():
            return
        names = {label.value: label.name for label in self._segments.labels}
        one, other = (shown(names[int(values[both][0])], 60) for values in (there, new))
        raise overlap(self._seg.path, one, other)


def overlap(path: Path, one: str, other: str) -> InputError:
    """The error for segments that overlap."""
    return InputError(
        f"The segments '{one}' and '{other}' of '{path.name}' overlap, which a label map cannot hold.",
        f'Take one by itself: unetsegment convert {path.name} one.seg.nrrd --segment "{other}" (or its number).',
    )


def names_in(path: Path) -> tuple[Label, ...]:
    """The segments of a SEG, out of its header alone.

    Raises:
        InputError: it names none, or is damaged.
    """
    data, kind = segments_header(path)
    try:
        return segments_of(data, kind, path.name).labels
    except UNetSegmentError:
        raise
    except Exception as error:  # a damaged header fails in as many ways as there are types
        raise damaged(path, "its header is damaged", str(error)) from error
