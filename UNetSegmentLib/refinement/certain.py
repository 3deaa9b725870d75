"""What the prompts of a session are certain of, voxel by voxel: later ones win."""

from __future__ import annotations

import zlib
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from ..geometry import Box
from .voxels import Voxels

IN, OUT = 1, -1

# A voxel of a list takes three numbers of four bytes, one of a packed box an eighth of a byte.
_LIST_BITS = 96


@dataclass(frozen=True, eq=False)
class Certainty:
    """Voxels of one prompt, and of which segment they are certain to be, or not to be. A stroke by hand has no
    segment: where it was, earlier prompts are no longer certain.

    Sessions keep one for each prompt, so it is small: few voxels of a large box are a list, others packed bits.
    """

    box: Box
    include: bool
    segment: int | None
    _list: np.ndarray | None
    _bits: bytes

    @classmethod
    def of(cls, voxels: Voxels, include: bool, segment: int | None) -> Certainty:
        inside = voxels.inside
        if int(np.count_nonzero(inside)) * _LIST_BITS < inside.size:
            return cls(voxels.box, include, segment, np.argwhere(inside).astype(np.int32), b"")
        return cls(voxels.box, include, segment, None, zlib.compress(np.packbits(inside).tobytes(), 1))

    @property
    def inside(self) -> np.ndarray:
        """Boolean (z, y, x), shape of the box."""
        return self._part(self.box)

    def within(self, box: Box) -> tuple[tuple[slice, slice, slice], np.ndarray] | None:
        """The part of an array of ``box`` that it concerns: slices of that array, and a boolean array (z, y, x) of
        their shape. None when it lies elsewhere."""
        if any(a >= d or c >= b for a, b, c, d in zip(self.box.start, self.box.stop, box.start, box.stop, strict=True)):
            return None
        common = self.box.intersect(box)
        return common.shifted([-n for n in box.start]).slices, self._part(common)

    def _part(self, box: Box) -> np.ndarray:
        """What lies in a box within its own."""
        offset = np.subtract(box.start, self.box.start)
        if self._list is not None:
            placed = self._list - offset
            inside = np.zeros(box.shape, bool)
            inside[tuple(placed[np.all((placed >= 0) & (placed < box.shape), axis=1)].T)] = True
            return inside
        bits = np.frombuffer(zlib.decompress(self._bits), np.uint8)
        size = int(np.prod(self.box.shape))
        whole = np.unpackbits(bits, count=size).view(bool).reshape(self.box.shape)
        return np.asarray(whole[box.shifted([-n for n in self.box.start]).slices])


def certain_in(box: Box, earlier: Iterable[Certainty], segment: int) -> np.ndarray:
    """Per voxel of ``box``: :data:`IN` the segment, :data:`OUT` of it, or 0. int8, shape of the box.

    What is in another segment is out of this one, as a label map has one label per voxel, until a later prompt says
    that it is not in the other one.
    """
    holder = np.zeros(box.shape, np.int32)
    out = np.zeros(box.shape, bool)
    for one in earlier:
        part = one.within(box)
        if part is None:
            continue
        there, inside = part
        if one.segment is None:
            holder[there][inside], out[there][inside] = 0, False
        elif one.include:
            holder[there][inside] = one.segment
            if one.segment == segment:
                out[there][inside] = False
        else:
            holder[there][inside & (holder[there] == one.segment)] = 0
            if one.segment == segment:
                out[there][inside] = True
    state = np.zeros(box.shape, np.int8)
    state[out | ((holder != 0) & (holder != segment))] = OUT
    state[holder == segment] = IN
    return state
