"""The only place that talks to SimpleITK about files: quiet, and with errors that people can act on."""

from __future__ import annotations

import contextlib
import errno
import logging
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import SimpleITK as sitk

from ..budget import available_memory, is_out_of_memory, out_of_memory, size_words
from ..errors import GeometryError, InputError, OutputError, ResourceError
from ..geometry import Geometry
from .atomic import atomic_path, full_suffix, output_error
from .formats.recognition import read_header
from .formats.stored import load
from .itk_paths import readable, writable

_log = logging.getLogger(__name__)

READABLE = "NIfTI (.nii, .nii.gz), NRRD, MHA/MHD, DICOM, PNG, TIFF or JPEG"
_KNOWN_SUFFIXES = (".nrrd", ".nhdr", ".seg.nrrd", ".mha", ".mhd", ".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp")
_LOW_SPACE = 1 << 20
_SPACING_CURE = "Correct the spacing in the file's header, for example with Slicer's Volumes module, and try again."
_SHEAR_CURE = (
    "Resample the image to a regular grid first, for example with Slicer's 'Acquisition geometry regularization' or "
    "'Resample Scalar/Vector/DWI Volume' module."
)


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """ITK's C++ warnings off; they go past Python's logging straight to the terminal."""
    before = sitk.ProcessObject.GetGlobalWarningDisplay()
    sitk.ProcessObject.SetGlobalWarningDisplay(False)
    try:
        yield
    finally:
        sitk.ProcessObject.SetGlobalWarningDisplay(before)


def read_image(path: Path, image_io: str = "") -> sitk.Image:
    """Reads one file.

    Args:
        image_io: ITK's reader of the format; empty lets ITK look for one.

    Raises:
        InputError: the file is no image, or is broken.
        GeometryError: spacing or direction that ITK itself refuses.
        ResourceError: it does not fit into memory.
    """
    _log.debug("reading %r", path.name)
    with quiet(), readable(path) as name:
        try:
            image = sitk.ReadImage(name, imageIO=image_io)
            _log.debug("read %r", path.name)
            return image
        except RuntimeError as error:
            if is_out_of_memory(error):
                raise ResourceError(
                    f"'{path.name}' does not fit into memory ({size_words(available_memory())} are free).",
                    "Crop it, or use a machine with more memory.",
                    str(error),
                ) from error
            raise read_error(path, str(error)) from error


def read_error(path: Path, text: str) -> InputError:
    """ITK's exception text as cause and cure."""
    lowered = text.lower()
    if "spacing is not supported" in lowered:
        return GeometryError(f"The voxel spacing of '{path.name}' is zero or negative.", _SPACING_CURE, text)
    if "orthonormal" in lowered or "bad direction" in lowered or "determinant is 0" in lowered:
        return GeometryError(
            f"The image axes of '{path.name}' are not perpendicular unit vectors (a sheared or tilted acquisition).",
            _SHEAR_CURE,
            text,
        )
    if "unable to determine imageio" in lowered and full_suffix(path) in _KNOWN_SUFFIXES:
        return InputError(
            f"'{path.name}' is damaged, or is not the kind of file that its name says.",
            "Copy or export the file again, and check that its size is the same as the original's.",
            text,
        )
    if "unable to determine imageio" in lowered:
        return InputError(f"'{path.name}' is not an image that can be read.", f"Use {READABLE}.", text)
    return InputError(
        f"'{path.name}' is damaged or incomplete: its voxels could not be read.",
        "Copy or export the file again, and check that its size is the same as the original's.",
        text,
    )


def write_image(image: sitk.Image, path: Path | str, compress: bool = True) -> None:
    """Writes one single-file image, atomically.

    Raises:
        OutputError: see :func:`UNetSegmentLib.io.atomic.atomic_path`.
    """
    target = Path(path)
    with atomic_path(target) as temporary, quiet():
        # ITK says only that it failed; the operating system says why the folder cannot be written to.
        temporary.touch()
        try:
            with writable(temporary) as name:
                sitk.WriteImage(image, name, useCompression=compress)
        except RuntimeError as error:
            if is_out_of_memory(error):
                raise out_of_memory(error) from error
            raise _incomplete(target, error) from error
        _check_complete(temporary, target)


def _check_complete(temporary: Path, target: Path) -> None:
    """Refuses a file that was cut short without ITK noticing, as happens on a full disk."""
    try:
        stored = read_header(temporary)
        if stored is not None:
            load(stored, further_as_channels=True)
        else:
            read_image(temporary)
    except ResourceError:
        return  # complete as far as can be told
    except (InputError, RuntimeError) as error:
        raise _incomplete(target, error) from error


def _incomplete(target: Path, error: Exception) -> OutputError:
    free = shutil.disk_usage(target.parent).free
    if free < _LOW_SPACE:
        return output_error(target, OSError(errno.ENOSPC, str(error)))
    return OutputError(
        f"'{target.name}' could not be written completely.",
        "Check that the disk and your quota are not full. The previous file, if any, is unchanged.",
        str(error),
    )


def geometry_of(image: sitk.Image) -> Geometry:
    """The grid of a 2D or 3D image; 2D becomes one slice thick.

    Raises:
        GeometryError: spacing or direction that is no regular grid.
    """
    size, spacing, origin = image.GetSize(), image.GetSpacing(), image.GetOrigin()
    direction = np.asarray(image.GetDirection()).reshape(image.GetDimension(), -1)
    if image.GetDimension() == 2:
        full = np.eye(3)
        full[:2, :2] = direction
        full[2, 2] = np.sign(np.linalg.det(direction)) or 1.0
        size, spacing, origin, direction = (*size, 1), (*spacing, 1.0), (*origin, 0.0), full
    return Geometry(size, spacing, origin, tuple(direction.ravel()))


def to_image(voxels: np.ndarray, geometry: Geometry) -> sitk.Image:
    """SimpleITK image of a label map (z, y, x) or of channels (channels, z, y, x); one channel gives a scalar image."""
    if voxels.ndim == 4 and voxels.shape[0] == 1:
        voxels = voxels[0]
    if voxels.dtype == bool:
        voxels = voxels.astype(np.uint8)
    vector = voxels.ndim == 4
    array = np.ascontiguousarray(np.moveaxis(voxels, 0, -1) if vector else voxels)
    image = sitk.GetImageFromArray(array, isVector=vector)
    image.SetSpacing(geometry.spacing)
    image.SetOrigin(geometry.origin)
    image.SetDirection(geometry.direction)
    return image
