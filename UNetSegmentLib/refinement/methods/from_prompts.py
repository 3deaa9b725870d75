"""A segment that prompts have begun, from all of them.

As long as all include, it is the region that stands out around them (:mod:`.regions`). Once something is excluded, each
voxel goes to the side that it resembles and that it can be reached from: intensities near the strokes and far, the ways
through the image (:func:`~.geodesic.arrival`) from either side, and the image's edges.
"""

from __future__ import annotations

import numpy as np

from ..method import Problem
from .geodesic import arrival
from .images import normalized, smoothed, steepness
from .likelihood import log_ratio_nearby
from .regions import stable_region
from .walker import bonds, walk

# A mm costs this much in the flat, and more where it is steep.
_FLAT, _STEEP, _STEEPEST = 0.15, 4.0, 8.0
# What the ways say, and what the intensities do: near the strokes, and anywhere.
_WAYS = 2.0
_NEARBY, _NEARBY_MM = 0.5, 30.0
_ANYWHERE, _ANYWHERE_MM = 0.2, 400.0
_REGION = 1.0
_STRENGTH = 1.5
_CAP = 4.0


def segment_from_prompts(problem: Problem) -> np.ndarray:
    """The segment as the prompts so far want it, boolean (z, y, x)."""
    seeds, mask = problem.seeds, problem.mask
    open_ = problem.free | seeds
    image = normalized(problem.image)
    smooth = smoothed(image, problem.spacing)
    # What cannot become the segment is not the segment: a box's outside, another segment.
    denied = problem.exclude | (~open_ & ~mask) if problem.adding else problem.exclude
    if not denied.any():
        return mask | stable_region(problem, image, smooth, open_)
    evidence = _evidence(problem, smooth, denied)
    if problem.adding:
        region = stable_region(problem, image, smooth, (open_ & (evidence > -_REGION)) | seeds)
        evidence = evidence + np.where(region | mask, _REGION, -_REGION)
    prior = (1 / (1 + np.exp(-np.clip(evidence, -_CAP, _CAP)))).astype(np.float32)
    fixed = problem.include | denied | ~(open_ | mask)
    strength = np.full(mask.shape, _STRENGTH, np.float32)
    x = walk(bonds(image, problem.spacing), prior, strength, fixed, problem.include.astype(np.float32))
    return mask | (x > 0.5) if problem.adding else mask & (x > 0.5)


def _evidence(problem: Problem, smooth: np.ndarray, denied: np.ndarray) -> np.ndarray:
    """The log odds of the segment at each voxel, float32 (z, y, x)."""
    spacing, voxel = problem.spacing, min(problem.spacing)
    cost = (_FLAT + _STEEP * np.minimum(steepness(smooth, spacing), _STEEPEST)).astype(np.float32)
    mine, others = (arrival(cost, side, spacing) + 0.3 * voxel for side in (problem.include, denied))
    evidence = _WAYS * np.log(others / mine)
    for weight, radius in ((_NEARBY, _NEARBY_MM), (_ANYWHERE, _ANYWHERE_MM)):
        evidence += weight * log_ratio_nearby(smooth, problem.include, denied, spacing, radius)
    return np.asarray(evidence, np.float32)
