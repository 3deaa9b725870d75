"""Results as DICOM objects: what is asked for, checked before a run and written after it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ...errors import InputError, OutputError

if TYPE_CHECKING:
    from ...io.dicom_objects import Author, SourceSeries
    from ...volume import Segmentation, Volume

ENDING = ".dcm"
KINDS = ("labelmap", "binary", "rtstruct")

DicomOption = Annotated[
    str,
    typer.Option(
        help="What a .dcm OUTPUT is: a labelmap (SEG, small), binary (SEG for viewers without label maps) or rtstruct."
    ),
]
ReportOption = Annotated[
    Path | None, typer.Option("--report", help="Write a DICOM report (TID 1500, .dcm) that refers to the SEG here.")
]


@dataclass(frozen=True)
class DicomResult:
    """A DICOM object and the report that refers to it."""

    target: Path
    kind: str = KINDS[0]
    report: Path | None = None

    @property
    def wanted(self) -> bool:
        """Whether the output is a DICOM object."""
        return self.target.suffix.lower() == ENDING

    def check(self) -> None:
        """Refuses what does not go together.

        Raises:
            InputError, OutputError: an unknown kind, a kind for what is no DICOM object, or a report without a SEG.
        """
        if self.kind not in KINDS:
            raise InputError(f"There is no kind of DICOM object '{self.kind}'.", f"Use one of {', '.join(KINDS)}.")
        if self.kind != KINDS[0] and not self.wanted:
            raise InputError(
                f"--dicom {self.kind} is about a DICOM object, and '{self.target.name}' is none.",
                "Let OUTPUT end with .dcm, or leave --dicom out.",
            )
        if self.report is None:
            return
        if self.report.suffix.lower() != ENDING:
            raise OutputError(f"A report is a .dcm file; '{self.report.name}' is not.", "Let the name end with .dcm.")
        if not self.wanted or self.kind == "rtstruct":
            raise InputError(
                "A report refers to a DICOM segmentation, and the output is none.",
                "Let OUTPUT end with .dcm, as a labelmap or binary.",
            )

    def source(self, image: Path, series: str | None) -> SourceSeries | None:
        """The headers of the series that it is about, read before the run; None where the output is no DICOM.

        Raises:
            InputError, GeometryError: see :func:`UNetSegmentLib.io.dicom_objects.source_of`.
            DependencyError: highdicom is not installed.
        """
        if not self.wanted:
            return None
        from ...io.dicom_objects.needed import highdicom
        from ...io.dicom_objects.source import source_of

        if self.kind != "rtstruct":
            highdicom()
        return source_of(image, series)

    def write(self, segmentation: Segmentation, image: Volume | None, source: SourceSeries, author: Author) -> None:
        """Writes the object, and the report where one is wanted."""
        from ...io.dicom_objects import write_report, write_rtstruct, write_seg

        if self.kind == "rtstruct":
            write_rtstruct(segmentation, source, self.target, author)
            return
        write_seg(segmentation, source, self.target, author, self.kind)
        if self.report is not None:
            from ...reporting.dicom_report import measured_segments

            modality = str(getattr(source.files[0], "Modality", ""))
            segments = measured_segments(segmentation, image, self.kind, modality)
            write_report(segments, self.target, source, self.report, author)
