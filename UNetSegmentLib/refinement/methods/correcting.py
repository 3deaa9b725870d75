"""A place of a given mask, mended.

How large is what a click speaks of? As a person clicks in the middle of what is wrong, it is about as deep as the
click lies from the nearest voxel that already is as the prompt wants it (``depth``): a click just outside of the border
means the border, one in the middle of a missing lobe means the lobe. Around it, an image that looks like the prompt's
place is near (:func:`~.geodesic.arrival`), and what is far, or deeper than the click, keeps its label ever more firmly.
What is in between is decided by intensities, by the model's probabilities where there are some, and by the image's
edges. Where what would be added does not stand out from what lies around it, the question is asked again at half the
size: a thin vessel that can hardly be seen is what was drawn, not what lies beside it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..method import Problem
from ..neighbourhood import CORNERS, faces, part_at
from .geodesic import arrival
from .images import dissimilarity, normalized, smoothed
from .likelihood import binned, log_ratio
from .seeds import AROUND_CLICK_MM, core_of
from .walker import bonds, walk

MOST_DEPTH = 15.0
"""mm: nobody corrects more than that by one click."""

# In depths: how far a change goes without resistance, and sideways along a thin error. What is taken away ends at the
# mask's own border, so it may go farther than what is added.
_ADDING = (1.2, 3.0)
_TAKING = (2.0, 3.0)
# In the farther of the two: where it ends.
_END = 3.0
_DEEPEST = 1.5
# Nor is a thin error, such as a shifted border, followed farther sideways than this many mm.
_SIDEWAYS_MM = 8.0
# A way through what does not look alike is that much longer.
_LIGHT, _HEAVY, _MOST_UNLIKE = 0.35, 0.4, 5.0
# Weights of intensity (double with probabilities), and of staying as it is.
_SAYS = 1.0
_STAYS = 0.8
_TIMES = 3
# Deviations from the prompt's place within which voxels are alike.
_ALIKE = 2.5
# How many times the thickness of what looks alike a change may be deep.
_THICKNESSES = 2.0
# Deviations that what is added must differ by from what lies around it.
_STEP = 0.8
# Voxels that are taken even where nothing stands out.
_SMALLEST = 1.0
_SURE = 0.98


@dataclass(frozen=True, eq=False)
class _Place:
    """A problem as it is looked at. Booleans and floats of the problem's shape (z, y, x).

    Args:
        own: what already is as the prompt wants it.
        open_: what may become so.
        within, away: mm to the nearest voxel of ``own``, and to the prompt.
        core: what surely looks like the place that is meant.
        unlike: dissimilarity to the core.
        cost: of a way, mm for each mm.
        bins: of :func:`~.likelihood.binned`.
        model: log odds of what the prompt wants, as the model saw them.
        links: of :func:`~.walker.bonds`.
    """

    problem: Problem
    own: np.ndarray
    open_: np.ndarray
    within: np.ndarray
    away: np.ndarray
    core: np.ndarray
    unlike: np.ndarray
    cost: np.ndarray
    bins: list[np.ndarray]
    model: np.ndarray | float
    links: list[np.ndarray]


def corrected(problem: Problem) -> np.ndarray:
    """The mask as the prompt wants it, boolean (z, y, x)."""
    voxel = min(problem.spacing)
    depth, place = _looked_at(problem)
    size = min(depth, MOST_DEPTH, _thickness(place.unlike < _ALIKE, problem.seeds, problem.spacing))
    # A segment that prompts alone have begun has no more to lose than to win.
    careful = problem.adding and bool(problem.given.any())
    while True:
        region = _region(place, depth, size)
        if not careful or size <= _SMALLEST * voxel or _stands_out(place, region):
            break
        size = max(size / 2, _SMALLEST * voxel)
        depth = min(depth, 2 * size)
    return problem.mask | region if problem.adding else problem.mask & ~region


def _looked_at(problem: Problem) -> tuple[float, _Place]:
    """How deep the prompt lies in what is wrong (mm), and what there is to see."""
    from scipy import ndimage

    spacing, seeds = problem.spacing, problem.seeds
    voxel = min(spacing)
    own = problem.mask if problem.adding else ~problem.mask
    open_ = problem.free | seeds
    image = normalized(problem.image)
    smooth = smoothed(image, spacing)
    within = ndimage.distance_transform_edt(~own, sampling=spacing) if own.any() else np.full(own.shape, MOST_DEPTH)
    away = ndimage.distance_transform_edt(~seeds, sampling=spacing)
    depth = max(float(within[seeds].max()), voxel)
    radius = min(0.6 * min(depth, MOST_DEPTH), max(AROUND_CLICK_MM, 2 * voxel))
    core = core_of(seeds, open_, away, max(radius, 1.01 * voxel))
    unlike = np.minimum(dissimilarity(image, smooth, core), _MOST_UNLIKE)
    cost = np.where(open_, _LIGHT + _HEAVY * unlike**2, 1e3)
    bins, links = binned(smooth), bonds(image, spacing)
    return depth, _Place(problem, own, open_, within, away, core, unlike, cost, bins, _model(problem), links)


def _thickness(alike: np.ndarray, seeds: np.ndarray, spacing: Sequence[float]) -> float:
    """mm across what looks like the prompt's place, where the prompt lies; single voxels that do not are noise."""
    from scipy import ndimage

    structure = faces(alike.shape)
    whole = ndimage.binary_closing(alike | seeds, structure) | alike | seeds
    depth = ndimage.distance_transform_edt(whole, sampling=spacing)
    return _THICKNESSES * float(np.median(depth[seeds])) + min(spacing)


def _region(place: _Place, depth: float, size: float) -> np.ndarray:
    """What changes when the prompt speaks of a place of ``size`` mm: boolean (z, y, x)."""
    problem, own, open_, seeds = place.problem, place.own, place.open_, place.problem.seeds
    ahead, sideways = _ADDING if problem.adding else _TAKING
    far = max(ahead * size, min(_SIDEWAYS_MM, sideways * size))
    way = arrival(place.cost, seeds, problem.spacing, _END * far)
    stays = np.clip(way / far, 0, 4) ** 2 + 2 * np.clip(place.within / (_DEEPEST * depth) - 1, 0, 4) ** 2
    stays = (_STAYS * stays).astype(np.float32)
    fixed = seeds | ~open_ | (way >= 0.9 * _END * far)
    near = place.away < 4 * (size + min(problem.spacing))
    region = ((way < 0.6 * ahead * size) & open_ & (place.unlike < _ALIKE)) | place.core
    says = np.float32(_SAYS if problem.probability is None else 2 * _SAYS)
    for _ in range(_TIMES):
        before = region
        evidence = log_ratio(place.bins, (region, own & near), ~own & ~region & near) + place.model
        prior = says / (1 + np.exp(-evidence)) / (says + stays)
        x = walk(place.links, prior, says + stays, fixed, (seeds | own).astype(np.float32))
        region = part_at((x > 0.5) & open_, seeds, CORNERS)
        if np.array_equal(region, before):
            break
    return region


def _stands_out(place: _Place, region: np.ndarray) -> bool:
    """Whether the voxels just outside of a region look less like the prompt's place than those just inside: those of
    the mask itself, and those that may not change, are not asked."""
    from scipy import ndimage

    structure = faces(region.shape)
    outside = ndimage.binary_dilation(region, structure) & ~region & ~place.own & place.open_
    inside = region & ndimage.binary_dilation(outside, structure)
    if not outside.any() or not inside.any():
        return True
    return float(place.unlike[outside].mean() - place.unlike[inside].mean()) >= _STEP


def _model(problem: Problem) -> np.ndarray | float:
    """The log odds of what the prompt wants, as the model saw them."""
    if problem.probability is None:
        return 0.0
    likely = np.clip(problem.probability, 1 - _SURE, _SURE)
    odds = np.log(likely / (1 - likely))
    return np.asarray(odds if problem.adding else -odds, np.float32)
