"""``unetsegment demo`` (what ``make demo`` runs): both hippocampi of an average head, from nothing but pip packages.

The image is the ICBM-152 2009a T1 average that the package ``nilearn`` carries, so that nothing is downloaded.
"""

from __future__ import annotations

import importlib.util
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ...errors import DependencyError, OutputError
from ...io.outputs import Output, OutputFolder, check_outputs
from ...io.own_outputs import Job, remember
from ...io.regions import parse_region
from ...labels import CodedTerm, Label
from ...progress import CancelToken, ProgressCallback
from ..terminal.clock import command_clock
from ..terminal.console import MEASURES_HIDDEN, duration, output, progress_bar, say, table, working, write_text
from ..terminal.session import DebugOption, DeviceOption, ForceOption, session

if TYPE_CHECKING:
    from ...inference import Segmenter
    from ...volume import Segmentation, Volume

_IMAGE = "mni_icbm152_t1_tal_nlin_sym_09a_converted.nii.gz"
_SIDES = {
    # Regions of 40 x 56 x 40 mm around each hippocampus, RAS mm in MNI space.
    "left": ("-47,-7,-50,6,-36,4", CodedTerm("SCT", "7771000", "Left")),
    "right": ("7,47,-50,6,-36,4", CodedTerm("SCT", "24028007", "Right")),
}


def demo(
    context: typer.Context,
    folder: Annotated[Path, typer.Option("--output", help="Folder for the results.")] = Path("demo-output"),
    model: Annotated[str, typer.Option("--model", "-m", help="Another model of the hippocampus.")] = "hippocampus-t1",
    force: ForceOption = False,
    device: DeviceOption = "auto",
    debug: DebugOption = False,
) -> None:
    """Segment both hippocampi of the ICBM-152 average head that comes with nilearn."""
    with session(debug) as cancel:
        clock, job = command_clock(context), Job("demo", (model,))
        files = [folder / name for name in ("hippocampi.seg.nrrd", "hippocampi.csv", "hippocampi.png")]
        check_outputs([OutputFolder(folder, "--output"), *(Output(path, "--output") for path in files)], (), job, force)
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise OutputError(f"The folder '{folder}' cannot be made.", "Choose another.", str(error)) from error
        with working("Reading the ICBM-152 average head; loading torch and the model"):
            from ... import reporting
            from ...inference import Segmenter
            from ...io import read_volume, write_segmentation
            from ...models import load_model

            volume = replace(read_volume(_image()), name="ICBM-152 T1")
            segmenter = Segmenter(load_model(model), device)
        before = time.monotonic()
        with progress_bar() as progress:
            result = _both_sides(segmenter, volume, progress, cancel)
        seconds = time.monotonic() - before
        card = segmenter.model.card
        write_segmentation(result, files[0], algorithm=f"{card.name} {card.version}")
        remember(files[0], job)
        measures = reporting.measure(result)
        write_text(reporting.to_csv(measures), files[1])
        remember(files[1], job)
        cancel.raise_if_cancelled()
        with working("Drawing the preview"):
            reporting.write_preview(volume, result, files[2])
        remember(files[2], job)
        output().print(table(reporting.to_table(measures), "Hippocampi of the ICBM-152 average head", MEASURES_HIDDEN))
        say(f"Both hippocampi in {duration(seconds)}, {duration(clock.seconds())} in all. Written:")
        for path, what in zip(files, ("segmentation, opens in 3D Slicer", "table", "preview picture"), strict=True):
            say(f"  {path.resolve()}  ({what})")


def _image() -> Path:
    """The image inside the installed nilearn, found without importing it."""
    spec = importlib.util.find_spec("nilearn")
    if spec is None or not spec.submodule_search_locations:
        raise DependencyError("The demo's image comes with nilearn.", "Install it with: pip install nilearn")
    path = Path(spec.submodule_search_locations[0]) / "datasets" / "data" / _IMAGE
    if not path.is_file():
        raise DependencyError(
            "This version of nilearn does not carry the demo's image.", "Install another: pip install nilearn==0.14.*"
        )
    return path


def _both_sides(
    segmenter: Segmenter, volume: Volume, progress: ProgressCallback | None, cancel: CancelToken
) -> Segmentation:
    """One run per side; the right side's values follow the left side's."""
    merged: Segmentation | None = None
    for side, (region, term) in _SIDES.items():
        found = segmenter.segment(volume, parse_region(region, volume.geometry), progress, cancel).segmentation
        merged = _add(merged, found, side, term)
    assert merged is not None
    return merged


def _add(merged: Segmentation | None, found: Segmentation, side: str, term: CodedTerm) -> Segmentation:
    offset = max((label.value for label in merged.labels), default=0) if merged else 0
    labels = tuple(_of_side(label, offset, side, term) for label in found.labels)
    voxels = found.voxels.copy()
    voxels[voxels > 0] += offset
    if merged is None:
        return replace(found, voxels=voxels, labels=labels)
    free = merged.voxels == 0
    return replace(merged, voxels=merged.voxels + voxels * free, labels=merged.labels + labels)


def _of_side(label: Label, offset: int, side: str, term: CodedTerm) -> Label:
    """A label of one side: named so, coded so, and on the right in a lighter colour."""
    red, green, blue = label.color if side == "left" else ((c + 255) // 2 for c in label.color)
    terminology = replace(label.terminology, type_modifier=term) if label.terminology else None
    name = f"{side.capitalize()} {label.name[:1].lower()}{label.name[1:]}"
    return Label(label.value + offset, name, (red, green, blue), terminology)
