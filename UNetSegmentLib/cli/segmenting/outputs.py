"""What ``unetsegment segment`` writes: the segmentation and its extras, checked before the run, written after it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from ...errors import Cancelled, InputError, OutputError
from ...io.own_outputs import Job, remember
from ...progress import CancelToken
from ...text import file_name
from ..options.dicom import ENDING, DicomResult
from ..options.page import ReportPage
from ..terminal.console import write_text

if TYPE_CHECKING:
    from ...inference import SegmentationResult
    from ...io.dicom_objects import Author, SourceSeries
    from ...io.outputs import Input, Output, OutputFolder
    from ...labels import Label
    from ...volume import Volume
    from ...worker.client.requests import SegmentResult

    Result: TypeAlias = SegmentationResult | SegmentResult

_TWO_SCANS = "'segment' takes one scan; a pattern such as *.nii.gz gave two names, of which the second is OUTPUT."
_AGAIN = "The same command writes all of them anew."


@dataclass(frozen=True)
class Files:
    """Where results go; None for what was not asked for. ``result`` is the segmentation, as a DICOM object or not;
    ``force`` replaces files of others."""

    result: DicomResult
    probabilities: Path | None = None
    uncertainty: Path | None = None
    preview: Path | None = None
    table: Path | None = None
    surfaces: Path | None = None
    page: ReportPage = field(default_factory=ReportPage)
    force: bool = False

    @property
    def target(self) -> Path:
        """The segmentation's file."""
        return self.result.target

    @property
    def of_probabilities(self) -> bool:
        """Whether any of them needs the model's probabilities."""
        return self.probabilities is not None or self.result.of_probabilities

    @property
    def _map_in_dicom(self) -> bool:
        return self.uncertainty is not None and self.uncertainty.suffix.lower() == ENDING

    def source(self, image: Path, series: str | None) -> SourceSeries | None:
        """The headers of the image's series, read before the run, where anything is about it.

        Raises:
            InputError, GeometryError: see :func:`UNetSegmentLib.io.dicom_objects.source_of`.
            DependencyError: highdicom is not installed.
        """
        if self._map_in_dicom:
            from ...io.dicom_objects import source_of
            from ...io.dicom_objects.needed import highdicom

            highdicom()
            return source_of(image, series)
        return self.result.source(image, series) or self.page.source(image, series)

    def check(self, inputs: Sequence[Input], labels: Sequence[Label], job: Job) -> tuple[str, ...]:
        """Refuses before the run what could not be written after it, or would destroy something.

        Args:
            inputs: all that is read.
            labels: of the model, which name the surfaces.

        Returns:
            Sentences on what will be replaced.

        Raises:
            OutputError: as :func:`UNetSegmentLib.io.outputs.check_outputs`; an ending that cannot be written.
        """
        from ...io.outputs import check_outputs
        from ...io.segmentations import check_segmentation_ending, check_volume_ending

        self.result.check()
        self.page.check()
        if not self.result.wanted:
            check_segmentation_ending(self.target, (ENDING,))
        for path in (self.probabilities, None if self._map_in_dicom else self.uncertainty):
            if path is not None:
                check_volume_ending(path)
        if self.preview is not None and self.preview.suffix.lower() != ".png":
            raise OutputError(
                f"A preview is a PNG picture; '{self.preview.name}' ends otherwise.", "Let the name end with .png."
            )
        return check_outputs(
            self._outputs(labels), inputs, job, self.force, _TWO_SCANS if _is_image(self.target) else ""
        )

    def check_image(self, volume: Volume) -> None:
        """Refuses before the run what such an image cannot have."""
        if self.surfaces is not None and 1 in volume.geometry.size:
            raise InputError(f"'{volume.name}' is a single slice, which has no surfaces.", "Leave --surfaces out.")

    def write(
        self, volume: Volume, result: Result, about: SourceSeries | None, cancel: CancelToken, job: Job
    ) -> list[Path]:
        """Writes all of it, and notes each file as this job's own.

        Args:
            about: the series, where a DICOM object or a page is about it.

        Raises:
            Cancelled: between two files; it says which are there.
        """
        written: list[Path] = []
        try:
            for path in self._one_by_one(volume, result, about, cancel):
                remember(path, job)
                written.append(path)
        except Cancelled as error:
            names = ", ".join(f"'{path}'" for path in written)
            raise Cancelled(f"The run was cancelled while it wrote its results: {names} are there.", _AGAIN) from error
        return written

    def _one_by_one(
        self, volume: Volume, result: Result, about: SourceSeries | None, cancel: CancelToken
    ) -> Iterator[Path]:
        """Every file as soon as it is written."""
        from ... import reporting
        from ...io.dicom_objects import author_of

        author = author_of(result.settings)
        yield from self._write_result(volume, result, about, author)
        yield from self._write_maps(result, about, author, cancel)
        if self.page.path is not None:
            cancel.raise_if_cancelled()
            self.page.write(volume, result.segmentation, result.settings, result.warnings, about, author)
            yield self.page.path
        if self.table is not None:
            write_text(reporting.to_csv(reporting.measure(result.segmentation)), self.table)
            yield self.table
        if self.preview is not None:
            cancel.raise_if_cancelled()
            reporting.write_preview(volume, result.segmentation, self.preview)
            yield self.preview
        if self.surfaces is not None:
            yield from _write_surfaces(result, self.surfaces, cancel)

    def _write_result(
        self, volume: Volume, result: Result, about: SourceSeries | None, author: Author
    ) -> Iterator[Path]:
        from ...io import write_segmentation

        if not self.result.wanted or about is None:
            drawn_by = f"{author.name} {author.version}"
            write_segmentation(result.segmentation, self.target, algorithm=drawn_by, force=self.force)
            yield from (path for path in (self.target, self._table_beside()) if path is not None)
        elif self.result.of_probabilities and result.probabilities is not None:
            values, labels = result.settings["outputs"], result.segmentation.labels
            self.result.write_probabilities(result.probabilities, values, labels, about, author)
            yield self.target
        else:
            yield from self.result.write(result.segmentation, volume, about, author)

    def _write_maps(
        self, result: Result, about: SourceSeries | None, author: Author, cancel: CancelToken
    ) -> Iterator[Path]:
        from ...io import write_volume

        if self.probabilities is not None and result.probabilities is not None:
            cancel.raise_if_cancelled()
            write_volume(result.probabilities, self.probabilities)
            yield self.probabilities
        if self.uncertainty is None or result.uncertainty is None:
            return
        cancel.raise_if_cancelled()
        if self._map_in_dicom and about is not None:
            from ...io.dicom_objects import write_map
            from ...io.dicom_objects.writing.parametric_map import UNCERTAINTY

            write_map(result.uncertainty, UNCERTAINTY, about, self.uncertainty, author)
        else:
            write_volume(result.uncertainty, self.uncertainty)
        yield self.uncertainty

    def _table_beside(self) -> Path | None:
        from ...io.segmentations import table_beside

        return None if self.result.wanted else table_beside(self.target)

    def _outputs(self, labels: Sequence[Label]) -> list[Output | OutputFolder]:
        from ...io.outputs import Output, OutputFolder

        given = {
            "OUTPUT": self.target,
            "the label table beside OUTPUT": self._table_beside(),
            "--report": self.result.report,
            "--report-page": self.page.path,
            "--probabilities": self.probabilities,
            "--uncertainty": self.uncertainty,
            "--preview": self.preview,
            "--table": self.table,
        }
        outputs: list[Output | OutputFolder] = [Output(path, role) for role, path in given.items() if path is not None]
        if self.surfaces is not None:
            outputs.append(OutputFolder(self.surfaces, "--surfaces"))
            outputs += [Output(surface_path(self.surfaces, label), "--surfaces") for label in labels]
        return outputs


def surface_path(folder: Path, label: Label) -> Path:
    """Where the surface of a label lies: its value keeps names apart that look alike."""
    return folder / f"{label.value}-{file_name(label.name)}.stl"


def _write_surfaces(result: Result, folder: Path, cancel: CancelToken) -> Iterator[Path]:
    from ... import reporting

    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"The folder '{folder}' cannot be made.", "Choose another one.", str(error)) from error
    for label in result.segmentation.labels:
        cancel.raise_if_cancelled()
        if result.segmentation.mask(label.value).any():
            path = surface_path(folder, label)
            reporting.write_surface(reporting.surface(result.segmentation, label.value), path)
            yield path


def _is_image(path: Path) -> bool:
    """Whether the name is one that a scan may have."""
    from ...io.atomic import full_suffix

    return full_suffix(path) not in (".seg.nrrd", ".seg.nhdr")
