"""``read_volume``: any supported image as a :class:`Volume`."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ..errors import InputError
from ..volume import Volume
from .atomic import full_suffix
from .formats.recognition import read_header
from .formats.stored import load
from .picture_sizes import picture_size
from .pictures import check_picture, read_picture
from .plain_files import is_folder, open_plain, require_plain_file

if TYPE_CHECKING:
    import SimpleITK as sitk

# Files of these kinds are left to ITK; a header of theirs cannot name another file.
_FURTHER = {".gipl": "GiplImageIO", ".mrc": "MRCImageIO", ".vtk": "VTKImageIO", ".jp2": "JPEG2000ImageIO"}
_PICTURES = (".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp", ".gif", ".ppm", ".pgm")


def read_volume(path: Path | str, series: str | None = None, *, further_as_channels: bool = False) -> Volume:
    """Reads an image of any supported format, which its content decides, not its name.

    NIfTI, NRRD/NHDR, MHA/MHD, a DICOM folder or one file of a series, PNG, TIFF, JPEG. Integers keep their type, real
    numbers become float32. A 2D image is one slice thick; RGB becomes three channels, an alpha channel is dropped.
    NaN and infinite voxels of NIfTI files become 0, as in ITK; other formats keep them. What was chosen so is among the
    volume's notes.

    Args:
        path: file or DICOM folder.
        series: UID, number or description of the DICOM series, where there are several.
        further_as_channels: take the fourth axis of a 4D file as channels, rather than refuse it.

    Returns:
        voxels (channels, z, y, x), the file's grid, and its name.

    Raises:
        InputError: missing, no plain file, not an image, damaged, several series, a time series, complex numbers, a
            header whose voxels lie in a file elsewhere.
        GeometryError: spacing not positive, direction not orthonormal, missing DICOM slices.
        ResourceError: more voxels than memory holds.
        DependencyError: GIF, PPM, or PNG of grey with alpha, without Pillow.
    """
    path = Path(path)
    if is_folder(path):
        return _dicom(path, series)
    check_file(path)
    stored = read_header(path)
    if stored is None and _is_dicom(path):
        return _dicom(path, series)
    if series is not None:
        raise InputError(f"'{path.name}' is not DICOM, so it has no series '{series}'.", "Leave the series out.")
    if stored is not None:
        return load(stored, further_as_channels)
    size = picture_size(path)
    if size is not None:
        return read_picture(path, size)
    return _further(path)


def needs_library(path: Path) -> bool:
    """Whether reading an existing file or folder takes a C or C++ library.

    Raises:
        InputError, GeometryError, ResourceError: what the header alone shows to be unreadable.
    """
    if is_folder(path):
        return True
    check_file(path)
    if read_header(path) is not None:
        return False
    size = picture_size(path)
    if size is not None:
        check_picture(path, size)
    return size is not None or _is_dicom(path) or full_suffix(path) in _FURTHER


def check_file(path: Path) -> None:
    """Refuses what is no plain file with content.

    Raises:
        InputError: naming what it is.
    """
    require_plain_file(path)
    with open_plain(path) as file:
        if not file.read(1):
            raise InputError(f"'{path.name}' is empty (0 bytes).", "Copy or export it again.")


def _is_dicom(path: Path) -> bool:
    from .dicom import is_dicom

    return is_dicom(path)


def _dicom(path: Path, series: str | None) -> Volume:
    from .dicom import choose_series, read_series

    return replace(read_series(choose_series(path, series)), name=path.name)


def _further(path: Path) -> Volume:
    """A file of the rarer kinds, by its name."""
    from .formats.nifti import pair_of
    from .formats.nifti import read_header as half_of_pair
    from .itk import READABLE, geometry_of, read_image

    suffix = full_suffix(path)
    if pair_of(path) is not None:
        half_of_pair(path)  # says what is missing
    if suffix in _PICTURES:
        raise InputError(
            f"'{path.name}' is damaged, or is not the kind of file that its name says.",
            "Copy or export the file again, and check that its size is the same as the original's.",
        )
    if suffix not in _FURTHER:
        raise InputError(f"'{path.name}' is not an image that can be read.", f"Use {READABLE}.")
    image = read_image(path, _FURTHER[suffix])
    return Volume(_channels(image, path), geometry_of(image), path.name)


def _channels(image: sitk.Image, path: Path) -> np.ndarray:
    """Voxels (channels, z, y, x) of a 2D or 3D image."""
    import SimpleITK as sitk

    array = sitk.GetArrayFromImage(image)
    if np.iscomplexobj(array):
        raise InputError(f"'{path.name}' holds complex numbers.", "Save its magnitude as an image of its own.")
    if array.dtype == np.float64:
        array = array.astype(np.float32)
    array = np.moveaxis(array, -1, 0) if image.GetNumberOfComponentsPerPixel() > 1 else array[None]
    if image.GetDimension() == 2:
        array = array[:, None]
    return np.ascontiguousarray(array)
