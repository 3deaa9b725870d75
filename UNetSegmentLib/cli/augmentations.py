"""``unetsegment augmentations``: what a training does to its patches, as a picture."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ..errors import InputError
from .console import say, working
from .session import DebugOption, session


def augmentations(
    target: Annotated[Path, typer.Argument(metavar="OUTPUT.png", help="The picture.")],
    image: Annotated[Path | None, typer.Option(help="Image to transform; a phantom when left out.")] = None,
    labels: Annotated[Path | None, typer.Option(help="Its label map, drawn as contours.")] = None,
    config: Annotated[
        Path | None, typer.Option(help="A training's configuration: its ranges, patch and preparation.")
    ] = None,
    debug: DebugOption = False,
) -> None:
    """Draw every augmentation at several strengths: a row for each transform, from one end of its range to the other.

    Example: unetsegment augmentations augmentations.png --image scan.nii.gz --labels labels.nii.gz
    """
    with session(debug):
        if labels is not None and image is None:
            raise InputError("There are labels but no image.", "Add --image FILE.")
        with working("Transforming"):
            from ..training import AugmentationConfig, load_config
            from ..training.augmentation.picture import write_gallery
            from ..training.augmentation.scenes import case_scene, phantom_scene

            training = load_config(config) if config is not None else None
            settings = training.augmentation if training is not None else AugmentationConfig()
            scene, look = phantom_scene(settings) if image is None else case_scene(image, labels, training)
            write_gallery(scene, settings, look, target)
        say(f"Picture: {target}")
