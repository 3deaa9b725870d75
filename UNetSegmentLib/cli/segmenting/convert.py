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
    from ...io.dicom_objects import SourceSeries
    from ...volume import Segmentation


def convert(
    segmentation: Annotated[
        Path, typer.Argument(metavar="SEGMENTATION", help="Label map, .seg.nrrd, DICOM SEG or RTSTRUCT.")
    ],
    target: Annotated[
        Path, typer.Argument(metavar="OUTPUT", help=".seg.nrrd, .nii.gz, .nrrd, .mha, or .dcm (see --dicom).")
    ],
    image: Annotated[
        Path | None,
        typer.Option(help="The DICOM series that it is about: needed to write DICOM, and to read an RTSTRUCT."),
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

    Nothing is resampled: a DICOM object lies on the pictures of its series, or is refused.

    Example: unetsegment convert found.seg.nrrd found.dcm --image ct-folder
    """
    wanted = DicomResult(target, dicom, report, dicom_compression)
    with session(debug, json):
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
        source = source_of(image, series) if image is not None else None
        read = _structures(segmentation, source) or read_segmentation(segmentation)
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


def _structures(path: Path, source: SourceSeries | None) -> Segmentation | None:
    """A structure set on its series; None for other files.

    Raises:
        InputError: a structure set without its series.
    """
    from ...io.dicom_objects.reading.recognition import is_rtstruct

    if not is_rtstruct(path):
        return None
    if source is None:
        raise InputError(
            f"'{path.name}' is a structure set, whose curves say nothing without their series.",
            "Name the folder of the series with --image.",
        )
    from ...io.dicom_objects import read_rtstruct

    found: Segmentation = read_rtstruct(path, source)
    return found
