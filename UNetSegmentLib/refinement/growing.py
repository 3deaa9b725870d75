"""From a prompt to the voxels that change: a box that grows until the answer ends within it, and the rules."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ..geometry import Box
from ..volume import Volume
from .certain import IN, OUT
from .method import Method, Problem
from .voxels import Voxels

DEFAULT_REACH = 80.0
"""mm from a prompt beyond which it changes nothing."""

MOST_VOXELS = 4_000_000
"""Of a box: what a method solves within about a second on two cores."""


@dataclass(frozen=True, eq=False)
class Region:
    """Voxels that change: a tight box of the image, and a boolean array (z, y, x) of its shape."""

    box: Box
    inside: np.ndarray


Part = Callable[[Box], np.ndarray]
"""An array (z, y, x) of a box of the image."""


def grow(
    method: Method,
    volume: Volume,
    *,
    seeds: Voxels,
    adding: bool,
    reach: float,
    mask: Part,
    given: Part,
    free: Part,
    certain: Part,
    probability: Part | None,
) -> Region:
    """What a prompt changes.

    Args:
        seeds: the prompt's voxels that are not yet as it wants them.
        adding: to the segment, or taking away from it.
        reach: mm from the seeds that a change may lie away.
        mask, given, free, certain, probability: see :class:`~.method.Problem` and :func:`~.certain.certain_in`.
    """
    whole = Box.whole(volume.geometry.shape)
    spacing = volume.geometry.array_spacing
    limit = seeds.box.padded([int(reach / mm) for mm in spacing]).intersect(whole)
    box = seeds.box.padded(method.start_margin(spacing)).intersect(limit)
    while True:
        placed = _place(seeds, box)
        state = certain(box)
        flips = free(box) & ~(state == (OUT if adding else IN))
        present = mask(box)
        problem = Problem(
            image=_image(volume, box),
            spacing=spacing,
            mask=present,
            include=state == IN,
            exclude=state == OUT,
            seeds=placed,
            adding=adding,
            free=flips,
            given=given(box),
            probability=probability(box) if probability is not None else None,
        )
        answer = method.solve(problem)
        flips &= (answer != present) & (present != adding)
        flips = _connected(flips | placed, placed)
        wider = _wider(box, flips, limit)
        if wider == box:
            return _cut(_within_reach(flips, placed, reach, spacing), box)
        box = wider


def _image(volume: Volume, box: Box) -> np.ndarray:
    """The box's image, with the lowest finite value where there is none."""
    image = volume.voxels[(slice(None), *box.slices)].astype(np.float32)
    finite = np.isfinite(image)
    if not finite.all():
        image[~finite] = image[finite].min() if finite.any() else 0
    return image


def _connected(flips: np.ndarray, seeds: np.ndarray) -> np.ndarray:
    """The part of ``flips`` that hangs together, by faces, edges or corners, with a seed."""
    from scipy import ndimage

    parts, _ = ndimage.label(flips, np.ones((3, 3, 3)))
    kept = np.unique(parts[seeds])
    return np.asarray(np.isin(parts, kept[kept > 0]))


def _wider(box: Box, flips: np.ndarray, limit: Box) -> Box:
    """The box, half as large again on each side that a change touches and that is not at the limit yet."""
    start, stop = list(box.start), list(box.stop)
    for axis, (low, high) in enumerate(zip(limit.start, limit.stop, strict=True)):
        more = max(4, flips.shape[axis] // 2)
        if start[axis] > low and flips.take(0, axis).any():
            start[axis] = max(start[axis] - more, low)
        if stop[axis] < high and flips.take(-1, axis).any():
            stop[axis] = min(stop[axis] + more, high)
    wider = Box((start[0], start[1], start[2]), (stop[0], stop[1], stop[2]))
    return wider if np.prod(wider.shape) <= MOST_VOXELS else box


def _within_reach(flips: np.ndarray, seeds: np.ndarray, reach: float, spacing: tuple[float, ...]) -> np.ndarray:
    """Without what lies farther from every seed than the reach; half a voxel's diagonal is kept clear, as a prompt may
    lie anywhere in its voxel."""
    from scipy import ndimage

    clear = float(np.linalg.norm(spacing)) / 2
    found = [np.flatnonzero(flips.any(axis=tuple({0, 1, 2} - {axis}))) for axis in range(3)]
    ends = [np.flatnonzero(seeds.any(axis=tuple({0, 1, 2} - {axis}))) for axis in range(3)]
    far = [max(e[0] - f[0], f[-1] - e[-1], 0) * mm for f, e, mm in zip(found, ends, spacing, strict=True)]
    spread = [(e[-1] - e[0]) * mm for e, mm in zip(ends, spacing, strict=True)]
    if np.linalg.norm(np.add(far, spread)) <= reach - clear:
        return flips
    distance = ndimage.distance_transform_edt(~seeds, sampling=spacing)
    return np.asarray(flips & ((distance <= reach - clear) | seeds))


def _place(voxels: Voxels, box: Box) -> np.ndarray:
    placed = np.zeros(box.shape, bool)
    placed[voxels.box.shifted([-n for n in box.start]).slices] = voxels.inside
    return placed


def _cut(inside: np.ndarray, box: Box) -> Region:
    """A tight box."""
    found = [np.flatnonzero(inside.any(axis=tuple({0, 1, 2} - {axis}))) for axis in range(3)]
    start = tuple(int(f[0]) for f in found)
    stop = tuple(int(f[-1]) + 1 for f in found)
    tight = Box((start[0], start[1], start[2]), (stop[0], stop[1], stop[2]))
    return Region(tight.shifted(box.start), np.ascontiguousarray(inside[tight.slices]))
