"""DICOM images from a folder or one of its files: series found, chosen, sorted along their normal, and checked.

Grouping and sorting are done here rather than by GDCM, because anonymised series often have empty identifiers and
because a missing slice or a tilted gantry must be an error, not a quietly wrong grid.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import SimpleITK as sitk

from ..errors import GeometryError, InputError
from ..geometry import Geometry
from .itk import geometry_of, quiet, read_error, read_image

_log = logging.getLogger(__name__)

_SERIES_UID, _SERIES_NUMBER, _DESCRIPTION, _MODALITY = "0020|000e", "0020|0011", "0008|103e", "0008|0060"
_STORAGE = "1.2.840.10008.5.1.4.1.1."
# Radiographs, CT, ultrasound, MR, captures, angiography, nuclear medicine, photographs, PET.
_IMAGE_CLASSES = {"1", "2", "3", "4", "6", "7", "12", "13", "20", "77", "128"}
_GAP_TOLERANCE = 0.05
_TILT_TOLERANCE = 0.02


@dataclass(frozen=True)
class Slice:
    """What one file's header says about where it belongs."""

    path: Path
    size: tuple[int, int, int]
    spacing: tuple[float, float, float]
    position: np.ndarray
    direction: tuple[float, ...]


@dataclass(frozen=True)
class Series:
    """One image series: its identifier (may be empty when anonymised), what it is called, and its slices."""

    uid: str
    number: str
    description: str
    modality: str
    slices: tuple[Slice, ...] = field(repr=False)

    def __str__(self) -> str:
        name = self.description or "no description"
        identifier = f", UID {self.uid}" if self.uid else ""
        return f"'{name}' ({self.modality or '?'}, series {self.number or '?'}, {len(self.slices)} files{identifier})"

    def answers_to(self, wanted: str) -> bool:
        return wanted in (self.uid, self.number, self.description) and bool(wanted)


def is_dicom(path: Path) -> bool:
    """Whether ITK's DICOM reader would take this file."""
    try:
        with path.open("rb") as file:
            head = file.read(132)
    except OSError:
        return False
    if head[128:] == b"DICM":
        return True
    # Old files have no preamble; they begin with a tag of group 2 or 8.
    return head[:2] in (b"\x02\x00", b"\x08\x00") and head[3:4] == b"\x00"


def find_series(folder: Path) -> list[Series]:
    """All image series in a folder, or in its sub-folders when the folder itself has none; the largest first."""
    for files in (sorted(folder.iterdir()), sorted(folder.rglob("*"))):
        groups: dict[tuple[str, str, str, str], list[Slice]] = {}
        for path in files:
            if path.is_file() and is_dicom(path):
                header = _header(path)
                if header is not None:
                    groups.setdefault(header[0], []).append(header[1])
        if groups:
            found = [Series(*key, tuple(slices)) for key, slices in groups.items()]
            return sorted(found, key=lambda series: (-len(series.slices), str(series)))
    return []


def choose_series(path: Path, wanted: str | None = None) -> Series:
    """The one series that ``path`` (a folder, or a file of the series) and ``wanted`` mean.

    Args:
        wanted: UID, number or description of a series.

    Raises:
        InputError: no series, several and none chosen, or none of that name; the message lists what there is.
    """
    folder = path if path.is_dir() else path.parent
    found = find_series(folder)
    if path.is_file() and wanted is None:
        found = [series for series in found if any(item.path == path for item in series.slices)]
    if not found:
        raise InputError(
            f"'{path.name}' holds no DICOM image.", "Choose the folder that holds the series' files, or one of them."
        )
    listing = "; ".join(str(series) for series in found)
    if wanted is not None:
        chosen = [series for series in found if series.answers_to(wanted)]
        if len(chosen) != 1:
            many = "no series" if not chosen else f"{len(chosen)} series"
            raise InputError(f"'{folder.name}' has {many} called '{wanted}'. It holds {listing}.", "Choose one by UID.")
        return chosen[0]
    if len(found) > 1:
        raise InputError(
            f"'{folder.name}' holds {len(found)} DICOM series: {listing}.",
            "Choose one: give one of its files, or its UID, number or description as the series.",
        )
    return found[0]


def read_series(series: Series) -> tuple[sitk.Image, Geometry]:
    """Reads and stacks the slices, sorted along the normal.

    Raises:
        InputError: slices of different sizes or directions, several at one place (a time series), broken files.
        GeometryError: missing slices or a tilted gantry.
    """
    if len(series.slices) == 1:
        image = read_image(series.slices[0].path)
        return image, geometry_of(image)
    ordered, geometry = _stack(series)
    reader = sitk.ImageSeriesReader()
    reader.SetFileNames([str(item.path) for item in ordered])
    with quiet():
        try:
            image = reader.Execute()
        except RuntimeError as error:
            raise read_error(ordered[0].path.parent, str(error)) from error
    return image, geometry


def _header(path: Path) -> tuple[tuple[str, str, str, str], Slice] | None:
    """Series key and slice of one file; None for DICOM files without an image (reports, structures, DICOMDIR)."""
    reader = sitk.ImageFileReader()
    reader.SetImageIO("GDCMImageIO")
    reader.SetFileName(str(path))
    with quiet():
        try:
            reader.ReadImageInformation()
        except RuntimeError as error:
            if _says_image(path):
                raise read_error(path, str(error)) from error
            _log.info("Skipping %s: a DICOM file without an image.", path.name)
            return None

    def text(tag: str) -> str:
        return reader.GetMetaData(tag).strip(" \0") if reader.HasMetaDataKey(tag) else ""

    if not text("0028|0010"):
        return None
    key = (text(_SERIES_UID), text(_SERIES_NUMBER), text(_DESCRIPTION), text(_MODALITY))
    position = np.asarray(reader.GetOrigin(), dtype=float)
    return key, Slice(path, reader.GetSize(), reader.GetSpacing(), position, reader.GetDirection())


def _says_image(path: Path) -> bool:
    """Whether the file's first element group names an image class; then failing to read it means that it is damaged."""
    with path.open("rb") as file:
        head = file.read(2048)
    _, found, rest = head.partition(b"\x02\x00\x02\x00UI")
    if not found:
        return False
    uid = rest[2 : 2 + int.from_bytes(rest[:2], "little")].decode("ascii", "replace").strip(" \0")
    kind, _, _ = uid.removeprefix(_STORAGE).partition(".")
    return uid.startswith(_STORAGE) and kind in _IMAGE_CLASSES


def _stack(series: Series) -> tuple[list[Slice], Geometry]:
    first = series.slices[0]
    for item in series.slices:
        if item.size != first.size or not np.allclose(item.spacing[:2], first.spacing[:2], rtol=1e-3):
            raise InputError(
                f"The files of series {series} differ in size or pixel spacing.",
                "Keep the files of one acquisition in the folder (for example move scouts away).",
            )
        if not np.allclose(item.direction, first.direction, atol=1e-3):
            raise InputError(
                f"The files of series {series} lie in different planes.",
                "Keep the files of one acquisition in the folder (for example move scouts away).",
            )
    axes = np.asarray(first.direction).reshape(3, 3)
    ordered = sorted(series.slices, key=lambda item: float(item.position @ axes[:, 2]))
    steps = np.diff([item.position for item in ordered], axis=0)
    gap = _check_steps(series, steps, axes[:, 2])
    size = (first.size[0], first.size[1], len(ordered))
    spacing = (first.spacing[0], first.spacing[1], gap)
    return ordered, Geometry(size, spacing, tuple(ordered[0].position), tuple(axes.ravel()))


def _check_steps(series: Series, steps: np.ndarray, normal: np.ndarray) -> float:
    """The distance between slices, when they are evenly and squarely stacked."""
    gaps = steps @ normal
    gap = float(np.median(gaps))
    if gaps.min() < 1e-3:
        raise InputError(
            f"Series {series} has several slices at one place: a time series or several acquisitions.",
            "Split it into single volumes first, for example with Slicer's DICOM module.",
        )
    if np.abs(gaps - gap).max() > max(_GAP_TOLERANCE * gap, 0.01):
        raise GeometryError(
            f"The slices of series {series} are not evenly spaced ({gaps.min():.3g} to {gaps.max():.3g} mm): "
            "some are missing.",
            "Complete the series, or resample it with Slicer's 'Acquisition geometry regularization'.",
        )
    sideways = np.abs(steps - gaps[:, None] * normal).max()
    if sideways > max(_TILT_TOLERANCE * gap, 0.01):
        raise GeometryError(
            f"The slices of series {series} are shifted against each other (a tilted gantry).",
            "Resample it to a regular grid first with Slicer's 'Acquisition geometry regularization'.",
        )
    return gap
