"""``unetsegment convert``: a segmentation from one format to another."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ...errors import InputError
from ...io.own_outputs import Job, remember
from ..options.dicom import CompressionOption, DicomOption, DicomResult, ReportOption
from ..terminal.console import say
from ..terminal.session import DebugOption, ForceOption, JsonOption, SeriesOption, print_json, session

if TYPE_CHECKING:
    from ...io.dicom_objects.reading.image_grid import ImagePlace
    from ...progress import CancelToken


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
            help="The image that it is about: a DICOM series to write DICOM, any image to read an RTSTRUCT or to put a "
            "SEG on its grid."
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
    name: Annotated[str, typer.Option(help="Who made it: name and version of a model or a person's role.")] = "",
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
    wanted = DicomResult(target, dicom, report, dicom_compression)
    with session(debug, json) as cancel:
        from ...io.dicom_objects import Author, source_of
        from ...io.guarded import read_segmentation, read_volume
        from ...io.outputs import Input, Output, check_outputs
        from ...io.segmentations import check_segmentation_ending, table_beside, write_segmentation

        wanted.check()
        if wanted.of_probabilities:
            raise InputError(
                "A fractional SEG holds a model's probabilities, which a segmentation has no more.",
                "Use 'segment --dicom fractional', or convert to a labelmap.",
            )
        if not wanted.wanted:
            check_segmentation_ending(target)
        elif image is None:
            raise InputError(
                "A DICOM object is about a series, and none is named.", "Name the folder of the series with --image."
            )
        job = Job("convert", (segmentation, *([image] if image else [])))
        beside = None if wanted.wanted else table_beside(target)
        outputs = [Output(path, role) for path, role in ((target, "OUTPUT"), (beside, "the label table")) if path]
        outputs += [Output(report, "--report")] if report else []
        inputs = [Input(segmentation, "SEGMENTATION"), *([Input(image, "--image")] if image else [])]
        notes = check_outputs(outputs, inputs, job, force)
        source = source_of(image, series) if image is not None and wanted.wanted else None
        place = source or (_grid(image, series, cancel) if image is not None else None)
        read = read_segmentation(segmentation, cancel, place, segment or ())
        if wanted.wanted and source is not None and image is not None:
            volume = read_volume(image, series) if report is not None else None
            wanted.write(read, volume, source, Author(name or "UNetSegment", corrected=corrected))
        else:
            kind = "SEMIAUTOMATIC" if corrected else "AUTOMATIC"
            write_segmentation(read, target, algorithm=name, algorithm_type=kind)
        for output in outputs:
            remember(output.path, job)
        written = [str(output.path) for output in outputs]
        if json:
            print_json({"files": written, "notes": [*notes, *read.notes]})
            return
        for note in (*notes, *read.notes):
            say(f"Note: {note}", error=True)
        say("Written:\n" + "\n".join(f"  {path}" for path in written))


def _grid(image: Path, series: str | None, cancel: CancelToken) -> ImagePlace:
    """The grid of an image; of a DICOM series by its headers."""
    from ...io.guarded import read_grid

    return read_grid(image, series, cancel)
