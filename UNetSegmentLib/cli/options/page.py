"""A report page: asked for, checked before a run and written after it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ...errors import UsageError
from .dicom import ENDING

if TYPE_CHECKING:
    from ...io.dicom_objects import Author, SourceSeries
    from ...reporting.page import PageText
    from ...volume import Segmentation, Volume

PageOption = Annotated[
    Path | None,
    typer.Option("--report-page", help="Write one page with pictures, sizes, model and warnings: .pdf, .png or .dcm."),
]
PagePatientOption = Annotated[
    bool, typer.Option("--page-patient", help="Put the patient's name and number (of DICOM) on the page.")
]


@dataclass(frozen=True)
class ReportPage:
    """Where a page goes, and whether the patient is named on it."""

    path: Path | None = None
    patient: bool = False

    @property
    def in_dicom(self) -> bool:
        """Whether it is stored in a DICOM object."""
        return self.path is not None and self.path.suffix.lower() == ENDING

    def check(self) -> None:
        """Refuses what does not go together.

        Raises:
            UsageError, OutputError: a patient's name without a page; a name with another ending.
        """
        if self.path is None:
            if self.patient:
                raise UsageError("--page-patient is about a page, and none is asked for.", "Add --report-page.")
        else:
            from ...reporting.page import check_page_ending

            check_page_ending(self.path, ENDING)

    def source(self, image: Path, series: str | None) -> SourceSeries | None:
        """The headers of the image's series, where the page needs them: it is DICOM, or names the patient.

        Raises:
            InputError, GeometryError: see :func:`UNetSegmentLib.io.dicom_objects.source_of`.
        """
        if not (self.in_dicom or self.patient):
            return None
        from ...io.dicom_objects import source_of

        return source_of(image, series, stored=self.in_dicom)

    def write(
        self,
        volume: Volume,
        segmentation: Segmentation,
        settings: Mapping[str, Any],
        notes: Sequence[str],
        source: SourceSeries | None,
        author: Author,
    ) -> Path | None:
        """Writes the page.

        Args:
            settings: of the run.
            notes: warnings that stand on it.
            source: the series, where headers were read.
        """
        if self.path is None:
            return None
        from ...reporting.page import facts_of_run, page_as_pdf, write_page

        facts = facts_of_run(settings, volume.geometry, datetime.now().strftime("%Y-%m-%d %H:%M"))
        text = self._text(volume, facts, notes, source)
        if self.in_dicom and source is not None:
            from ...io.dicom_objects import write_pdf

            return write_pdf(page_as_pdf(volume, segmentation, text), "Segmentation report", source, self.path, author)
        return write_page(volume, segmentation, self.path, text)

    def _text(
        self, volume: Volume, facts: Sequence[tuple[str, str]], notes: Sequence[str], source: SourceSeries | None
    ) -> PageText:
        from ...reporting.page import PageText

        if source is None:
            return PageText(volume.name, facts=tuple(facts), notes=tuple(notes))
        patient = ""
        if self.patient:
            first = source.files[0]
            name = str(first.PatientName).replace("^", " ").strip()
            patient = "Patient: " + (
                ", ".join(word for word in (name, str(first.PatientID or "")) if word) or "unnamed"
            )
        return PageText(source.name, patient, tuple(facts), tuple(notes), source.modality)
