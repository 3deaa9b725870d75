"""Resampling block by block: each block of outputs is made of the few inputs that it needs, within the cache.

Along each axis an output hangs on a handful of neighbouring inputs, so the matrix of an axis is a band. Cutting the
outputs into blocks cuts the band into small dense matrices, and what is left is a few small matrix products.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch

from ..resampling import AxisOperator, apply_axis

Range = tuple[int, int]

_SMALLEST = (8, 16, 32)  # voxels of a block (z, y, x)
_CACHED = 1 << 20  # numbers that stay in a core's cache
_ON_A_GPU = 1 << 25  # numbers at once on a GPU, where only the number of kernels counts


@dataclass(frozen=True, eq=False)
class Window:
    """A block of outputs, the inputs that it needs, and the operators that link them, along z, y and x."""

    operators: Sequence[AxisOperator]
    outputs: tuple[Range, Range, Range]
    inputs: tuple[Range, Range, Range]

    @property
    def shape(self) -> tuple[int, int, int]:
        z, y, x = (stop - start for start, stop in self.outputs)
        return z, y, x

    @property
    def target(self) -> tuple[slice, slice, slice]:
        """Where the block lies in an array of all outputs."""
        z, y, x = (slice(*r) for r in self.outputs)
        return z, y, x

    @property
    def identity(self) -> bool:
        return all(operator.identity for operator in self.operators)

    @property
    def convex(self) -> bool:
        """Whether every output lies between the least and the greatest of its inputs."""
        return all(operator.convex for operator in self.operators)

    def cut(self, planes: torch.Tensor, first: int) -> torch.Tensor:
        """This block's inputs out of planes (channels, z, y, x) whose first one is input ``first``."""
        (z0, z1), (y0, y1), (x0, x1) = self.inputs
        return planes[:, z0 - first : z1 - first, y0:y1, x0:x1]

    def resample(self, values: torch.Tensor) -> torch.Tensor:
        """The outputs (channels, *shape) of this block's inputs (channels, z, y, x)."""
        for axis in (2, 1, 0):
            values = apply_axis(values, axis, self.operators[axis], self.outputs[axis], self.inputs[axis])
        return values


def windows(
    operators: Sequence[AxisOperator], start: int, stop: int, channels: int, device: torch.device
) -> Iterator[Window]:
    """Cuts the output planes from ``start`` to ``stop`` into blocks, z slowest.

    Args:
        channels: how many values a block has at each voxel, which sets how large a block can be.
    """
    if start >= stop:
        return
    extent = [stop - start, *(operator.size_out for operator in operators[1:])]
    most = (_CACHED if device.type == "cpu" else _ON_A_GPU) // max(channels, 1)
    depth, height, width = block_shape(extent, most)
    for z in _pieces(start, stop, depth):
        for y in _pieces(0, extent[1], height):
            for x in _pieces(0, extent[2], width):
                outputs = (z, y, x)
                inner = [operator.inputs_of(*r) for operator, r in zip(operators, outputs, strict=True)]
                yield Window(operators, outputs, (inner[0], inner[1], inner[2]))


def block_shape(extent: Sequence[int], most: int) -> tuple[int, int, int]:
    """The shape (z, y, x) of blocks of about ``most`` voxels that cut ``extent`` evenly.

    A block grows along x first, where voxels are neighbours in memory.
    """
    shape = [min(n, least) for n, least in zip(extent, _SMALLEST, strict=True)]
    grown = True
    while grown:
        grown = False
        for axis in (2, 1, 0):
            if shape[axis] < extent[axis] and 2 * math.prod(shape) <= most:
                shape[axis] = min(2 * shape[axis], extent[axis])
                grown = True
    z, y, x = (math.ceil(n / math.ceil(n / size)) for n, size in zip(extent, shape, strict=True))
    return z, y, x


def _pieces(start: int, stop: int, size: int) -> Iterator[Range]:
    for low in range(start, stop, size):
        yield low, min(low + size, stop)
