"""A segmentation and its measurements as DICOM objects about a series whose files are known: both or none.

The files are named one by one because whoever asks (Slicer's DICOM database) knows what an image was made of; in their
folder other series may lie.
"""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from ...errors import GeometryError, InputError, UNetSegmentError
from ...io.atomic import output_error
from ...io.dicom_objects.author import Author
from ...io.dicom_objects.needed import highdicom
from ...io.dicom_objects.writing.seg import LABELMAP
from ...volume import Segmentation, Volume

if TYPE_CHECKING:
    from ...io.dicom_objects.source import SourceSeries

STEPS = ("series", "segmentation", "measures", "report")
"""What :func:`save_beside` tells, in this order."""

_SEG, _REPORT, _LINKS = "seg.dcm", "report.dcm", "series"


@dataclass(frozen=True)
class DicomOrder:
    """What is to be saved where.

    Args:
        files: of the series, one or more, in any order.
        seg, report: the files to write, in one folder, which is made where it is missing.
        staging: a folder that does not exist yet, on the disk of that folder; it holds what is not finished and is
            removed in the end, by the caller where this process is killed.
        author: of all segments but ``others``, by label value.
        kind: ``labelmap`` or ``binary``, see :func:`~UNetSegmentLib.io.dicom_objects.write_seg`.
    """

    files: tuple[Path, ...]
    seg: Path
    report: Path
    staging: Path
    author: Author
    others: Mapping[int, Author] = field(default_factory=dict)
    kind: str = LABELMAP


def save_beside(order: DicomOrder, segmentation: Segmentation, tell: Callable[[str], None]) -> tuple[str, ...]:
    """Writes both objects, or none.

    Args:
        tell: gets each of :data:`STEPS` when it begins.

    Returns:
        What the user should know.

    Raises:
        InputError, GeometryError: the series cannot be read, or the segmentation does not lie on its pictures.
        DependencyError: highdicom is not installed.
        OutputError: the folder cannot be written to.
    """
    from ...io.dicom_objects import write_report, write_seg
    from .report import measured_segments

    highdicom()
    try:
        order.seg.parent.mkdir(parents=True, exist_ok=True)
        order.staging.mkdir(parents=True)
    except OSError as error:
        raise output_error(order.seg, error) from error
    try:
        tell(STEPS[0])
        series, source = _source(order)
        segmentation = _placed(segmentation, source)
        tell(STEPS[1])
        seg, report = order.staging / _SEG, order.staging / _REPORT
        write_seg(segmentation, source, seg, order.author, order.kind, others=order.others)
        tell(STEPS[2])
        image, notes = _image(series)
        modality = str(getattr(source.files[0], "Modality", ""))
        measured = measured_segments(segmentation, image, order.kind, modality)
        tell(STEPS[3])
        write_report(measured, seg, source, report, order.author, order.others)
        _put_in_place(order, seg, report)
        return notes
    finally:
        shutil.rmtree(order.staging, ignore_errors=True)


def _source(order: DicomOrder) -> tuple[Path, SourceSeries]:
    """The series, and a path that means it: one of its files, or a folder of links to exactly these where others lie
    among them, or they lie in several folders."""
    from ...io.dicom_objects import source_of

    if len({file.parent for file in order.files}) == 1:
        with contextlib.suppress(InputError):
            return order.files[0], source_of(order.files[0])
    folder = order.staging / _LINKS
    folder.mkdir()
    for number, file in enumerate(order.files):
        _link(file, folder / f"{number:06}.dcm")
    return folder, source_of(folder)


def _link(file: Path, target: Path) -> None:
    """A second name for a file; a copy where the disk is another one."""
    try:
        os.link(file, target)
    except OSError:
        try:
            shutil.copyfile(file, target)
        except OSError as error:
            raise output_error(target, error) from error


def _placed(segmentation: Segmentation, source: SourceSeries) -> Segmentation:
    from ...io import place_on_grid

    try:
        return place_on_grid(segmentation, source.geometry)
    except GeometryError as error:
        raise GeometryError(
            "The image is no longer on the grid of its DICOM files: it was moved or resampled.",
            "Segment the series as it was loaded, or save the segmentation in another format.",
            error.cause,
        ) from error


def _image(series: Path) -> tuple[Volume | None, tuple[str, ...]]:
    """For the mean intensity, without which a report is still worth having."""
    from ...io import read_volume

    try:
        return read_volume(series), ()
    except UNetSegmentError as error:
        return None, (f"The report has no mean intensities: {error.cause}",)


def _put_in_place(order: DicomOrder, seg: Path, report: Path) -> None:
    """Both, or neither: the second rename could fail where the first did not."""
    try:
        seg.replace(order.seg)
        try:
            report.replace(order.report)
        except OSError:
            order.seg.unlink(missing_ok=True)
            raise
    except OSError as error:
        raise output_error(order.seg, error) from error
