"""Depth, strides and kernels that suit a patch: each axis is halved while it is long enough, fine axes first."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

Kernel = tuple[int, ...]

_SHORTEST = 4  # voxels of an axis at the bottleneck
_MOST_STAGES = {2: 7, 3: 6}
_MOST_FEATURES = {2: 512, 3: 320}


@dataclass(frozen=True)
class Topology:
    """Strides and kernels per stage, full resolution first."""

    strides: tuple[Kernel, ...]
    kernels: tuple[Kernel, ...]

    @property
    def stages(self) -> int:
        """Count of resolutions."""
        return len(self.strides)

    @property
    def divisor(self) -> tuple[int, ...]:
        """Total stride along each axis."""
        return tuple(math.prod(stride[axis] for stride in self.strides) for axis in range(len(self.strides[0])))

    def cut(self, most: int) -> Topology:
        """Only the first resolutions: for fine structures, whose surroundings do not matter far away."""
        return Topology(self.strides[:most], self.kernels[:most])

    def features(self, first: int) -> tuple[int, ...]:
        """Doubled at each stage, up to nnU-Net's limits."""
        most = _MOST_FEATURES[len(self.strides[0])]
        return tuple(min(first * 2**stage, most) for stage in range(self.stages))


def topology_of(patch: Sequence[int], spacing: Sequence[float]) -> Topology:
    """nnU-Net's rules: an axis is halved while it keeps 4 voxels and is not coarser than twice the finest one; a kernel
    is 1 along an axis until the others have come within a factor of two of its spacing.

    Args:
        patch, spacing: along the network's 2 or 3 axes.
    """
    dimension = len(patch)
    size, now = list(patch), list(spacing)
    three = [False] * dimension
    strides: list[Kernel] = [(1,) * dimension]
    kernels: list[Kernel] = []
    while True:
        finest = min(now)
        three = [known or n / finest < 2 for known, n in zip(three, now, strict=True)]
        kernels.append(tuple(3 if wide else 1 for wide in three))
        if len(strides) == _MOST_STAGES[dimension]:
            break
        long = [axis for axis in range(dimension) if size[axis] >= 2 * _SHORTEST]
        if not long:
            break
        near = min(now[axis] for axis in long)
        halved = [axis for axis in long if now[axis] < 2 * near]
        strides.append(tuple(2 if axis in halved else 1 for axis in range(dimension)))
        for axis in halved:
            size[axis] = math.ceil(size[axis] / 2)
            now[axis] *= 2
    if len(strides) == 1:
        # Too small to be halved at all by the rule; a U-Net needs two stages.
        strides.append(tuple(2 if n >= 2 else 1 for n in patch))
        kernels.append((3,) * dimension)
    return Topology(tuple(strides), tuple(kernels))


def fitted_patch(shape: Sequence[int], spacing: Sequence[float], voxels: int) -> tuple[int, ...]:
    """A patch of about ``voxels`` voxels: a cube in mm, cut to ``shape`` and rounded to what its topology divides by.

    Args:
        shape, spacing: of a typical image along the network's axes.
    """
    patch = [float(n) for n in shape]
    for _ in range(64):
        if math.prod(patch) <= voxels:
            break
        # The axis that is longest in mm gives way first, down to the length of the next one.
        longest = max(range(len(patch)), key=lambda axis: patch[axis] * spacing[axis])
        patch[longest] = max(patch[longest] * 0.9, 1.0)
    return _rounded(patch, spacing, [p >= n for p, n in zip(patch, shape, strict=True)])


def _rounded(patch: Sequence[float], spacing: Sequence[float], complete: Sequence[bool]) -> tuple[int, ...]:
    """Each axis as a multiple of what the topology of such a patch divides it by: up where it holds the whole image."""
    whole = [max(round(n), 1) for n in patch]
    for _ in range(4):
        divisor = topology_of(whole, spacing).divisor
        ratios = [n / d for n, d in zip(whole, divisor, strict=True)]
        counts = [math.ceil(r) if full else max(round(r), 1) for r, full in zip(ratios, complete, strict=True)]
        fitted = [count * d for count, d in zip(counts, divisor, strict=True)]
        if fitted == whole:
            break
        whole = fitted
    return tuple(whole)
