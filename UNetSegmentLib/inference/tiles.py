"""Planning tiles: the fewest that keep the asked overlap, spread evenly (nnU-Net) or stepped (MONAI)."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ..geometry import Shape


@dataclass(frozen=True)
class TilePlan:
    """Where tiles start. Iterating goes along x fastest and z slowest, so that planes are finished in order.

    Attributes:
        shape: (z, y, x) voxels that are tiled: the image, padded to at least one patch.
        patch: (z, y, x) voxels of a tile.
        starts: first voxel of the tiles along each axis.
    """

    shape: Shape
    patch: Shape
    starts: tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...]]

    def __len__(self) -> int:
        return math.prod(len(s) for s in self.starts)

    def __iter__(self) -> Iterator[Shape]:
        return itertools.product(*self.starts)

    def slices(self, start: Shape) -> tuple[slice, slice, slice]:
        """The tile at ``start`` as array slices of the last three axes."""
        z, y, x = (slice(a, a + n) for a, n in zip(start, self.patch, strict=True))
        return z, y, x


def plan_tiles(shape: Sequence[int], patch: Sequence[int], overlap: float, tiling: str = "even") -> TilePlan:
    """Plans the tiles of an image.

    Args:
        shape: (z, y, x) of the image.
        patch: (z, y, x) of a tile; axes where the image is smaller are padded to it.
        overlap: least share of the patch that neighbours share, 0 up to (not including) 1.
        tiling: ``even`` or ``stepped``, see :func:`axis_starts` and :func:`stepped_starts`.
    """
    padded = [max(n, p) for n, p in zip(shape, patch, strict=True)]
    place = stepped_starts if tiling == "stepped" else axis_starts
    starts = [place(n, p, overlap) for n, p in zip(padded, patch, strict=True)]
    return TilePlan(
        (padded[0], padded[1], padded[2]), (patch[0], patch[1], patch[2]), (starts[0], starts[1], starts[2])
    )


def tile_count(shape: Sequence[int], patch: Sequence[int], overlap: float, tiling: str = "even") -> int:
    """How many tiles :func:`plan_tiles` would plan, by arithmetic: also for sizes that no list could hold."""
    count = 1
    for size, length in zip(shape, patch, strict=True):
        slack = max(size - length, 0)
        if tiling == "stepped":
            count *= -(-slack // max(int(length * (1.0 - overlap)), 1)) + 1
        else:
            count *= _gaps(slack, length, overlap) + 1
    return count


def axis_starts(size: int, patch: int, overlap: float) -> tuple[int, ...]:
    """First voxels of the fewest tiles along one axis whose even stride is at most ``patch * (1 - overlap)``."""
    slack = size - patch
    if slack <= 0:
        return (0,)
    gaps = _gaps(slack, patch, overlap)
    return tuple(round(slack / gaps * n) for n in range(gaps + 1))


def _gaps(slack: int, patch: int, overlap: float) -> int:
    """Strides from the first tile to the last; 0 where one tile covers all."""
    stride = max(patch * (1.0 - overlap), 1.0)
    # The small allowance keeps 2.0000001 strides from costing a third tile.
    return max(math.ceil(slack / stride - 1e-9), 1) if slack > 0 else 0


def stepped_starts(size: int, patch: int, overlap: float) -> tuple[int, ...]:
    """First voxels of tiles along one axis at multiples of ``patch * (1 - overlap)``, rounded down but at least 1; the
    last tile is moved back into the image. MONAI's scan."""
    slack = size - patch
    if slack <= 0:
        return (0,)
    step = max(int(patch * (1.0 - overlap)), 1)
    return (*range(0, slack, step), slack)


def padding(shape: Sequence[int], patch: Sequence[int]) -> tuple[tuple[int, int], ...]:
    """Voxels (before, after) that centre an image in at least one patch, per axis z, y, x (nnU-Net's padding)."""
    missing = [max(p - n, 0) for n, p in zip(shape, patch, strict=True)]
    return tuple((m // 2, m - m // 2) for m in missing)
