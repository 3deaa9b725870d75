"""``read_volume``: any supported image as a :class:`Volume`."""

from __future__ import annotations

import logging
from dataclasses import replace
from pathlib import Path

import numpy as np
import SimpleITK as sitk

from ..errors import DependencyError, InputError
from ..geometry import Geometry
from ..volume import Volume
from .atomic import full_suffix
from .dicom import choose_series, is_dicom, read_series
from .integrity import check_integrity
from .itk import READABLE, geometry_of, read_image

_log = logging.getLogger(__name__)

_PHOTO_SUFFIXES = (".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp", ".gif", ".ppm", ".pgm")
_PILLOW_SUFFIXES = (".gif", ".ppm", ".pgm")


def read_volume(path: Path | str, series: str | None = None) -> Volume:
    """Reads an image of any supported format.

    NIfTI, NRRD/NHDR, MHA/MHD, a DICOM folder or one file of a series, PNG, TIFF, JPEG. Integers keep their type, real
    numbers become float32. A 2D image is one slice thick; RGB becomes three channels, an alpha channel is dropped.
    NaN and infinite voxels of NIfTI files are read as 0 (ITK's choice); other formats keep them.

    Args:
        path: file or DICOM folder.
        series: UID, number or description of the DICOM series, where there are several.

    Returns:
        voxels (channels, z, y, x), the file's grid, and its name.

    Raises:
        InputError: missing, not an image, damaged, several series, a time series, complex numbers.
        GeometryError: spacing not positive, direction not orthonormal, missing DICOM slices.
        DependencyError: GIF, PPM, or PNG of grey with alpha, without Pillow.
    """
    path = Path(path)
    _check_exists(path)
    if path.is_dir() or is_dicom(path):
        return replace(read_series(choose_series(path, series)), name=path.name)
    if series is not None:
        raise InputError(f"'{path.name}' is not DICOM, so it has no series '{series}'.", "Leave the series out.")
    check_integrity(path)
    if full_suffix(path) in _PILLOW_SUFFIXES or _is_grey_alpha_png(path):
        return _read_with_pillow(path)
    image = _squeeze(read_image(path), path)
    voxels = _channels(image, path)
    if full_suffix(path) in _PHOTO_SUFFIXES:
        voxels = _drop_alpha(voxels, path)
    return Volume(voxels, geometry_of(image), path.name)


def _check_exists(path: Path) -> None:
    try:
        exists = path.exists()
    except OSError as error:
        raise InputError(f"'{path.name}' cannot be opened.", "Check the path.", str(error)) from error
    if not exists:
        raise InputError(f"'{path}' does not exist.", "Check the path and its spelling.")
    if path.is_file():
        try:
            path.open("rb").close()
        except OSError as error:
            raise InputError(f"'{path.name}' cannot be opened.", "Check its permissions.", str(error)) from error


def _squeeze(image: sitk.Image, path: Path) -> sitk.Image:
    """A 4D image with one time point as 3D; more is an error."""
    if image.GetDimension() <= 3:
        return image
    size = image.GetSize()
    if image.GetDimension() > 4 or size[3] != 1:
        raise InputError(
            f"'{path.name}' is {image.GetDimension()}D ({' x '.join(map(str, size))}): several volumes in one file.",
            "Save the volume you want (a time point, or one file per channel) as a 3D image of its own.",
        )
    return image[:, :, :, 0]


def _channels(image: sitk.Image, path: Path) -> np.ndarray:
    """Voxels (channels, z, y, x) of a 2D or 3D image."""
    array = sitk.GetArrayFromImage(image)
    if np.iscomplexobj(array):
        raise InputError(f"'{path.name}' holds complex numbers.", "Save its magnitude as an image of its own.")
    if array.dtype == np.float64:
        array = array.astype(np.float32)
    array = np.moveaxis(array, -1, 0) if image.GetNumberOfComponentsPerPixel() > 1 else array[None]
    if image.GetDimension() == 2:
        array = array[:, None]
    return np.ascontiguousarray(array)


def _drop_alpha(voxels: np.ndarray, path: Path) -> np.ndarray:
    if len(voxels) not in (2, 4):
        return voxels
    _log.info("%s: the alpha channel (transparency) is left out.", path.name)
    return np.ascontiguousarray(voxels[:-1])


def _is_grey_alpha_png(path: Path) -> bool:
    """PNG's colour type 4, in the 26th byte."""
    with path.open("rb") as file:
        head = file.read(26)
    return head.startswith(b"\x89PNG") and head[25:] == b"\x04"


def _read_with_pillow(path: Path) -> Volume:
    """What ITK does not read: GIF (DRIVE's label files), of which the first picture, PPM (STARE), grey with alpha."""
    try:
        from PIL import Image, UnidentifiedImageError
    except ImportError as error:
        raise DependencyError(f"Reading '{path.name}' needs Pillow.", "Install it with: pip install Pillow") from error
    try:
        with Image.open(path) as picture:
            array = np.asarray(picture.convert("L" if picture.mode in ("1", "L", "LA", "P") else "RGB"))
    except (UnidentifiedImageError, OSError) as error:
        raise InputError(f"'{path.name}' is not an image that can be read.", f"Use {READABLE}.", str(error)) from error
    array = array[None] if array.ndim == 2 else np.moveaxis(array, -1, 0)
    height, width = array.shape[1:]
    return Volume(np.ascontiguousarray(array[:, None]), Geometry((width, height, 1)), path.name)
