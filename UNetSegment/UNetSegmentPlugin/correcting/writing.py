"""From a change of the session to the segment: what the editor's masks allow, and nothing else."""

import numpy as np
import slicer

from UNetSegmentLib.geometry import Box

from ..scene import segments, volumes
from .labels import OWN
from .target import Target


def write(effect, target: Target, box: Box, before: np.ndarray, after: np.ndarray) -> None:
    """Adds what is new to the segment and takes away what is not in it any more, through the editor, so that its
    masking, editable intensities and overwrite mode hold.

    Args:
        effect: the scripted effect's C++ side, of the editor that the segmentation is chosen in.
        box: of the image's grid.
        before, after: labels (z, y, x) of the box.
    """
    was, will_be = before == OWN, after == OWN
    for mode, part in (
        (slicer.qSlicerSegmentEditorAbstractEffect.ModificationModeAdd, will_be & ~was),
        (slicer.qSlicerSegmentEditorAbstractEffect.ModificationModeRemove, was & ~will_be),
    ):
        if part.any():
            # A label map of its own, as small as the change: without an extent everything that it holds is applied.
            effect.modifySegmentByLabelmap(target.segmentation, target.segment_id, _image(target, box, part), mode)


def _image(target: Target, box: Box, part: np.ndarray):
    image = segments.oriented_image(part.astype(np.uint8), volumes.geometry_of(target.volume), box)
    if not target.is_aligned:
        transform = volumes.transform_between(target.volume, target.segmentation)
        slicer.vtkOrientedImageDataResample.TransformOrientedImage(image, transform)
    return image
