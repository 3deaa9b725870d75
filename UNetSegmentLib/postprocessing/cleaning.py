"""The clean-up steps of a model card, applied to a label map through SimpleITK.

Each step works inside the bounding box of its labels. Components are connected through faces, edges and corners (26
neighbours; 8 in a single slice); holes are background that cannot reach the outside through faces.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import SimpleITK as sitk

from ..errors import InputError
from ..geometry import Box
from ..models.card import POSTPROCESSING_KINDS, PostprocessingStep
from ..volume import Segmentation
from .boxes import label_boxes

Array = np.ndarray


def clean(segmentation: Segmentation, steps: Sequence[PostprocessingStep]) -> Segmentation:
    """A cleaned copy of a segmentation; the given one is left as it is.

    Steps run in order, and each over its labels in order, or over all of them at once with ``together`` (then their
    union is judged, and a filled hole goes to the nearest of the labels). Filling only ever takes background: no label
    overwrites another. Labels that do not occur are passed over.

    Args:
        segmentation: the label map.
        steps: what to do, see :class:`~UNetSegmentLib.models.card.PostprocessingStep`.

    Raises:
        InputError: a step of an unknown kind, or ``minimum-size`` without a size.
    """
    for step in steps:
        _check(step)
    if not steps:
        return segmentation
    voxels = segmentation.voxels.copy()
    voxel_mm3 = math.prod(segmentation.geometry.spacing)
    for step in steps:
        boxes = label_boxes(voxels)
        groups = [step.values] if step.together else [(value,) for value in step.values]
        for group in groups:
            present = [value for value in group if value in boxes]
            if present:
                _apply(step, voxels, present, _hull([boxes[value] for value in present]), voxel_mm3)
    return replace(segmentation, voxels=voxels)


def _check(step: PostprocessingStep) -> None:
    if step.kind not in POSTPROCESSING_KINDS:
        raise InputError(f"There is no clean-up step '{step.kind}'.", f"Use one of {', '.join(POSTPROCESSING_KINDS)}.")
    if step.kind == "minimum-size" and not (step.size_mm3 and step.size_mm3 > 0):
        raise InputError("The clean-up step 'minimum-size' has no size.", "Give it a positive size_mm3.")


def _apply(step: PostprocessingStep, voxels: Array, values: list[int], box: Box, voxel_mm3: float) -> None:
    """One step on one group of labels, in place. ``box`` holds all of their voxels."""
    # An axis with one voxel is no axis: in a single slice everything would touch the border and nothing be a hole.
    axes = tuple(axis for axis, length in enumerate(voxels.shape) if length == 1)
    part = np.squeeze(voxels[box.slices], axis=axes if len(axes) < 2 else axes[:1])
    mask = np.isin(part, values) if len(values) > 1 else part == values[0]
    if step.kind == "fill-holes":
        _fill(part, mask, values)
        return
    if step.kind == "keep-largest":
        kept = _largest(mask)
    else:
        # More voxels than there are is as many as one likes.
        kept = _large_enough(mask, math.ceil(min((step.size_mm3 or 0) / voxel_mm3 - 1e-6, mask.size + 1)))
    part[mask & ~kept] = 0


def _largest(mask: Array) -> Array:
    """The largest component; all of them where several are equally large (as nnU-Net does)."""

    def keep(image: sitk.Image) -> sitk.Image:
        relabel = sitk.RelabelComponentImageFilter()
        ordered = relabel.Execute(sitk.ConnectedComponent(image, True))
        sizes = relabel.GetSizeOfObjectsInPixels()
        return (ordered > 0) & (ordered <= sizes.count(sizes[0]))

    return _through_itk(mask, keep)


def _large_enough(mask: Array, voxels: int) -> Array:
    def keep(image: sitk.Image) -> sitk.Image:
        return sitk.RelabelComponent(sitk.ConnectedComponent(image, True), voxels, False) > 0

    return _through_itk(mask, keep)


def _fill(part: Array, mask: Array, values: list[int]) -> None:
    holes = _through_itk(mask, lambda image: sitk.BinaryFillhole(image, False)) & (part == 0)
    if not holes.any():
        return
    if len(values) == 1:
        part[holes] = values[0]
        return
    distances = [_distance(part == value)[holes] for value in values]
    part[holes] = np.asarray(values, dtype=part.dtype)[np.argmin(distances, axis=0)]


def _distance(mask: Array) -> Array:
    """Voxels to the nearest voxel of the mask; which label fills a hole does not hang on the spacing."""
    image = sitk.GetImageFromArray(mask.astype(np.uint8))
    distance = sitk.SignedMaurerDistanceMap(image, insideIsPositive=False, squaredDistance=True, useImageSpacing=False)
    return sitk.GetArrayFromImage(distance)


def _through_itk(mask: Array, operation: Callable[[sitk.Image], sitk.Image]) -> Array:
    image = operation(sitk.GetImageFromArray(np.ascontiguousarray(mask, dtype=np.uint8)))
    return sitk.GetArrayViewFromImage(image).astype(bool)


def _hull(boxes: Sequence[Box]) -> Box:
    start = np.min([box.start for box in boxes], axis=0)
    stop = np.max([box.stop for box in boxes], axis=0)
    return Box(tuple(map(int, start)), tuple(map(int, stop)))  # type: ignore[arg-type]
