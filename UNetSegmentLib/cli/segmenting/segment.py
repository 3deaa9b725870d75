"""``unetsegment segment``: a model on an image."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ...io.own_outputs import Job
from ...io.regions import HELP as REGION_HELP
from ...io.regions import parse_region, region_file
from ...progress import CancelToken
from ..options.dicom import CompressionOption, DicomOption, DicomResult, ReportOption
from ..options.numbers import check_number
from ..options.page import PageOption, PagePatientOption, ReportPage
from ..options.where import SendModelOption, SshOption, Where, WorkerOption, where_of
from ..terminal.clock import Clock, command_clock
from ..terminal.console import MEASURES_HIDDEN, duration, output, progress_bar, say, working
from ..terminal.console import table as table_of
from ..terminal.session import (
    ChannelOption,
    DebugOption,
    DeviceOption,
    ForceOption,
    FormOption,
    JsonOption,
    PresetOption,
    SeriesOption,
    print_json,
    session,
)
from .outputs import Files

if TYPE_CHECKING:
    from ...geometry import Box
    from ...inference import SegmentationResult
    from ...io.outputs import Input
    from ...labels import Label
    from ...volume import Volume
    from ...worker.client.requests import SegmentResult


@dataclass(frozen=True)
class Source:
    """The image as it was given: a file or DICOM, the series to take, and the further channels in order."""

    image: Path
    series: str | None
    channels: Sequence[Path]

    def read(self, cancel: CancelToken, run_here: bool) -> list[Volume]:
        """The image and its further channels; where another process reads, torch is loaded meanwhile."""
        from ...io import guarded

        volume = guarded.begin(self.image, self.series, cancel=cancel)
        if run_here and volume.elsewhere:
            from ...inference import Segmenter  # noqa: F401  (loads torch)
        return [volume.wait(), *(guarded.read_volume(path, cancel=cancel) for path in self.channels)]

    def inputs(self) -> list[Input]:
        """The files that no output may replace."""
        from ...io.outputs import Input

        return [Input(self.image, "INPUT"), *(Input(path, "--channel") for path in self.channels)]


@dataclass(frozen=True)
class Run:
    """What is to be run on the image; ``overrides`` are knobs set by hand on top of the preset."""

    model: str
    device: str
    preset: str
    overrides: dict[str, Any]
    region: Box | None
    probabilities: bool
    uncertainty: bool

    def here(self, volumes: Sequence[Volume], cancel: CancelToken, visible: bool) -> SegmentationResult:
        """In this process."""
        with working("Loading torch and the model", visible):
            from ...inference import Segmenter, overridden
            from ...inference.cores import use_the_cores
            from ...models import load_model

            use_the_cores()

            settings = overridden(self.preset, self.overrides)
            segmenter = Segmenter(load_model(self.model), self.device, self.preset, settings)
        with progress_bar(visible) as progress:
            return segmenter.segment(volumes, self.region, progress, cancel, self.probabilities, self.uncertainty)

    def in_worker(self, volumes: Sequence[Volume], cancel: CancelToken, visible: bool, where: Where) -> SegmentResult:
        """In a worker process, as the Slicer module does: a crash of torch is an error message here."""
        from ...worker.client.session import segment_through_worker

        with progress_bar(visible) as progress:
            return segment_through_worker(
                volumes,
                self.model,
                region=self.region,
                device=self.device,
                preset=self.preset,
                settings=self.overrides,
                probabilities=self.probabilities,
                uncertainty=self.uncertainty,
                progress=progress,
                cancel=cancel,
                command=where.command(),
            )


def segment(
    context: typer.Context,
    image: Annotated[Path, typer.Argument(metavar="INPUT", help="Image file, or a DICOM folder or file.")],
    target: Annotated[
        Path,
        typer.Argument(
            metavar="OUTPUT",
            help="Segmentation: .seg.nrrd (Slicer), .nii.gz, .nrrd, .mha, .dcm (see --dicom); .png for one slice.",
        ),
    ],
    model: Annotated[str, typer.Option("--model", "-m", help="Name of a model, or its folder or .zip.")],
    channel: ChannelOption = None,
    roi: Annotated[str | None, typer.Option(help=REGION_HELP)] = None,
    series: SeriesOption = None,
    device: DeviceOption = "auto",
    preset: PresetOption = "balanced",
    overlap: Annotated[float | None, typer.Option(help="Least overlap of neighbouring tiles, from 0 to 0.9.")] = None,
    mirrors: Annotated[bool | None, typer.Option(help="Average over mirrored inputs, where allowed.")] = None,
    folds: Annotated[bool | None, typer.Option(help="Average over all folds of the model.")] = None,
    backend: Annotated[
        str | None, typer.Option(help="What runs the network: auto, torch, openvino, onnx, tensorrt.")
    ] = None,
    form: FormOption = None,
    probabilities: Annotated[Path | None, typer.Option(help="Write the probability of every label here.")] = None,
    uncertainty: Annotated[
        Path | None, typer.Option(help="Write the uncertainty (entropy) here; .dcm: a parametric map.")
    ] = None,
    preview: Annotated[Path | None, typer.Option(help="Write a preview picture (PNG) here.")] = None,
    table: Annotated[Path | None, typer.Option(help="Write the sizes of the segments (CSV) here.")] = None,
    surfaces: Annotated[Path | None, typer.Option(help="Write one surface (STL) per segment into this folder.")] = None,
    dicom: DicomOption = "labelmap",
    dicom_compression: CompressionOption = "rle",
    report: ReportOption = None,
    report_page: PageOption = None,
    page_patient: PagePatientOption = False,
    force: ForceOption = False,
    worker: WorkerOption = None,
    ssh: SshOption = None,
    send_model: SendModelOption = False,
    json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Segment an image with a model.

    What 'segment' wrote itself, and nobody has changed since, is replaced by the next run; other files with --force
    alone.

    Example: unetsegment segment t1.nii.gz hippocampus.seg.nrrd --model hippocampus-t1 --roi -45,-10,-48,3,-32,3

    Example: unetsegment segment ct.nii.gz organs.seg.nrrd --model organs --worker ssh://me@gpu
    """
    source = Source(image, series, channel or [])
    result_file = DicomResult(target, dicom, report, dicom_compression)
    page = ReportPage(report_page, page_patient)
    files = Files(result_file, probabilities, uncertainty, preview, table, surfaces, page, force)
    with session(debug, json) as cancel:
        if overlap is not None:
            check_number("overlap", overlap, 0, 0.9)
        where = where_of(worker, ssh, send_model)
        clock = command_clock(context)
        job = Job("segment", (image, *source.channels, model))
        notes = files.check(_inputs(source, roi, model), _labels(model, surfaces is not None), job)
        about = files.source(image, series)
        with working("Reading the image", not json):
            volumes = source.read(cancel, where is None)
        files.check_image(volumes[0])
        region = parse_region(roi, volumes[0].geometry) if roi else None
        given = {"overlap": overlap, "mirrors": mirrors, "folds": folds, "backend": backend, "form": form}
        overrides = {name: value for name, value in given.items() if value is not None}
        run = Run(model, device, preset, overrides, region, files.of_probabilities, uncertainty is not None)
        visible = not json
        result = run.in_worker(volumes, cancel, visible, where) if where else run.here(volumes, cancel, visible)
        cancel.raise_if_cancelled()
        written = files.write(volumes[0], result, about, cancel, job)
        numbering = result_file.notes(result.segmentation)
        _report(result, written, (*notes, *result.warnings, *numbering), clock, json)


def _inputs(source: Source, roi: str | None, model: str) -> list[Input]:
    from ...io.outputs import Input

    region = region_file(roi)
    regions = [Input(region, "--roi")] if region is not None else []
    # A name of a model is the path of nothing.
    return [*source.inputs(), *regions, Input(Path(model), "--model")]


def _labels(model: str, needed: bool) -> Sequence[Label]:
    """The model's labels, before its weights are read."""
    if not needed:
        return ()
    from ...models import find_model, read_card

    return read_card(Path(model) if Path(model).exists() else find_model(model)).labels


def _report(
    result: SegmentationResult | SegmentResult,
    written: list[Path],
    warnings: Sequence[str],
    clock: Clock,
    as_json: bool,
) -> None:
    from ... import reporting

    measures = reporting.measure(result.segmentation)
    if as_json:
        print_json(
            {
                "files": [str(path) for path in written],
                "segments": reporting.to_json(measures),
                "warnings": list(warnings),
                "timings": result.timings,
                "settings": result.settings,
            }
        )
        return
    for warning in warnings:
        say(f"Note: {warning}", error=True)
    output().print(table_of(reporting.to_table(measures), hide=MEASURES_HIDDEN))
    if not any(measure.voxels for measure in measures):
        say("Note: nothing was found. Is it the right image, region and model?", error=True)
    say(f"Done in {duration(clock.seconds())} on {_how(result.settings)}. Written:")
    for path in written:
        say(f"  {path}")


def _how(settings: dict[str, Any]) -> str:
    """The device, and what else a preset chose of its own: a smaller form, a coarser grid."""
    scale = settings.get("spacing_scale", 1.0)
    chosen = ["8-bit form"] if settings.get("form") == "int8" else []
    chosen += [f"{scale:.3g} times the model's spacing"] if scale != 1 else []
    return str(settings.get("device", "?")) + (f" ({', '.join(chosen)})" if chosen else "")
