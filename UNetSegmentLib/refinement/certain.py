"""What the prompts of a session are certain of, voxel by voxel: later ones win."""

from __future__ import annotations

import zlib
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from ..geometry import Box
from .prompts.voxels import Voxels

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
        return self._part([0, 0, 0], list(self.box.shape))

    def within(self, box: Box) -> tuple[tuple[slice, ...], np.ndarray] | None:
        """The part of an array of ``box`` that it concerns: slices of that array, and a boolean array (z, y, x) of
        their shape. None when it lies elsewhere."""
        # Plain numbers: every prompt asks all earlier ones.
        low = [max(a, b) for a, b in zip(self.box.start, box.start, strict=True)]
        high = [min(a, b) for a, b in zip(self.box.stop, box.stop, strict=True)]
        if any(a >= b for a, b in zip(low, high, strict=True)):
            return None
        there = tuple(slice(a - n, b - n) for a, b, n in zip(low, high, box.start, strict=True))
        own = ([a - n for a, n in zip(ends, self.box.start, strict=True)] for ends in (low, high))
        return there, self._part(*own)

    def _part(self, low: list[int], high: list[int]) -> np.ndarray:
        """What lies between two corners of its own box."""
        if self._list is not None:
            placed = self._list - np.array(low, np.int32)
            inside = np.zeros([b - a for a, b in zip(low, high, strict=True)], bool)
            inside[tuple(placed[np.all((placed >= 0) & (placed < inside.shape), axis=1)].T)] = True
            return inside
        z, y, x = self.box.shape
        bits = np.frombuffer(zlib.decompress(self._bits), np.uint8)
        whole = np.unpackbits(bits, count=z * y * x).view(bool).reshape(z, y, x)
        return np.asarray(whole[tuple(slice(a, b) for a, b in zip(low, high, strict=True))])


def certain_in(box: Box, earlier: Iterable[Certainty], segment: int) -> np.ndarray:
    """Per voxel of ``box``: :data:`IN` the segment, :data:`OUT` of it, or 0. int8, shape of the box.

    What is in another segment is out of this one, as a label map has one label per voxel, until a later prompt says
    that it is not in the other one.
    """
    holder = np.zeros(box.shape, np.uint16)
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
