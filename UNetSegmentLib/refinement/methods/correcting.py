"""A place of a given mask, mended.

How large is what a click speaks of? As a person clicks in the middle of what is wrong, it is about as deep as the
click lies from the nearest voxel that already is as the prompt wants it (``depth``): a click just outside of the border
means the border, one in the middle of a missing lobe means the lobe. Around it, an image that looks like the prompt's
place is near (:func:`~.geodesic.arrival`), and what is far, or deeper than the click, keeps its label ever more firmly.
What is in between is decided by intensities, by the model's probabilities where there are some, and by the image's
edges.
"""

from __future__ import annotations

import numpy as np

from ..method import Problem
from .geodesic import arrival
from .images import dissimilarity, normalized, smoothed
from .likelihood import log_ratio
from .neighbourhood import CORNERS, part_at
from .walker import bonds, walk

MOST_DEPTH = 15.0
"""mm: nobody corrects more than that by one click."""

# In depths: how far a change goes without resistance, and sideways along a thin error. What is taken away ends at the
# mask's own border, so it may go farther than what is added.
_ADDING = (1.2, 1.5)
_TAKING = (2.0, 3.0)
# In the farther of the two: where it ends.
_END = 3.0
_DEEPEST = 1.5
# Nor is a thin error, such as a shifted border, followed farther sideways than this many mm.
_SIDEWAYS_MM = 8.0
# A way through what does not look alike is that much longer.
_LIGHT, _HEAVY, _MOST_UNLIKE = 0.35, 0.4, 5.0
# Weights of intensity (double with probabilities), and of staying as it is.
_SAYS = 0.6
_STAYS = 0.8
_TIMES = 3
_SURE = 0.98


def corrected(problem: Problem) -> np.ndarray:
    """The mask as the prompt wants it, boolean (z, y, x)."""
    from scipy import ndimage

    spacing, seeds = problem.spacing, problem.seeds
    voxel = min(spacing)
    # What is as the prompt wants it, and what might become so.
    own = problem.mask if problem.adding else ~problem.mask
    open_ = problem.free | seeds
    image = normalized(problem.image)
    smooth = smoothed(image, spacing)
    within = ndimage.distance_transform_edt(~own, sampling=spacing) if own.any() else np.full(own.shape, MOST_DEPTH)
    away = ndimage.distance_transform_edt(~seeds, sampling=spacing)
    depth = max(float(within[seeds].max()), voxel)
    size = min(depth, MOST_DEPTH)
    core = ((away <= max(0.6 * size, 1.01 * voxel)) & open_) | seeds
    unlike = np.minimum(dissimilarity(image, smooth, core), _MOST_UNLIKE)
    ahead, sideways = _ADDING if problem.adding else _TAKING
    far = max(ahead * size, min(_SIDEWAYS_MM, sideways * size))
    cost = np.where(open_, _LIGHT + _HEAVY * unlike**2, 1e3)
    way = arrival(cost, seeds, spacing, _END * far)
    stays = np.clip(way / far, 0, 4) ** 2 + 2 * np.clip(within / (_DEEPEST * depth) - 1, 0, 4) ** 2
    stays = (_STAYS * stays).astype(np.float32)
    fixed = seeds | ~open_ | (way >= 0.9 * _END * far)
    near = away < 4 * (size + voxel)
    region = ((way < 0.6 * ahead * size) & open_) | seeds
    links = bonds(image, spacing)
    says = np.float32(_SAYS if problem.probability is None else 2 * _SAYS)
    for _ in range(_TIMES):
        before = region
        evidence = log_ratio(smooth, (region, own & near), ~own & ~region & near) + _model(problem)
        prior = says / (1 + np.exp(-evidence)) / (says + stays)
        x = walk(links, prior, says + stays, fixed, (seeds | own).astype(np.float32))
        region = part_at((x > 0.5) & open_, seeds, CORNERS)
        if np.array_equal(region, before):
            break
    return problem.mask | region if problem.adding else problem.mask & ~region


def _model(problem: Problem) -> np.ndarray | float:
    """The log odds of what the prompt wants, as the model saw them."""
    if problem.probability is None:
        return 0.0
    likely = np.clip(problem.probability, 1 - _SURE, _SURE)
    odds = np.log(likely / (1 - likely))
    return np.asarray(odds if problem.adding else -odds, np.float32)
