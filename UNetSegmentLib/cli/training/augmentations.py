"""``unetsegment augmentations``: what a training does to its patches, as a picture."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ...errors import OutputError, UsageError
from ...io.outputs import Input, Output, check_outputs
from ...io.own_outputs import Job, remember
from ..terminal.console import say, working
from ..terminal.session import DebugOption, ForceOption, session


def augmentations(
    target: Annotated[Path, typer.Argument(metavar="OUTPUT.png", help="The picture.")],
    image: Annotated[Path | None, typer.Option(help="Image to transform; a phantom when left out.")] = None,
    labels: Annotated[Path | None, typer.Option(help="Its label map, drawn as contours.")] = None,
    config: Annotated[
        Path | None, typer.Option(help="A training's configuration: its ranges, patch and preparation.")
    ] = None,
    force: ForceOption = False,
    debug: DebugOption = False,
) -> None:
    """Draw what the augmentations of a training do.

    A row for each transform, at several strengths from one end of its range to the other.

    Example: unetsegment augmentations augmentations.png --image scan.nii.gz --labels labels.nii.gz
    """
    with session(debug):
        if labels is not None and image is None:
            raise UsageError("There are labels but no image.", "Add --image FILE.")
        if target.suffix.lower() != ".png":
            raise OutputError(f"The picture is a PNG; '{target.name}' ends otherwise.", "Let the name end with .png.")
        given = {"--image": image, "--labels": labels, "--config": config}
        sources = [Input(path, role) for role, path in given.items() if path is not None]
        job = Job("augmentations", tuple(source.path for source in sources))
        for note in check_outputs([Output(target, "OUTPUT.png")], sources, job, force):
            say(f"Note: {note}", error=True)
        with working("Transforming"):
            from ...training import AugmentationConfig, load_config
            from ...training.augmentation.picture import write_gallery
            from ...training.augmentation.scenes import case_scene, phantom_scene

            training = load_config(config) if config is not None else None
            settings = training.augmentation if training is not None else AugmentationConfig()
            scene, look = phantom_scene(settings) if image is None else case_scene(image, labels, training)
            write_gallery(scene, settings, look, target)
        remember(target, job)
        say(f"Picture: {target}")
