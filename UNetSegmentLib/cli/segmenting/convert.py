"""``unetsegment convert``: a segmentation from one format to another."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ...errors import UsageError
from ...io.own_outputs import Job, remember
from ..options.dicom import ENDING, CompressionOption, DicomOption, DicomResult, ReportOption
from ..options.page import PageOption, PagePatientOption, ReportPage
from ..terminal.console import say
from ..terminal.session import DebugOption, ForceOption, JsonOption, SeriesOption, print_json, session

if TYPE_CHECKING:
    from ...io.outputs import Output
    from ...progress import CancelToken
    from ...volume import Segmentation
    from .authors import Authors


def convert(
    segmentation: Annotated[
        Path,
        typer.Argument(metavar="SEGMENTATION", help="Label map, .seg.nrrd, DICOM SEG or RTSTRUCT, or a folder of one."),
    ],
    target: Annotated[
        Path, typer.Argument(metavar="OUTPUT", help=".seg.nrrd, .nii.gz, .nrrd, .mha, or .dcm (see --dicom).")
    ],
    image: Annotated[
        Path | None,
        typer.Option(
            help="The image that it is about: a DICOM series to write DICOM, any image to read an RTSTRUCT, to put a "
            "SEG on its grid, or to draw a page."
        ),
    ] = None,
    segment: Annotated[
        list[str] | None,
        typer.Option("--segment", "-s", help="Name or number of a segment to take; may be repeated. All by default."),
    ] = None,
    series: SeriesOption = None,
    dicom: DicomOption = "labelmap",
    dicom_compression: CompressionOption = "rle",
    report: ReportOption = None,
    report_page: PageOption = None,
    page_patient: PagePatientOption = False,
    name: Annotated[
        str,
        typer.Option(
            help="Who made it: name and version of a model or a person's role. What the file says by default."
        ),
    ] = "",
    corrected: Annotated[bool, typer.Option("--corrected", help="It was changed by hand (SEMIAUTOMATIC).")] = False,
    force: ForceOption = False,
    json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Convert a segmentation: Slicer's, label images, DICOM SEG and RTSTRUCT, into each other.

    A DICOM object is written on the pictures of its series, or is refused: nothing is resampled. A SEG that was drawn
    on another grid is put on that of --image where both state the same space, and it is said.

    Example: unetsegment convert found.seg.nrrd found.dcm --image ct-folder
    """
    result, page = DicomResult(target, dicom, report, dicom_compression), ReportPage(report_page, page_patient)
    with session(debug, json) as cancel:
        conversion = Conversion(segmentation, image, series, segment or (), result, page, force)
        job = Job("convert", (segmentation, *([image] if image else [])))
        notes = conversion.check(job)
        read = conversion.run(name, corrected, cancel, lambda path: remember(path, job))
        written = [output.path for output in conversion.outputs()]
        if json:
            print_json({"files": [str(path) for path in written], "notes": [*notes, *read.notes]})
            return
        for note in (*notes, *read.notes):
            say(f"Note: {note}", error=True)
        say("Written:\n" + "\n".join(f"  {path}" for path in written))


@dataclass(frozen=True)
class Conversion:
    """What is converted into what."""

    segmentation: Path
    image: Path | None
    series: str | None
    segments: Sequence[str]
    result: DicomResult
    page: ReportPage
    force: bool = False

    def outputs(self) -> list[Output]:
        """What is going to be written."""
        from ...io.outputs import Output
        from ...io.segmentations import table_beside

        target = self.result.target
        given = {
            "OUTPUT": target,
            "the label table": None if self.result.wanted else table_beside(target),
            "--report": self.result.report,
            "--report-page": self.page.path,
        }
        return [Output(path, role) for role, path in given.items() if path is not None]

    def check(self, job: Job) -> tuple[str, ...]:
        """Refuses what does not go together, or would destroy something.

        Raises:
            UsageError: probabilities of a segmentation; no image where one is needed.
            InputError: there is no segmentation.
            OutputError: an ending that cannot be written; files that would be replaced.
        """
        from ...io.outputs import Input, check_outputs
        from ...io.plain_files import check_there
        from ...io.segmentations import check_segmentation_ending

        self.result.check()
        self.page.check()
        check_there(self.segmentation)
        if self.result.of_probabilities:
            raise UsageError(
                "A fractional SEG holds a model's probabilities, which a segmentation has no more.",
                "Use 'segment --dicom fractional', or convert to a labelmap.",
            )
        if not self.result.wanted:
            check_segmentation_ending(self.result.target, (ENDING,))
        if self.image is None and self.result.wanted:
            raise UsageError(
                "A DICOM object is about a series, and none is named.", "Name the folder of the series with --image."
            )
        if self.image is None and self.page.path is not None:
            raise UsageError("A report page shows the image, and none is named.", "Name it with --image.")
        inputs = [Input(self.segmentation, "SEGMENTATION"), *([Input(self.image, "--image")] if self.image else [])]
        return check_outputs(self.outputs(), inputs, job, self.force)

    def run(self, name: str, corrected: bool, cancel: CancelToken, wrote: Callable[[Path], None]) -> Segmentation:
        """Reads and writes.

        Args:
            name: of who made it; empty for what the file states of each segment.
            corrected: by hand.
            wrote: told each file as soon as it is there.

        Raises:
            GeometryError: it was drawn on another image than the series, or does not lie on it.
        """
        from ...io.dicom_objects import source_of
        from ...io.drawn_on import check_drawn_on
        from ...io.grid import place_on_grid
        from ...io.guarded import read_grid, read_segmentation, read_volume
        from ...io.segment_names import known_segments
        from .authors import authors_for

        source = volume = None
        stored = self.result.wanted or self.page.in_dicom
        if self.image is not None and (stored or self.page.patient):
            source = source_of(self.image, self.series, stored)
        place = source or (read_grid(self.image, self.series, cancel) if self.image is not None else None)
        found = read_segmentation(self.segmentation, cancel, place, self.segments)
        if self.result.wanted and source is not None:
            check_drawn_on(self.segmentation, source.geometry)
            found = place_on_grid(found, source.geometry, f"'{self.segmentation.name}'", "the series")
        if self.image is not None and (self.result.report is not None or self.page.path is not None):
            volume = read_volume(self.image, self.series, cancel=cancel)
            # A part of the grid is measured and drawn on the whole of it.
            found = place_on_grid(found, volume.geometry, f"'{self.segmentation.name}'")
        authors = authors_for(self.segmentation, known_segments(found), name, corrected)
        if self.result.wanted and source is not None:
            found = replace(found, notes=(*found.notes, *authors.note(), *self.result.notes(found)))
            for path in self.result.write(found, volume, source, authors.main, authors.of_segments):
                wrote(path)
        else:
            self._write_file(found, authors, wrote)
        if volume is not None:
            made_by, notes = {"model": authors.words() or "not stated"}, (*volume.notes, *found.notes)
            self.page.write(volume, found, made_by, notes, source, authors.main)
            if self.page.path is not None:
                wrote(self.page.path)
        return found

    def _write_file(self, found: Segmentation, authors: Authors, wrote: Callable[[Path], None]) -> None:
        """Anything but a DICOM object."""
        from ...io.drawn_by import algorithms_of
        from ...io.segmentations import table_beside, write_segmentation

        rest = authors.rest
        table, each = table_beside(self.result.target), algorithms_of(authors.of_segments)
        # A label table has one text for all segments, a .seg.nrrd one for each.
        algorithm = rest.name if table is None else authors.words()
        write_segmentation(
            found, self.result.target, algorithm=algorithm, algorithm_type=rest.kind, algorithms=each, force=self.force
        )
        wrote(self.result.target)
        if table is not None:
            wrote(table)
