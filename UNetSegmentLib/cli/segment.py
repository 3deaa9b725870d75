"""``unetsegment segment``: a model on an image."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..errors import InputError, OutputError
from ..progress import CancelToken
from .console import MEASURES_HIDDEN, duration, output, progress_bar, say, working, write_text
from .console import table as table_of
from .regions import HELP as REGION_HELP
from .regions import parse_region
from .session import DebugOption, DeviceOption, JsonOption, PresetOption, print_json, session

if TYPE_CHECKING:
    from ..geometry import Box
    from ..inference import SegmentationResult
    from ..volume import Volume
    from ..worker.requests import SegmentResult


@dataclass(frozen=True)
class Extras:
    """The outputs beyond the segmentation itself, each where asked for."""

    probabilities: Path | None = None
    uncertainty: Path | None = None
    preview: Path | None = None
    table: Path | None = None
    surfaces: Path | None = None

    def check(self) -> None:
        """Refuses before the run what could not be written after it."""
        from ..io import check_writable

        for path in (self.probabilities, self.uncertainty, self.preview, self.table):
            if path is not None:
                check_writable(path)
        if self.surfaces is not None and self.surfaces.is_file():
            raise OutputError(f"'{self.surfaces}' is a file.", "Give a folder for the surfaces.")

    def check_image(self, volume: Volume) -> None:
        """Refuses before the run what such an image cannot have."""
        if self.surfaces is not None and 1 in volume.geometry.size:
            raise InputError(f"'{volume.name}' is a single slice, which has no surfaces.", "Leave --surfaces out.")

    def write(self, volume: Volume, result: SegmentationResult | SegmentResult, cancel: CancelToken) -> list[Path]:
        from .. import reporting
        from ..io import write_volume

        written: list[Path] = []
        for path, image in ((self.probabilities, result.probabilities), (self.uncertainty, result.uncertainty)):
            if path is not None and image is not None:
                cancel.raise_if_cancelled()
                write_volume(image, path)
                written.append(path)
        if self.table is not None:
            write_text(reporting.to_csv(reporting.measure(result.segmentation)), self.table)
            written.append(self.table)
        if self.preview is not None:
            cancel.raise_if_cancelled()
            reporting.write_preview(volume, result.segmentation, self.preview)
            written.append(self.preview)
        if self.surfaces is not None:
            written += _write_surfaces(result, self.surfaces, cancel)
        return written


@dataclass(frozen=True)
class Job:
    """What is to be run on the image; ``overrides`` are knobs set by hand on top of the preset."""

    model: str
    device: str
    preset: str
    overrides: dict[str, Any]
    region: Box | None
    probabilities: bool
    uncertainty: bool

    def run_here(self, volumes: Sequence[Volume], cancel: CancelToken, visible: bool) -> SegmentationResult:
        """In this process."""
        with working("Loading torch and the model", visible):
            from ..inference import Segmenter, overridden
            from ..models import load_model

            settings = overridden(self.preset, self.overrides)
            segmenter = Segmenter(load_model(self.model), self.device, self.preset, settings)
        with progress_bar(visible) as progress:
            return segmenter.segment(volumes, self.region, progress, cancel, self.probabilities, self.uncertainty)

    def run_in_worker(self, volumes: Sequence[Volume], cancel: CancelToken, visible: bool) -> SegmentResult:
        """In a worker process, as the Slicer module does: a crash of torch is an error message here."""
        from ..worker.session import segment_through_worker

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
            )


def segment(
    image: Annotated[Path, typer.Argument(metavar="INPUT", help="Image file, or a DICOM folder or file.")],
    target: Annotated[
        Path, typer.Argument(metavar="OUTPUT", help="Segmentation: .seg.nrrd (Slicer), .nii.gz, .nrrd or .mha.")
    ],
    model: Annotated[str, typer.Option("--model", "-m", help="Name of a model, or its folder or .zip.")],
    channel: Annotated[
        list[Path] | None, typer.Option(help="Further input channel of the model, in order; may be repeated.")
    ] = None,
    roi: Annotated[str | None, typer.Option(help=REGION_HELP)] = None,
    series: Annotated[str | None, typer.Option(help="UID, number or description of the DICOM series.")] = None,
    device: DeviceOption = "auto",
    preset: PresetOption = "balanced",
    overlap: Annotated[float | None, typer.Option(help="Least share that neighbouring tiles share.")] = None,
    mirrors: Annotated[bool | None, typer.Option(help="Average over mirrored inputs, where allowed.")] = None,
    folds: Annotated[bool | None, typer.Option(help="Average over all folds of the model.")] = None,
    backend: Annotated[str | None, typer.Option(help="auto, torch, openvino or onnx: what runs the network.")] = None,
    probabilities: Annotated[Path | None, typer.Option(help="Write the probability of every label here.")] = None,
    uncertainty: Annotated[Path | None, typer.Option(help="Write the uncertainty (entropy) here.")] = None,
    preview: Annotated[Path | None, typer.Option(help="Write a preview picture (PNG) here.")] = None,
    table: Annotated[Path | None, typer.Option(help="Write the sizes of the segments (CSV) here.")] = None,
    surfaces: Annotated[Path | None, typer.Option(help="Write one surface (STL) per segment into this folder.")] = None,
    worker: Annotated[bool, typer.Option("--worker", help="Run the network in a process of its own.")] = False,
    json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Segment an image with a model.

    Example: unetsegment segment t1.nii.gz hippocampus.seg.nrrd --model hippocampus-t1 --roi -45,-10,-48,3,-32,3
    """
    extras = Extras(probabilities, uncertainty, preview, table, surfaces)
    with session(debug, json) as cancel:
        from ..io import check_segmentation_target, write_segmentation

        started = time.monotonic()
        check_segmentation_target(target)
        extras.check()
        with working("Reading the image", not json):
            volumes = _read(image, series, channel or [], cancel, not worker)
        extras.check_image(volumes[0])
        region = parse_region(roi, volumes[0].geometry) if roi else None
        given = {"overlap": overlap, "mirrors": mirrors, "folds": folds, "backend": backend}
        overrides = {name: value for name, value in given.items() if value is not None}
        job = Job(model, device, preset, overrides, region, probabilities is not None, uncertainty is not None)
        run = job.run_in_worker if worker else job.run_here
        result = run(volumes, cancel, not json)
        cancel.raise_if_cancelled()
        algorithm = f"{result.settings['model']} {result.settings['model_version']}"
        write_segmentation(result.segmentation, target, algorithm=algorithm)
        written = [target, *extras.write(volumes[0], result, cancel)]
        _report(result, written, time.monotonic() - started, json)


def _read(
    image: Path, series: str | None, channels: Sequence[Path], cancel: CancelToken, run_here: bool
) -> list[Volume]:
    """The image and its further channels; where another process reads, torch is loaded meanwhile."""
    from ..io import guarded

    volume = guarded.begin(image, series, cancel=cancel)
    if run_here and volume.elsewhere:
        from ..inference import Segmenter  # noqa: F401  (loads torch)
    return [volume.wait(), *(guarded.read_volume(path, cancel=cancel) for path in channels)]


def _write_surfaces(result: SegmentationResult | SegmentResult, folder: Path, cancel: CancelToken) -> list[Path]:
    from .. import reporting

    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"The folder '{folder}' cannot be made.", "Choose another one.", str(error)) from error
    written = []
    for label in result.segmentation.labels:
        cancel.raise_if_cancelled()
        if not result.segmentation.mask(label.value).any():
            continue
        name = "".join(c if c.isalnum() or c in "-_" else "-" for c in label.name)
        path = folder / f"{label.value}-{name}.stl"
        reporting.write_surface(reporting.surface(result.segmentation, label.value), path)
        written.append(path)
    return written


def _report(result: SegmentationResult | SegmentResult, written: list[Path], seconds: float, as_json: bool) -> None:
    from .. import reporting

    measures = reporting.measure(result.segmentation)
    if as_json:
        print_json(
            {
                "files": [str(path) for path in written],
                "segments": reporting.to_json(measures),
                "warnings": list(result.warnings),
                "timings": result.timings,
                "settings": result.settings,
            }
        )
        return
    for warning in result.warnings:
        say(f"Note: {warning}", error=True)
    output().print(table_of(reporting.to_table(measures), hide=MEASURES_HIDDEN))
    if not any(measure.voxels for measure in measures):
        say("Note: nothing was found. Is it the right image, region and model?", error=True)
    say(f"Done in {duration(seconds)} on {result.settings.get('device', '?')}. Written:")
    for path in written:
        say(f"  {path}")
