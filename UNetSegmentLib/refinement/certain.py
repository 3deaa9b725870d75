"""What the prompts of a session are certain of, voxel by voxel: later ones win."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from ..geometry import Box
from .voxels import Voxels

IN, OUT = 1, -1


@dataclass(frozen=True, eq=False)
class Certainty:
    """Voxels of one prompt, and of which segment they are certain to be, or not to be. A stroke by hand has no
    segment: where it was, earlier prompts are no longer certain."""

    voxels: Voxels
    include: bool
    segment: int | None


def certain_in(box: Box, earlier: Iterable[Certainty], segment: int) -> np.ndarray:
    """Per voxel of ``box``: :data:`IN` the segment, :data:`OUT` of it, or 0. int8, shape of the box.

    What is in another segment is out of this one, as a label map has one label per voxel.
    """
    state = np.zeros(box.shape, np.int8)
    for one in earlier:
        value = _value(one, segment)
        if value is None:
            continue
        common = one.voxels.box.intersect(box)
        if common.empty:
            continue
        here = common.shifted([-n for n in box.start]).slices
        there = common.shifted([-n for n in one.voxels.box.start]).slices
        state[here][one.voxels.inside[there]] = value
    return state


def _value(one: Certainty, segment: int) -> int | None:
    if one.segment is None:
        return 0
    if one.segment == segment:
        return IN if one.include else OUT
    return OUT if one.include else None
