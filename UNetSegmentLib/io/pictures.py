"""PNG, JPEG, TIFF, BMP, GIF and PNM pictures, and stacks of TIFF pages, as volumes."""

from __future__ import annotations

import json
import math
import re
import warnings
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from ..budget import memory_guard, require_memory
from ..errors import DependencyError, GeometryError, InputError
from ..geometry import Geometry
from ..volume import Volume
from .atomic import stem
from .picture_sizes import BMP, GIF, JPEG, PNG, PNM, TIFF, PictureSize
from .plain_files import open_plain, read_limited

_READERS = {PNG: "PNGImageIO", JPEG: "JPEGImageIO", TIFF: "TIFFImageIO", BMP: "BMPImageIO"}
_SMALLER = "Save it with fewer pixels, or use a machine with more memory."
# ITK's image, its copy as an array, and what a decoder needs in between.
_COPIES = 2.5
_CHANNEL_NUMBER = re.compile(r"_\d{4}$")
_LONGEST_SIDECAR = 1 << 20
_IMAGEJ = re.compile(r"^(channels|frames)=(\d+)", re.MULTILINE)
_OME = re.compile(r"\bSize([CT])=\"(\d+)\"")
_OWN_SIZE = re.compile(r"^spacing=|\bPhysicalSize[XYZ]=", re.MULTILINE)
_ORIENTATION = 274


def read_picture(path: Path, size: PictureSize) -> Volume:
    """Reads a picture, or a stack of TIFF pages.

    Pixels are 1 mm wide, whatever a print resolution in the file says, except where the spacing of a TIFF lies in a
    JSON file beside it, as nnU-Net has them.

    Args:
        size: what its header says.

    Returns:
        voxels (channels, z, y, x) without transparency.

    Raises:
        InputError: damaged, cut short, several channels or points in time as pages.
        GeometryError: a spacing beside it that is none.
        ResourceError: more pixels than memory holds.
        DependencyError: GIF, PNM, or PNG of grey with alpha, without Pillow.
    """
    check_picture(path, size)
    with memory_guard(f"reading '{path.name}'", _SMALLER):
        if size.kind in (GIF, PNM) or (size.kind == PNG and size.channels == 2):
            volume = _with_pillow(path)
        else:
            volume = _with_itk(path, size)
    volume = volume.with_notes(*_turned(path)) if size.kind == JPEG else volume
    return _spaced(_without_alpha(volume), path, size)


def check_picture(path: Path, size: PictureSize) -> None:
    """Refuses what its header and its end tell to be unreadable, without a decoder.

    Raises:
        InputError, ResourceError: as :func:`read_picture`.
    """
    require_memory(int(size.bytes * _COPIES), f"The picture '{path.name}' ({size})", _SMALLER)
    if size.kind == JPEG:
        _check_end(path)
    _check_pages(path, size)


def sidecar(path: Path) -> Path | None:
    """The JSON file that may hold the spacing of a TIFF: of its name, or of its name without the channel's number."""
    name = stem(path)
    for candidate in (name, _CHANNEL_NUMBER.sub("", name)):
        beside = path.with_name(candidate + ".json")
        if beside.is_file():
            return beside
    return None


def _with_itk(path: Path, size: PictureSize) -> Volume:
    import SimpleITK as sitk

    from .itk import geometry_of, read_image

    image = read_image(path, _READERS[size.kind])
    array = sitk.GetArrayFromImage(image)
    array = np.moveaxis(array, -1, 0) if image.GetNumberOfComponentsPerPixel() > 1 else array[None]
    if image.GetDimension() == 2:
        array = array[:, None]
    if array.dtype == np.float64:
        array = array.astype(np.float32)
    return Volume(np.ascontiguousarray(array), Geometry(geometry_of(image).size), path.name)


def _with_pillow(path: Path) -> Volume:
    """What ITK does not read: GIF (DRIVE's label files), of which the first picture, PPM (STARE), grey with alpha."""
    try:
        from PIL import Image, UnidentifiedImageError
    except ImportError as error:
        raise DependencyError(f"Reading '{path.name}' needs Pillow.", "Install it with: pip install Pillow") from error
    notes: tuple[str, ...] = ()
    try:
        # Its size was compared with the memory that there is; a warning about its size would say nothing new.
        with warnings.catch_warnings(), open_plain(path) as file:
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            with Image.open(file) as picture:
                grey = picture.mode in ("1", "L", "LA", "P")
                if getattr(picture, "n_frames", 1) > 1:
                    notes = (f"'{path.name}' holds several pictures; the first is read.",)
                if picture.mode in ("LA", "RGBA"):
                    notes = (*notes, _alpha_note(path))
                array = np.asarray(picture.convert("L" if grey else "RGB"))
    except Image.DecompressionBombError as error:
        raise InputError(f"'{path.name}' has more pixels than are read of its kind.", _SMALLER, str(error)) from error
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError, EOFError) as error:
        raise InputError(
            f"'{path.name}' is damaged or incomplete: its voxels could not be read.",
            "Copy or export the file again, and check that its size is the same as the original's.",
            str(error),
        ) from error
    array = array[None] if array.ndim == 2 else np.moveaxis(array, -1, 0)
    height, width = array.shape[1:]
    return Volume(np.ascontiguousarray(array[:, None]), Geometry((width, height, 1)), path.name, notes)


def _without_alpha(volume: Volume) -> Volume:
    if volume.channels not in (2, 4):
        return volume
    voxels = np.ascontiguousarray(volume.voxels[:-1])
    return replace(volume, voxels=voxels).with_notes(_alpha_note(Path(volume.name)))


def _alpha_note(path: Path) -> str:
    return f"The transparency (alpha channel) of '{path.name}' is left out."


def _check_pages(path: Path, size: PictureSize) -> None:
    """Refuses pages that are channels or points in time, which would become slices of one volume."""
    if size.pages == 1:
        return
    named = dict(_IMAGEJ.findall(size.description)) if size.description.startswith("ImageJ=") else {}
    if "<OME" in size.description:
        ome = dict(_OME.findall(size.description))
        named = {"channels": ome.get("C", "1"), "frames": ome.get("T", "1")}
        if int(named["channels"]) == size.channels:
            named["channels"] = "1"
    counts = {what: int(number) for what, number in named.items() if int(number) > 1}
    if counts:
        words = " and ".join(f"{number} {what}" for what, number in counts.items())
        raise InputError(
            f"'{path.name}' is a stack of {words}: several volumes in one file.",
            "Save the volume you want (one file per channel and time point) as a stack of its own.",
        )


def _check_end(path: Path) -> None:
    """A JPEG ends with the marker FF D9; decoders grey out what is missing before it."""
    with open_plain(path) as file:
        length = file.seek(0, 2)
        file.seek(max(length - 1024, 0))
        end = file.read()
    if b"\xff\xd9" not in end:
        raise InputError(
            f"'{path.name}' is cut short: it holds less data than its header says.",
            "Copy or export the file again, and check that its size is the same as the original's.",
            "no end marker",
        )


def _spaced(volume: Volume, path: Path, size: PictureSize) -> Volume:
    """With the spacing that a JSON file beside a TIFF gives, in array order (z, y, x)."""
    beside = sidecar(path) if size.kind == TIFF else None
    if beside is None:
        return volume.with_notes(*_own_size(path, size))
    try:
        content = json.loads(read_limited(beside, _LONGEST_SIDECAR))
    except (InputError, ValueError, RecursionError):
        return volume.with_notes(f"'{beside.name}' is not read: it is no JSON file. Voxels of 1 mm are assumed.")
    if not isinstance(content, dict) or "spacing" not in content:
        return volume.with_notes(*_own_size(path, size))
    spacing = _three_numbers(content["spacing"])
    if spacing is None:
        raise GeometryError(
            f"The spacing that '{beside.name}' gives for '{path.name}' is not three positive numbers.",
            'Write it as "spacing": [z, y, x] in mm.',
        )
    z, y, x = spacing
    words = f"{x:g} x {y:g} x {z:g} mm"
    geometry = replace(volume.geometry, spacing=(x, y, z))
    return replace(volume, geometry=geometry).with_notes(
        f"The spacing of '{path.name}' ({words}) is from '{beside.name}'."
    )


def _own_size(path: Path, size: PictureSize) -> tuple[str, ...]:
    """A note on a voxel size of ImageJ or OME, whose units are as often wrong as right."""
    if size.kind != TIFF or not _OWN_SIZE.search(size.description):
        return ()
    return (
        f"'{path.name}' states a voxel size of its own (ImageJ or OME), which is not read: voxels of 1 mm are assumed. "
        f"""Give the size in '{stem(path)}.json' beside it: {{"spacing": [z, y, x]}} in mm.""",
    )


def _turned(path: Path) -> tuple[str, ...]:
    """A note on a photograph that viewers turn (EXIF); none without Pillow, or where its EXIF is damaged."""
    try:
        from PIL import Image

        with open_plain(path) as file, Image.open(file) as picture:
            orientation = picture.getexif().get(_ORIENTATION, 1)
    # Damaged EXIF fails in many ways, and is not what the picture is read for.
    except Exception:
        return ()
    if orientation not in range(2, 9):
        return ()
    return (
        f"'{path.name}' is marked to be turned when it is shown (EXIF orientation {orientation}). It is read as "
        "stored, as Slicer does: viewers that turn it show picture and result apart.",
    )


def _three_numbers(value: object) -> Sequence[float] | None:
    if not isinstance(value, list) or len(value) != 3:
        return None
    try:
        numbers = [float(v) for v in value]
    except (TypeError, ValueError, OverflowError):
        return None
    return numbers if all(math.isfinite(v) and v > 0 for v in numbers) else None
