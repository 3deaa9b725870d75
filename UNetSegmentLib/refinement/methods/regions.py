"""From a click or a stroke to the region that it lies in, when nothing else is known.

The voxels less unlike the prompt's than a threshold, as far as they hang together with it, grow with the threshold: an
object that stands out stays the same over a range of thresholds, until it runs out into what lies around it. The one
that stays best and has the steepest border is taken, as a maximally stable extremal region is (Matas et al., BMVC
2002).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..boxes import tight
from ..method import Problem
from ..neighbourhood import faces, part_at
from .images import dissimilarity
from .seeds import AROUND_CLICK_MM, core_of, is_stroke

# Thresholds, in standard deviations of the prompt's own voxels.
_THRESHOLDS = np.geomspace(0.8, 5.0, 12)
_BESIDE_STROKE_MM = 10.0
_LEAST = 8
_THICKER = 1.5
_LEAST_TRUST = 0.1
_BRUSH_MM, _BRUSH_ALIKE = 5.0, 3.0


def stable_region(problem: Problem, image: np.ndarray, smooth: np.ndarray, open_: np.ndarray) -> np.ndarray:
    """The region (boolean z, y, x) of ``open_`` voxels around the problem's seeds, these among them.

    Args:
        image, smooth: of :mod:`.images`.
    """
    from scipy import ndimage

    seeds, spacing = problem.seeds, problem.spacing
    away = ndimage.distance_transform_edt(~seeds, sampling=spacing)
    core = core_of(seeds, open_, away, max(2 * min(spacing), AROUND_CLICK_MM))
    if is_stroke(seeds):
        # Strokes say how large an object is, too.
        open_ = open_ & (away <= max(_BESIDE_STROKE_MM, _extent(seeds, spacing) / 2))
    unlike = dissimilarity(image, smooth, core)
    structure = faces(seeds.shape)
    regions = [_within(unlike, float(threshold), core, seeds, open_, structure) for threshold in _THRESHOLDS]
    sizes = [int(np.count_nonzero(region)) for region in regions]
    least = max(_LEAST, int(np.count_nonzero(core)) // 2)
    scores = np.full(len(regions), -1.0)
    for n, (region, size) in enumerate(zip(regions, sizes, strict=True)):
        if size < least:
            continue
        smaller, larger = sizes[max(n - 1, 0)], sizes[min(n + 1, len(sizes) - 1)]
        growth = np.log(max(larger, 1) / max(smaller, 1))
        step = _step_at_border(unlike, region, open_, structure) / float(_THRESHOLDS[n])
        scores[n] = step / (0.3 + growth) * np.log1p(size)
    chosen = _best(regions, scores, seeds, spacing)
    if chosen is not None:
        return regions[chosen] | seeds
    # Nothing stands out: a small place around the prompt, as a brush would take it.
    near = away <= max(_BRUSH_MM, 2 * min(spacing))
    return part_at(near & open_ & (unlike < _BRUSH_ALIKE), seeds, structure) | seeds


def _extent(seeds: np.ndarray, spacing: Sequence[float]) -> float:
    """mm from end to end, along the axis where that is most."""
    return float(max(n * mm for n, mm in zip(tight(seeds).shape, spacing, strict=True)))


def _best(regions: Sequence[np.ndarray], scores: np.ndarray, seeds: np.ndarray, spacing: Sequence[float]) -> int | None:
    """The region of the best score, after what it lacks in trust: only those are asked that could still win. None when
    none is to be trusted."""
    best, chosen = 0.0, None
    for n in np.argsort(-scores, kind="stable").tolist():
        if scores[n] <= best:
            break
        trust = _thickness_agrees(regions[n], seeds, spacing) * _ends_within(regions[n])
        if trust > _LEAST_TRUST and scores[n] * trust > best:
            best, chosen = float(scores[n] * trust), n
    return chosen


def _ends_within(region: np.ndarray) -> float:
    """An object may leave the box that is looked at, but it does not fill its sides: 1 for one that touches none."""
    sides = [region.take(end, axis) for axis in range(3) if region.shape[axis] > 2 for end in (0, -1)]
    covered = sum(int(np.count_nonzero(side)) for side in sides) / max(sum(side.size for side in sides), 1)
    return float((1 - covered) ** 2)


def _within(
    unlike: np.ndarray, threshold: float, core: np.ndarray, seeds: np.ndarray, open_: np.ndarray, structure: np.ndarray
) -> np.ndarray:
    """What hangs together with the seeds by more than a bridge of one voxel."""
    from scipy import ndimage

    alike = ((unlike < threshold) | seeds) & open_
    body = part_at(ndimage.binary_erosion(alike, structure) | (core & alike), seeds, structure)
    return np.asarray(ndimage.binary_dilation(body, structure) & alike)


def _thickness_agrees(region: np.ndarray, seeds: np.ndarray, spacing: Sequence[float]) -> float:
    """People click where an object is thick. A region that is much thicker elsewhere has run out into something else:
    1 for one that is not, towards 0 for one that is."""
    from scipy import ndimage

    # Beyond the box it may go on: there is no border.
    inside = np.pad(region, [(1, 1) if n > 2 else (0, 0) for n in region.shape], mode="edge")
    depth = ndimage.distance_transform_edt(inside, sampling=spacing)
    middle = tuple(slice(1, -1) if n > 2 else slice(None) for n in region.shape)
    depth = depth[middle]
    allowed = _THICKER * float(depth[seeds].max()) + _THICKER * min(spacing)
    return float(min(1.0, (allowed / max(float(depth.max()), 1e-6)) ** 2))


def _step_at_border(unlike: np.ndarray, region: np.ndarray, open_: np.ndarray, structure: np.ndarray) -> float:
    """How much more unlike the voxels just outside of a region are than those just inside."""
    from scipy import ndimage

    outside = ndimage.binary_dilation(region, structure) & ~region & open_
    inside = region & ~ndimage.binary_erosion(region, structure, border_value=1)
    if not outside.any() or not inside.any():
        return 0.0
    return float(unlike[outside].mean() - unlike[inside].mean())
