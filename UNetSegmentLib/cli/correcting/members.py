"""What the folds of a model, or the mirrored image, say of a segmentation: ``unetsegment review --model``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ...io.regions import parse_region
from ...progress import CancelToken
from ...volume import Segmentation, Volume
from ..terminal.console import progress_bar, working

if TYPE_CHECKING:
    from ...refinement import Quality


@dataclass(frozen=True, eq=False)
class Asked:
    """Which model is asked, and how.

    Args:
        model: its name, or its folder or .zip.
        channels: further input channels, in order.
        roi: as ``segment --roi``.
    """

    model: str
    device: str
    channels: Sequence[Path] = ()
    roi: str | None = None


@dataclass(frozen=True, eq=False)
class Opinions:
    """Label maps of the members, with the segmentation's values; how much they agree; what the runs told."""

    maps: list[np.ndarray]
    quality: Quality
    notes: tuple[str, ...]


def ask(asked: Asked, image: Volume, segmentation: Segmentation, cancel: CancelToken, visible: bool) -> Opinions:
    """Runs the model several times on the image, which has the segmentation's grid."""
    from ...io.guarded import read_volume

    region = parse_region(asked.roi, image.geometry) if asked.roi else None
    volumes = [image, *(read_volume(path, cancel=cancel) for path in asked.channels)]
    with working("Loading torch and the model", visible):
        from ...inference import Segmenter
        from ...models import load_model
        from ...refinement import as_labels_of, run_members

        segmenter = Segmenter(load_model(asked.model), asked.device)
    with progress_bar(visible) as progress:
        members = run_members(segmenter, volumes, region, progress=progress, cancel=cancel)
    maps, notes = as_labels_of(members, segmentation)
    if region is not None:
        # Nobody was asked about the rest.
        beyond = np.ones(segmentation.voxels.shape, bool)
        beyond[region.slices] = False
        for labels in maps:
            labels[beyond] = segmentation.voxels[beyond]
    return Opinions(maps, members.quality(), (*notes, *members.warnings))
