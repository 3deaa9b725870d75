"""The voxels of a stack: decoded by GDCM file by file, each with its own slope and intercept, in a type that holds all.

SimpleITK's series reader takes the type of the first slice for all, and GDCM the slope of the first frame; so files are
read one by one, and frames whose slope differs are scaled anew.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import islice

import numpy as np
import SimpleITK as sitk

from ...budget import memory_guard, require_memory
from ...errors import InputError
from ...text import shown
from ..itk import quiet, read_image
from .frames import Frame
from .header import Slice

_CURE = "Crop the series, or use a machine with more memory."
# Values that mean something outside the picture must not be turned round for display.
_MEASURED = ("CT", "PT", "NM")
_WHOLE = 1e-3


def read_voxels(planes: Sequence[tuple[Slice, int]], name: str) -> np.ndarray:
    """All planes as (channels, z, y, x): integers where all values are, else float32.

    Raises:
        InputError: a file that cannot be decoded, or holds other pictures than its header says.
        ResourceError: not enough memory.
    """
    targets: dict[str, list[tuple[int, int]]] = {}
    files = {str(item.path): item for item, _ in planes}
    for z, (item, index) in enumerate(planes):
        targets.setdefault(str(item.path), []).append((z, index))
    _require(list(files.values()), len(planes), name)
    result: np.ndarray | None = None
    with memory_guard(f"reading series {name}", _CURE), quiet():
        for item, pictures in _decoded(list(files.values())):
            for z, index in targets[str(item.path)]:
                picture = _scaled(pictures[index], item, item.frames[index])
                result = _room(result, picture, len(planes))
                result[:, z] = picture
    assert result is not None
    return result


def inverted(item: Slice) -> bool:
    """Whether what is stored dark is meant bright, and was turned round for that."""
    return item.photometric == "MONOCHROME1" and not _measured(item)


def _measured(item: Slice) -> bool:
    return item.key.modality in _MEASURED


def _require(files: Sequence[Slice], planes: int, name: str) -> None:
    columns, rows = files[0].size
    # Up to four bytes a value, and what is being decoded, which GDCM may hand over as doubles.
    need = planes * columns * rows * (3 if files[0].colour else 1) * 4 + 5 * max(item.volume_bytes for item in files)
    require_memory(need, f"Series {name} ({planes} x {rows} x {columns} voxels)", _CURE)


def _decoded(files: Sequence[Slice]) -> Iterator[tuple[Slice, np.ndarray]]:
    """Files and their pictures (frames, channels, y, x), a few decoded at a time.

    The first is decoded alone: ITK and GDCM make their tables when the first file is read, and threads that make them
    at once end the process.
    """
    yield files[0], _decode(files[0])
    workers = min(4, os.cpu_count() or 1, len(files) - 1)
    if workers < 2:
        yield from ((item, _decode(item)) for item in files[1:])
        return
    with ThreadPoolExecutor(workers) as pool:
        rest = iter(files[1:])
        waiting = [(item, pool.submit(_decode, item)) for item in islice(rest, 2 * workers)]
        while waiting:
            item, future = waiting.pop(0)
            pictures = future.result()
            waiting.extend((more, pool.submit(_decode, more)) for more in islice(rest, 1))
            yield item, pictures


def _decode(item: Slice) -> np.ndarray:
    image = read_image(item.path, "GDCMImageIO")
    pictures = sitk.GetArrayFromImage(image)
    if image.GetNumberOfComponentsPerPixel() == 1:
        pictures = pictures[..., None]
    pictures = pictures.reshape(-1, *pictures.shape[-3:])
    columns, rows = item.size
    if pictures.shape[:3] != (len(item.frames), rows, columns):
        raise InputError(
            f"'{shown(item.path.name)}' holds pictures of another size or number than its header says.",
            "Copy or export the file again.",
        )
    return np.moveaxis(pictures, -1, 1)


def _scaled(picture: np.ndarray, item: Slice, frame: Frame) -> np.ndarray:
    """One picture (channels, y, x) with its own slope and intercept in place of those that GDCM has applied."""
    turned = item.photometric == "MONOCHROME1" and _measured(item)
    if len(picture) == 1 and (frame.rescale != item.gdcm or turned):
        slope, intercept = item.gdcm
        stored = (picture.astype(np.float64) - intercept) / slope
        if np.abs(stored - np.round(stored)).max() > _WHOLE:
            raise InputError(
                f"'{shown(item.path.name)}' scales its pictures in a way that cannot be told apart.",
                "Convert it with dcm2niix, and give the volume that comes out.",
            )
        stored = np.round(stored)
        if turned:
            stored = sum(item.stored) - stored
        picture = _narrow(stored * frame.rescale[0] + frame.rescale[1], frame.rescale)
    return picture.astype(np.float32) if picture.dtype == np.float64 else picture


def _narrow(values: np.ndarray, rescale: tuple[float, float]) -> np.ndarray:
    if not all(number.is_integer() for number in rescale):
        return values
    low, high = values.min(), values.max()
    for kind in (np.int16, np.uint16, np.int32, np.uint32):
        if np.iinfo(kind).min <= low and high <= np.iinfo(kind).max:
            return values.astype(kind)
    return values


def _room(result: np.ndarray | None, picture: np.ndarray, planes: int) -> np.ndarray:
    """An array (channels, z, y, x) that can hold what was read so far and ``picture``."""
    if result is None:
        return np.zeros((len(picture), planes, *picture.shape[1:]), picture.dtype)
    if len(picture) != len(result):
        raise InputError("Some slices of the series are grey and some in colour.", "Keep those of one kind.")
    if picture.dtype == result.dtype:
        return result
    wide = _common(result, picture)
    return result if wide == result.dtype else result.astype(wide)


def _common(one: np.ndarray, other: np.ndarray) -> np.dtype:
    """The narrowest type for both; GDCM gives a slice with intercept and one without types that differ for nothing."""
    wide = np.promote_types(one.dtype, other.dtype)
    if wide.kind == "f":
        return np.dtype(np.float32)
    low, high = min(one.min(), other.min()), max(one.max(), other.max())
    narrow = (dtype for dtype in (one.dtype, other.dtype) if np.iinfo(dtype).min <= low and high <= np.iinfo(dtype).max)
    return next(narrow, wide)
