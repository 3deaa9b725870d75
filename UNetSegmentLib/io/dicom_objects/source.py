"""The series that a DICOM object is about: its headers, and which picture is which plane of the grid."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ...errors import GeometryError, InputError
from ...geometry import Geometry
from ...volume import Segmentation
from ..dicom.opening import read_dataset
from ..dicom.recognition import is_dicom
from ..dicom.series import choose_series
from ..dicom.stacking import stack
from ..grid import place_on_grid
from ..plain_files import is_folder, require_plain_file
from .texts import mend_character_set

# Of patient and study, which every object about the series repeats.
_MAY_BE_EMPTY = (
    "PatientName",
    "PatientID",
    "PatientBirthDate",
    "PatientSex",
    "StudyDate",
    "StudyTime",
    "StudyID",
    "AccessionNumber",
    "ReferringPhysicianName",
)
_NEEDED = ("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID", "SOPClassUID")


@dataclass(frozen=True, eq=False)
class SourceSeries:
    """A series, without its pixels.

    Args:
        files: the headers of its files (pydicom), sorted as their pictures lie.
        frames: for each plane (z) of the grid, the number of its file and of the picture in it.
        geometry: the grid.
        name: for messages.
    """

    files: tuple[Any, ...]
    frames: tuple[tuple[int, int], ...]
    geometry: Geometry
    name: str

    @property
    def multi_frame(self) -> bool:
        """Whether the files hold several pictures each."""
        return any(int(getattr(data, "NumberOfFrames", 1) or 1) > 1 for data in self.files)

    @property
    def reference(self) -> str:
        """UID of the frame of reference; empty where the series states none."""
        return str(getattr(self.files[0], "FrameOfReferenceUID", "") or "")

    @property
    def uid(self) -> str:
        """UID of the series; empty where it states none."""
        return str(getattr(self.files[0], "SeriesInstanceUID", "") or "")

    @property
    def modality(self) -> str:
        """``CT``, ``MR`` and so on."""
        return str(getattr(self.files[0], "Modality", "") or "")

    def planes_of(self, segmentation: Segmentation) -> np.ndarray:
        """The labels (planes, rows, columns) of a segmentation on this grid.

        Raises:
            GeometryError: it does not lie on the grid of the series.
        """
        return np.ascontiguousarray(place_on_grid(segmentation, self.geometry, "The segmentation").voxels)


def source_of(path: Path | str, series: str | None = None, stored: bool = True) -> SourceSeries:
    """Reads the headers of a series.

    Args:
        path: its folder, or one of its files.
        series: UID, number or description, where there are several.
        stored: an object about it is stored, which needs its identifiers; else its headers are read for their words.

    Raises:
        InputError: nothing there, no DICOM, or headers that lack what objects about them need.
        GeometryError: slices that make no grid (a tilted gantry, missing or unevenly spaced ones).
    """
    path = Path(path)
    if not is_folder(path):
        require_plain_file(path)
    if not (is_folder(path) or is_dicom(path)):
        raise _no_dicom(path, stored)
    chosen = choose_series(path, series)
    try:
        stacked = stack(chosen)
    except GeometryError as error:
        if not stored:
            raise
        raise GeometryError(
            error.cause,
            "A DICOM object lies on the slices of its series, and these make no grid. Resample it with Slicer's "
            "'Acquisition geometry regularization', segment that, and write .seg.nrrd or .nii.gz.",
        ) from error
    paths = list(dict.fromkeys(item.path for item, _ in stacked.planes))
    files = tuple(_tidied(read_dataset(file, stop_before_pixels=True), stacked.geometry) for file in paths)
    numbers = {file: number for number, file in enumerate(paths)}
    if stored:
        _check_identified(files, paths)
    frames = tuple((numbers[item.path], index) for item, index in stacked.planes)
    return SourceSeries(files, frames, stacked.geometry, str(chosen))


def _no_dicom(path: Path, stored: bool) -> InputError:
    if stored:
        return InputError(
            f"'{path.name}' is not DICOM, and a DICOM object is about a series of DICOM files.",
            "Give the folder of the series as the image, or write .seg.nrrd or .nii.gz.",
        )
    return InputError(
        f"'{path.name}' is not DICOM, and other files name no patient.",
        "Give the folder of the series as the image, or do not ask for the patient's name.",
    )


def _check_identified(files: Sequence[Any], paths: Sequence[Path]) -> None:
    """Refuses headers without what an object about them refers to."""
    for data, file in zip(files, paths, strict=True):
        lacking = [name for name in _NEEDED if not str(getattr(data, name, "") or "")]
        if lacking:
            raise InputError(
                f"'{file.name}' states no {' and no '.join(lacking)}, without which nothing can be stored about it.",
                "Use files that keep their identifiers, or write .seg.nrrd or .nii.gz.",
            )


def _tidied(data: Any, geometry: Geometry) -> Any:
    """Headers as the standard wants them, where files of scanners and anonymisers do not: the character set is one that
    there is, what may be empty may be missing, and slices without a thickness are as thick as they lie apart."""
    mend_character_set(data)
    for name in _MAY_BE_EMPTY:
        if name not in data:
            setattr(data, name, "")
    if "PerFrameFunctionalGroupsSequence" not in data and not data.get("SliceThickness"):
        data.SliceThickness = geometry.spacing[2]
    return data
