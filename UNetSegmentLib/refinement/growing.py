"""From a prompt to the voxels that change: a box that grows until the answer ends within it, and the rules."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from ..geometry import Box
from ..volume import Volume
from .boxes import placed, tight
from .certain import IN, OUT
from .method import Method, Problem
from .neighbourhood import CORNERS, part_at
from .prompts.voxels import Voxels

DEFAULT_REACH = 80.0
"""mm from a prompt beyond which it changes nothing."""

MOST_VOXELS = 1_500_000
"""Of a box: what a method solves within about a second on two cores."""


MOST_PARTS = 8
"""Boxes that one prompt may take, where one of :data:`MOST_VOXELS` does not hold it."""


@dataclass(frozen=True, eq=False)
class Region:
    """Voxels that change: a tight box of the image, and a boolean array (z, y, x) of its shape; the mm from the prompt
    that none of them lies beyond; sentences for the user."""

    box: Box
    inside: np.ndarray
    reach: float
    notes: tuple[str, ...] = ()


Part = Callable[[Box], np.ndarray]
"""An array (z, y, x) of a box of the image."""


@dataclass(frozen=True, eq=False)
class Rules:
    """What a change may and may not do, box by box; see :class:`~.method.Problem` and :func:`~.certain.certain_in`."""

    adding: bool
    mask: Part
    given: Part
    free: Part
    certain: Part
    probability: Part | None


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
    among: Sequence[Box] = (),
) -> Region:
    """What a prompt changes.

    Args:
        seeds: the prompt's voxels that are not yet as it wants them.
        adding: to the segment, or taking away from it.
        reach: mm from the seeds that a change may lie away.
        mask, given, free, certain, probability: see :class:`~.method.Problem` and :func:`~.certain.certain_in`.

        among: where the segment's earlier prompts lie. A segment that they have begun is seen with those within reach
            from the beginning, as far as a box can hold them.

    Raises:
        ValueError: the method answered for another box than it was asked about.
    """
    spacing = volume.geometry.array_spacing
    # A prompt may lie anywhere in its voxel, and a little beside the image; so far its own voxels may be away.
    clear = float(np.linalg.norm(spacing)) / (1 if seeds.moved else 2)
    near = max(reach - clear, 0.0)
    rules = Rules(adding, mask, given, free, certain, probability)
    whole = Box.whole(volume.geometry.shape)
    seeds = replace(
        seeds, box=tight(seeds.inside).shifted(seeds.box.start), inside=seeds.inside[tight(seeds.inside).slices]
    )
    margin = [max(int(n), 0) for n in method.start_margin(spacing)]
    parts = _parts(seeds, margin, whole)
    if len(parts) > MOST_PARTS:
        note = "The prompt is so large that only what it covers was changed, not what lies beside it."
        return Region(seeds.box, seeds.inside, max(reach, clear), (note,))
    if len(parts) == 1 and not given(parts[0][1]).any():
        parts = [(seeds, _seeing(parts[0][1], among, margin, _limit(seeds, near, volume)))]
    changes = [_grown(method, volume, part, box, near, rules) for part, box in parts]
    return _joined(changes, max(reach, clear))


def _parts(seeds: Voxels, margin: Sequence[int], whole: Box) -> list[tuple[Voxels, Box]]:
    """Seeds and the box to begin with, in parts where one box would be too large."""
    box = seeds.box.padded(margin).intersect(whole)
    if _size(box) <= MOST_VOXELS:
        return [(seeds, box)]
    extent = np.asarray(seeds.box.shape)
    axis = int(np.argmax(extent - 2 * np.asarray(margin)))
    if extent[axis] <= max(2 * margin[axis], 1):
        return _parts(seeds, [n * 3 // 4 for n in margin], whole)
    parts = []
    middle = int(extent[axis]) // 2
    for half in (slice(None, middle), slice(middle, None)):
        slices = tuple(half if n == axis else slice(None) for n in range(3))
        inside = seeds.inside[slices]
        part = tight(inside)
        if not part.empty:
            start = [seeds.box.start[n] + (middle if n == axis and half.start else 0) for n in range(3)]
            parts += _parts(replace(seeds, box=part.shifted(start), inside=inside[part.slices]), margin, whole)
        if len(parts) > MOST_PARTS:
            break
    return parts


def _grown(
    method: Method, volume: Volume, seeds: Voxels, box: Box, near: float, rules: Rules
) -> tuple[Box, np.ndarray]:
    """What the seeds of one box change: the box as it has become, and a boolean array of its shape."""
    spacing = volume.geometry.array_spacing
    limit = _limit(seeds, near, volume)
    box = box.intersect(limit)
    while True:
        own = placed(seeds.inside, seeds.box, box)
        state = rules.certain(box)
        present = rules.mask(box)
        free = rules.free(box) & ~(state == (OUT if rules.adding else IN))
        # All that the answer is judged by is made before the question: whatever a method writes to, it is not ours.
        open_ = free & (present != rules.adding)
        problem = Problem(
            image=_image(volume, box),
            spacing=spacing,
            mask=present,
            include=state == IN,
            exclude=state == OUT,
            seeds=own.copy(),
            adding=rules.adding,
            free=free,
            given=rules.given(box),
            probability=rules.probability(box) if rules.probability is not None else None,
        )
        answer = np.asarray(method.solve(problem))
        if answer.shape != box.shape:
            raise ValueError(f"The method answered an array of shape {answer.shape} for a box of {box.shape}.")
        open_ &= answer.astype(bool) == rules.adding
        flips = part_at(open_ | own, own, CORNERS)
        wider = _wider(box, flips, limit)
        if wider == box:
            return box, _within_reach(flips, own, near, spacing)
        box = wider


def _limit(seeds: Voxels, near: float, volume: Volume) -> Box:
    """The part of the image that is within ``near`` mm of the seeds along every axis."""
    whole = Box.whole(volume.geometry.shape)
    most = [min(int(near / mm), n) for mm, n in zip(volume.geometry.array_spacing, whole.shape, strict=True)]
    return seeds.box.padded(most).intersect(whole)


def _seeing(box: Box, among: Sequence[Box], margin: Sequence[int], limit: Box) -> Box:
    """The box, so large that it sees other boxes; the latest come first where it cannot see all."""
    for other in reversed(among):
        near = other.padded([n // 2 for n in margin]).intersect(limit)
        if not near.empty:
            wider = box.joined(near)
            if _size(wider) <= MOST_VOXELS // 2:
                box = wider
    return box


def _joined(changes: list[tuple[Box, np.ndarray]], reach: float) -> Region:
    """One region of several, which may overlap."""
    box, inside = changes[0]
    if len(changes) > 1:
        box = functools.reduce(Box.joined, (own for own, _ in changes))
        inside = np.zeros(box.shape, bool)
        for own, flips in changes:
            inside[own.relative_to(box).slices] |= flips
    part = tight(inside)
    return Region(part.shifted(box.start), np.ascontiguousarray(inside[part.slices]), reach)


def _image(volume: Volume, box: Box) -> np.ndarray:
    """The box's image, channel by channel: the lowest finite value where there is none, the highest for infinity."""
    with np.errstate(over="ignore"):
        # What is beyond a float32 becomes infinite, and so the highest or lowest that is within.
        image = volume.voxels[(slice(None), *box.slices)].astype(np.float32)
    for channel in image:
        finite = np.isfinite(channel)
        if not finite.all():
            low, high = (channel[finite].min(), channel[finite].max()) if finite.any() else (0, 0)
            channel[...] = np.nan_to_num(channel, nan=low, posinf=high, neginf=low)
    return image


def _size(box: Box) -> int:
    z, y, x = box.shape
    return z * y * x


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
    return wider if _size(wider) <= MOST_VOXELS else box


def _within_reach(flips: np.ndarray, seeds: np.ndarray, near: float, spacing: tuple[float, ...]) -> np.ndarray:
    """Without what lies farther from every seed than ``near`` mm, and what then no longer hangs together with one."""
    from scipy import ndimage

    found, ends = tight(flips & ~seeds), tight(seeds)
    if found.empty:
        return flips
    far = [
        max(e - f, h - g, 0) * mm
        for e, f, g, h, mm in zip(ends.start, found.start, ends.stop, found.stop, spacing, strict=True)
    ]
    spread = [(n - 1) * mm for n, mm in zip(ends.shape, spacing, strict=True)]
    if np.linalg.norm(np.add(far, spread)) <= near:
        return flips
    distance = ndimage.distance_transform_edt(~seeds, sampling=spacing)
    return part_at(flips & ((distance <= near) | seeds), seeds, CORNERS)
