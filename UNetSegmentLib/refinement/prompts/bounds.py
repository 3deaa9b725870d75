"""Where an including prompt may change something, by its shape alone: a box lets nothing change outside, a lasso is the
border in its slice and tells about how far the object goes on. Other prompts, and those that exclude, set no bounds."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from ...geometry import Box, Geometry
from ..boxes import placed
from ..neighbourhood import depth_within
from .kinds import BoxPrompt, Lasso, Prompt
from .voxels import Voxels, box_voxels

# A ball goes on for its radius on either side of a circle around its middle.
_BEYOND = 1.2


def _everywhere(box: Box) -> np.ndarray:
    return np.ones(box.shape, bool)


@dataclass(frozen=True)
class Bounds:
    """What a prompt leaves open.

    Args:
        within: the voxels of a box of the image that may change: boolean (z, y, x), shape of the box.
        reach: mm from the prompt beyond which nothing may.
    """

    within: Callable[[Box], np.ndarray] = _everywhere
    reach: float = math.inf


def bounds_of(prompt: Prompt, seeds: Voxels, geometry: Geometry) -> Bounds:
    """The bounds of a prompt whose certain voxels are ``seeds``."""
    if prompt.include and isinstance(prompt, BoxPrompt):
        whole = box_voxels(prompt, geometry)
        return Bounds(lambda box: placed(whole.inside, whole.box, box))
    if prompt.include and isinstance(prompt, Lasso):
        return Bounds(lambda box: ~_beside(seeds, box), _extent_beyond(seeds, geometry.array_spacing))
    return Bounds()


def _extent_beyond(voxels: Voxels, spacing: Sequence[float]) -> float:
    """mm that an object may go on from the area that a lasso encloses: a little more than half of its width, or of its
    length where it lies across slices."""
    shape = voxels.inside.shape
    if shape.count(1) != 1:
        return _BEYOND * max(n * mm for n, mm in zip(shape, spacing, strict=True)) / 2
    return _BEYOND * float(depth_within(voxels.inside, spacing).max())


def _beside(voxels: Voxels, box: Box) -> np.ndarray:
    """The voxels of ``box`` in the slice of a lasso that its curve leaves out; none where it lies across slices."""
    left_out = np.zeros(box.shape, bool)
    if voxels.inside.shape.count(1) != 1:
        return left_out
    axis = voxels.inside.shape.index(1)
    number = voxels.box.start[axis] - box.start[axis]
    if not 0 <= number < box.shape[axis]:
        return left_out
    layer: list[slice] = [slice(None)] * 3
    layer[axis] = slice(number, number + 1)
    left_out[tuple(layer)] = True
    return left_out & ~placed(voxels.inside, voxels.box, box)
