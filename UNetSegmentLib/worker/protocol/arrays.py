"""Voxels as messages speak of them: files, and small parts of a label map within the line itself."""

from __future__ import annotations

from dataclasses import dataclass

from ...geometry import Box, Geometry


@dataclass(frozen=True)
class ArrayFile:
    """Voxels in a file: nothing but the raw numbers in C order.

    Args:
        path: absolute path.
        shape: of the array.
        dtype: numpy's ``dtype.str``, byte order included, e.g. ``"<f4"``.
    """

    path: str
    shape: tuple[int, ...]
    dtype: str


@dataclass(frozen=True)
class VolumeFile:
    """An image: array (channels, z, y, x), its grid, what to call it, and its modality in DICOM's word, if known."""

    array: ArrayFile
    geometry: Geometry
    name: str = "image"
    modality: str = ""


@dataclass(frozen=True)
class BoxLabels:
    """Labels of a box of an image: in ``packed``, or in ``file`` where there are many.

    Args:
        box: in array order; an empty one has no labels.
        dtype: numpy's ``dtype.str`` of the packed labels.
        packed: the raw numbers in C order, compressed by zlib, as base64.
        file: the labels instead, shape of the box.
    """

    box: Box
    dtype: str = "|u1"
    packed: str = ""
    file: ArrayFile | None = None


@dataclass(frozen=True)
class BoxMask:
    """Some voxels of a box of an image.

    Args:
        box: in array order.
        packed: a bit for each voxel in C order, the first of eight the highest of a byte; compressed by zlib, as
            base64.
    """

    box: Box
    packed: str
