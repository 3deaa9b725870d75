"""Results as DICOM objects: what is asked for, checked before a run and written after it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ...errors import OutputError, UsageError

if TYPE_CHECKING:
    from ...io.dicom_objects import Author, SourceSeries
    from ...labels import Label
    from ...volume import Segmentation, Volume

ENDING = ".dcm"
FRACTIONAL, RTSTRUCT = "fractional", "rtstruct"
KINDS = ("labelmap", "binary", FRACTIONAL, RTSTRUCT)

DicomOption = Annotated[
    str,
    typer.Option(
        help="What a .dcm OUTPUT is: a labelmap (SEG, small), binary (SEG for viewers without label maps), fractional "
        "(SEG of probabilities) or rtstruct."
    ),
]
CompressionOption = Annotated[
    str, typer.Option("--dicom-compression", help="Of label maps and fractions: rle, jpegls (smaller) or none.")
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
    compression: str = "rle"

    @property
    def of_probabilities(self) -> bool:
        """Whether it holds the model's probabilities."""
        return self.kind == FRACTIONAL

    @property
    def wanted(self) -> bool:
        """Whether the output is a DICOM object."""
        return self.target.suffix.lower() == ENDING

    def check(self) -> None:
        """Refuses what does not go together.

        Raises:
            UsageError, OutputError: an unknown kind or compression, a kind for what is no DICOM object, or a report
                without a SEG of labels.
        """
        if self.kind not in KINDS:
            raise UsageError(f"There is no kind of DICOM object '{self.kind}'.", f"Use one of {', '.join(KINDS)}.")
        if self.kind != KINDS[0] and not self.wanted:
            raise UsageError(
                f"--dicom {self.kind} is about a DICOM object, and '{self.target.name}' is none.",
                "Let OUTPUT end with .dcm, or leave --dicom out.",
            )
        from ...io.dicom_objects.frames.encoding import JPEGLS, check_compression

        check_compression(self.compression)
        if self.compression == JPEGLS and not (self.wanted and self.kind in (KINDS[0], FRACTIONAL)):
            raise UsageError(
                "--dicom-compression is about a DICOM segmentation of labels or fractions, and the output is none.",
                f"Leave it out, or use --dicom {KINDS[0]}.",
            )
        if self.report is None:
            return
        if self.report.suffix.lower() != ENDING:
            raise OutputError(f"A report is a .dcm file; '{self.report.name}' is not.", "Let the name end with .dcm.")
        if not self.wanted or self.kind in (FRACTIONAL, RTSTRUCT):
            raise UsageError(
                "A report refers to a DICOM segmentation of labels, and the output is none.",
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

        if self.kind != RTSTRUCT:
            highdicom()
        return source_of(image, series)

    def notes(self, segmentation: Segmentation) -> tuple[str, ...]:
        """What the object holds otherwise than the segmentation: numbers of segments."""
        if not self.wanted:
            return ()
        from ...io.dicom_objects.numbering import numbering_notes

        return numbering_notes(segmentation, self.kind)

    def write(
        self,
        segmentation: Segmentation,
        image: Volume | None,
        source: SourceSeries,
        author: Author,
        others: Mapping[int, Author] | None = None,
    ) -> Iterator[Path]:
        """Writes the object of labels, and the report where one is wanted.

        Args:
            author: who found it; ``others`` single segments, by label value.

        Yields:
            Each file as soon as it is there, so that the first is known where the second fails.

        Raises:
            OutputError: one of them cannot be written.
        """
        from ...io.dicom_objects import write_report, write_rtstruct, write_seg

        if self.kind == RTSTRUCT:
            write_rtstruct(segmentation, source, self.target, author, others)
            yield self.target
            return
        write_seg(segmentation, source, self.target, author, self.kind, self.compression, others)
        yield self.target
        if self.report is not None:
            from ...reporting.dicom.report import measured_segments

            segments = measured_segments(segmentation, image, self.kind, source.modality)
            write_report(segments, self.target, source, self.report, author, others)
            yield self.report

    def write_probabilities(
        self,
        probabilities: Volume,
        values: Sequence[int],
        labels: Sequence[Label],
        source: SourceSeries,
        author: Author,
    ) -> None:
        """Writes a fractional SEG; ``values`` are the labels of the channels."""
        from ...io.dicom_objects import write_fractional

        write_fractional(probabilities, values, labels, source, self.target, author, self.compression)
