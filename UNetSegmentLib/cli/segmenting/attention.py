"""``unetsegment attention``: where a model looks, as a picture and as volumes."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ...errors import OutputError, UsageError
from ...geometry import in_xyz
from ...io.outputs import Input
from ...io.own_outputs import Job, remember
from ...io.regions import HELP as REGION_HELP
from ...io.regions import parse_region, region_file
from ..terminal.console import progress_bar, say, working
from ..terminal.session import (
    ChannelOption,
    DebugOption,
    DeviceOption,
    ForceOption,
    JsonOption,
    PresetOption,
    SeriesOption,
    print_json,
    session,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ...geometry import Box
    from ...inference import Attention
    from ...models import Model
    from ...progress import CancelToken
    from ...reporting.pictures.attention import AttentionPicture
    from ...volume import Volume

_AUTO = "auto"
# How many gates there are is known after the weights are loaded; no U-Net has more levels.
_MOST_GATES = 9


def attention(
    image: Annotated[Path, typer.Argument(metavar="INPUT", help="Image file, or a DICOM folder or file.")],
    target: Annotated[Path, typer.Argument(metavar="OUTPUT.png", help="The picture.")],
    model: Annotated[str, typer.Option("--model", "-m", help="An Attention U-Net: its name, folder or .zip.")],
    number: Annotated[
        str, typer.Option("--slice", help="Number of the slice, or auto: the one with most of the segments.")
    ] = _AUTO,
    volume: Annotated[
        Path | None, typer.Option(help="Write the maps here as well: maps.nrrd becomes maps-1.nrrd and so on.")
    ] = None,
    channel: ChannelOption = None,
    roi: Annotated[str | None, typer.Option(help=REGION_HELP)] = None,
    series: SeriesOption = None,
    maps_only: Annotated[
        bool, typer.Option("--maps-only", help="Leave the image out of the picture, to pass this on.")
    ] = False,
    force: ForceOption = False,
    device: DeviceOption = "auto",
    preset: PresetOption = "balanced",
    json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Show where an Attention U-Net looks.

    What its attention gates let through: a map from 0 to 1 for each level.

    A volume is shown in the plane that it was taken in (axial for cubic voxels).

    Example: unetsegment attention photograph.png attention.png --model runs/drive/model

    Example: unetsegment attention t1.nii.gz attention.png -m runs/hippocampus/model --volume maps.nrrd --slice 31
    """
    with session(debug, json) as cancel:
        wanted = _slice(number)
        given = [("INPUT", image), *(("--channel", path) for path in channel or []), ("--roi", region_file(roi))]
        given.append(("--model", Path(model)))
        inputs = [Input(path, role) for role, path in given if path is not None]
        job = Job("attention", (image, *(channel or []), model))
        _check_targets(target, volume, inputs, job, force)
        with working("Reading the image; loading torch and the model", not json):
            loaded, volumes = _read(model, image, channel or [], series, cancel)
            from ...inference import Segmenter, attention_of
            from ...inference import preset as settings_of
            from ...reporting.drawing.flat import flat_view
            from ...reporting.pictures.attention import AttentionPicture as Picture

            if wanted is not None:
                flat_view(volumes[0].geometry).at(wanted)  # refused before the run
            region = parse_region(roi, volumes[0].geometry) if roi else None
            settings = settings_of(preset)
        with progress_bar(not json) as progress:
            seen = attention_of(loaded, volumes, region, device, settings, progress, cancel)
            found = Segmenter(loaded, device, preset).segment(volumes, region, progress, cancel)
        cancel.raise_if_cancelled()
        picture = Picture(
            volumes[0], found.segmentation, seen.maps, seen.steps, loaded.card.title, region, not maps_only
        )
        written: list[Path] = []
        for path in _written(picture, target, wanted, seen, volume):
            remember(path, job)
            written.append(path)
        warnings = list(dict.fromkeys([*seen.warnings, *found.warnings]))
        _report(_summary(seen, region), written, warnings, json)


def _read(
    model: str, image: Path, channel: Sequence[Path], series: str | None, cancel: CancelToken
) -> tuple[Model, list[Volume]]:
    """The model, and its images: the first is read while torch is loaded.

    Raises:
        ModelError: it has no gates.
        UNetSegmentError: a file cannot be read.
    """
    from ...io.guarded import begin, read_volume

    reading = begin(image, series, cancel=cancel)
    from ...inference.attention import check_gates
    from ...models import load_model

    loaded = load_model(model)
    check_gates(loaded.card)
    return loaded, [reading.wait(), *(read_volume(path, cancel=cancel) for path in channel)]


def _slice(number: str) -> int | None:
    if number == _AUTO:
        return None
    try:
        return int(number)
    except ValueError:
        raise UsageError(f"'{number}' is no slice.", "Give its number, from 0, or 'auto'.") from None


def _check_targets(target: Path, volume: Path | None, inputs: Sequence[Input], job: Job, force: bool) -> None:
    """Refuses before the run what could not be written after it, or would destroy something."""
    from ...io.atomic import full_suffix
    from ...io.outputs import Output, check_outputs

    if full_suffix(target) != ".png":
        raise OutputError(f"The picture is a PNG; '{target.name}' ends otherwise.", "Let the name end with .png.")
    if volume is not None and full_suffix(volume) not in (".nrrd", ".nii.gz", ".nii", ".mha"):
        raise OutputError(f"Maps cannot be written as '{volume.name}'.", "Use .nrrd, .nii.gz or .mha.")
    maps = [] if volume is None else [level_path(volume, number) for number in range(1, _MOST_GATES + 1)]
    notes = check_outputs(
        [Output(target, "OUTPUT.png"), *(Output(path, "--volume") for path in maps)], inputs, job, force
    )
    for note in notes:
        say(f"Note: {note}", error=True)


def level_path(volume: Path, number: int) -> Path:
    """Where the map of a gate lies, counted from 1."""
    from ...io.atomic import full_suffix, stem

    return volume.with_name(f"{stem(volume)}-{number}{full_suffix(volume)}")


def _written(
    picture: AttentionPicture, target: Path, number: int | None, seen: Attention, volume: Path | None
) -> Iterator[Path]:
    """Every file as soon as it is written."""
    from ...reporting.pictures.attention import write_attention

    yield write_attention(picture, target, number)
    yield from _write_levels(seen, volume)


def _write_levels(seen: Attention, volume: Path | None) -> Iterator[Path]:
    """One file for each gate: as scalar volumes Slicer can put each over the image, which a 4D file would not do."""
    if volume is None:
        return
    from ...io import write_volume

    for number, level in enumerate(seen.levels, start=1):
        path = level_path(volume, number)
        write_volume(level, path)
        yield path


@dataclass(frozen=True)
class _Line:
    """What a gate says inside of the region."""

    gate: int
    step: tuple[int, ...]
    least: float
    mean: float
    greatest: float


def _summary(seen: Attention, region: Box | None) -> list[_Line]:
    lines = []
    for number, (level, step) in enumerate(zip(seen.levels, seen.steps, strict=True), start=1):
        part = level.voxels[0] if region is None else level.voxels[0][region.slices]
        lines.append(_Line(number, step, float(part.min()), float(part.mean()), float(part.max())))
    return lines


def _report(lines: list[_Line], written: list[Path], warnings: list[str], as_json: bool) -> None:
    if as_json:
        gates = [asdict(line) for line in lines]
        print_json({"files": [str(path) for path in written], "gates": gates, "warnings": warnings})
        return
    for warning in warnings:
        say(f"Note: {warning}", error=True)
    for line in lines:
        step = in_xyz(line.step)
        say(f"Gate {line.gate}, a coefficient every {step} voxels: {line.least:.3f} to {line.greatest:.3f}")
    for path in written:
        say(f"  {path}")
