"""From a change of the session to the segment: what the editor's masks allow, and nothing else."""

from collections.abc import Mapping

import numpy as np
import slicer

from UNetSegmentLib.geometry import Box

from ..scene import segments, volumes
from . import regridding
from .labels import OTHERS, OWN, SHARED
from .target import Target

ADD = slicer.qSlicerSegmentEditorAbstractEffect.ModificationModeAdd
REMOVE = slicer.qSlicerSegmentEditorAbstractEffect.ModificationModeRemove


def write(
    effect, target: Target, others: Mapping[str, int], box: Box, before: np.ndarray, after: np.ndarray
) -> None:  # fmt: skip
    """Adds what is new to the segment and takes away what is not in it any more, through the editor, so that its
    masking, editable intensities and overwrite mode hold. What the segment had taken from a neighbour goes back to it.

    Args:
        effect: the scripted effect's C++ side, of the editor that the segmentation is chosen in.
        others: what the other segments count as, see :func:`.labels.values`.
        box: of the image's grid.
        before, after: labels (z, y, x) of the box.
    """
    was, will_be = before == OWN, after == OWN
    for mode, part in ((ADD, will_be & ~was), (REMOVE, was & ~will_be)):
        if part.any():
            # A label map of its own, as small as the change: without an extent everything that it holds is applied.
            effect.modifySegmentByLabelmap(target.segmentation, target.segment_id, _image(target, box, part), mode)
    given_back = set(np.unique(after[was & ~will_be]).tolist())
    for segment_id, value in others.items():
        if OTHERS <= value < SHARED and value in given_back:
            image = _image(target, box, was & (after == value))
            effect.modifySegmentByLabelmap(target.segmentation, segment_id, image, ADD)


def _image(target: Target, box: Box, part: np.ndarray):
    grid = volumes.geometry_of(target.volume)
    lattice = regridding.lattice_of(target)
    if lattice is None or not any(regridding.margin(target)):
        return segments.oriented_image(part.astype(np.uint8), grid, box)
    box, part = regridding.moved(target, lattice, box, part)
    return segments.oriented_image(part.astype(np.uint8), lattice, box)
