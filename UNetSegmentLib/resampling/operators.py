"""Resizing one axis as a linear operator, built once per (size in, size out, order).

Resizing with spline order 0, 1 or 3 is linear in the voxels, and separable, so one small matrix per axis says
everything. The operators follow ``scipy.ndimage.zoom(..., mode="nearest", grid_mode=True)``, which is what
scikit-image's ``resize(..., mode="edge", anti_aliasing=False)`` and therefore nnU-Net compute: the outer edges (not the
centres) of the first and last voxel stay in place, and outside the image the edge voxel continues. With a ``step``, the
first output lies at the input ``start`` instead and the others lie that far apart, as MONAI's ``Spacing`` has it.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from ..errors import InputError

ORDERS = (0, 1, 3)

# The cubic spline's prefilter decays by 2 - sqrt(3) = 0.268 per voxel, so twelve edge voxels beyond the border leave
# an error of 1e-7; scipy pads by the same number.
_SPLINE_PAD = 12
_NEGLIGIBLE = 1e-7


@dataclass(frozen=True, eq=False)
class AxisOperator:
    """One axis of a resize: ``out = matrix @ in``, with the input range that each output needs.

    Attributes:
        matrix: float64 (size_out, size_in); rows sum to one.
        first, last: int (size_out,); output n is made of the inputs ``first[n] <= i <= last[n]`` (beyond them every
            weight is below 1e-7, and set to zero). Both grow with n.
        identity: every output is the input of its own place.
    """

    order: int
    matrix: np.ndarray
    first: np.ndarray
    last: np.ndarray
    identity: bool

    @property
    def size_in(self) -> int:
        return int(self.matrix.shape[1])

    @property
    def size_out(self) -> int:
        return int(self.matrix.shape[0])

    @property
    def convex(self) -> bool:
        """True when no weight is negative: outputs then lie between the inputs they are made of."""
        return self.order < 3 or self.identity

    def inputs_of(self, start: int, stop: int) -> tuple[int, int]:
        """Half-open input range that the outputs ``start`` to ``stop`` need."""
        return int(self.first[start]), int(self.last[stop - 1]) + 1

    def outputs_touching(self, start: int, stop: int) -> tuple[int, int]:
        """Half-open range of the outputs that use any of the inputs ``start`` to ``stop``."""
        return (
            int(np.searchsorted(self.last, start, side="left")),
            int(np.searchsorted(self.first, stop, side="left")),
        )

    def outputs_ready(self, inputs: int) -> int:
        """How many outputs, from the first on, need only the first ``inputs`` inputs."""
        return int(np.searchsorted(self.last, inputs, side="left"))


@lru_cache(maxsize=256)
def axis_operator(
    size_in: int, size_out: int, order: int, step: float | None = None, start: float = 0.0
) -> AxisOperator:
    """The operator that resizes an axis of ``size_in`` voxels to ``size_out``.

    Args:
        step: input voxels from one output to the next; None to keep the outer edges in place.
        start: with ``step``, place of the first output among the inputs.

    Raises:
        InputError: an order other than 0, 1, 3, or a size below 1.
    """
    if order not in ORDERS:
        raise InputError(f"Spline order {order} is not supported.", "Use 0 (nearest), 1 (linear) or 3 (cubic).")
    if min(size_in, size_out) < 1:
        raise InputError(f"An axis of {size_in} voxels cannot be resized to {size_out}.")
    identity = size_in == size_out and (step is None or (step, start) == (1.0, 0.0))
    positions = _positions(size_in, size_out, order, step, start)
    matrix = np.eye(size_in) if identity else _BUILDERS[order](positions, size_in)
    matrix[np.abs(matrix) < _NEGLIGIBLE] = 0.0
    used = matrix != 0
    first = used.argmax(axis=1)
    last = size_in - 1 - used[:, ::-1].argmax(axis=1)
    # Streaming relies on ranges that never step back.
    first = np.minimum.accumulate(first[::-1])[::-1]
    last = np.maximum.accumulate(last)
    for array in (matrix, first, last):
        array.setflags(write=False)
    return AxisOperator(order, matrix, first, last, identity)


def _positions(size_in: int, size_out: int, order: int, step: float | None, start: float) -> np.ndarray:
    if step is None:
        return (np.arange(size_out) + 0.5) * (size_in / size_out) - 0.5
    positions = start + np.arange(size_out) * step
    # Torch's grid_sample, which MONAI uses, rounds halves to even where scipy rounds them up.
    return np.rint(positions) if order == 0 else positions


def _nearest(positions: np.ndarray, size: int) -> np.ndarray:
    index = np.clip(np.floor(positions + 0.5).astype(int), 0, size - 1)
    return np.eye(size)[index]


def _linear(positions: np.ndarray, size: int) -> np.ndarray:
    clamped = np.clip(positions, 0.0, size - 1.0)
    low = np.minimum(np.floor(clamped).astype(int), size - 1)
    high = np.minimum(low + 1, size - 1)
    share = clamped - low
    rows = np.arange(len(positions))
    matrix = np.zeros((len(positions), size))
    np.add.at(matrix, (rows, low), 1.0 - share)
    np.add.at(matrix, (rows, high), share)
    return matrix


def _cubic(positions: np.ndarray, size: int) -> np.ndarray:
    """Cubic B-spline interpolation: prefilter (solve for the coefficients), then evaluate the basis.

    Unser, Aldroubi, Eden: B-spline signal processing, IEEE Trans. Signal Processing 41, 1993.
    """
    padded = size + 2 * _SPLINE_PAD
    extend = np.eye(size)[np.clip(np.arange(padded) - _SPLINE_PAD, 0, size - 1)]
    coefficients = 6.0 * _solve_tridiagonal(extend)
    place = np.clip(positions + _SPLINE_PAD, 0.0, padded - 1.0)
    base = np.floor(place).astype(int)
    rows = np.arange(len(positions))
    basis = np.zeros((len(positions), padded))
    for tap in range(-1, 3):
        index = np.clip(base + tap, 0, padded - 1)
        np.add.at(basis, (rows, index), _cubic_basis(place - (base + tap)))
    return basis @ coefficients


def _solve_tridiagonal(right: np.ndarray) -> np.ndarray:
    """Solves the system with 4 on the diagonal (5 at both ends: half-sample symmetric) and 1 beside it, by elimination.

    A dense solver takes a thousand times as long for the axis of a CT.
    """
    count = len(right)
    solution = right.copy()
    pivots = np.full(count, 4.0)
    pivots[0] += 1.0
    pivots[-1] += 1.0
    for row in range(1, count):
        pivots[row] -= 1.0 / pivots[row - 1]
        solution[row] -= solution[row - 1] / pivots[row - 1]
    solution[-1] /= pivots[-1]
    for row in range(count - 2, -1, -1):
        solution[row] = (solution[row] - solution[row + 1]) / pivots[row]
    return solution


def _cubic_basis(distance: np.ndarray) -> np.ndarray:
    d = np.abs(distance)
    return np.where(d < 1, 2 / 3 - d**2 + d**3 / 2, np.where(d < 2, (2 - d) ** 3 / 6, 0.0))


_BUILDERS = {0: _nearest, 1: _linear, 3: _cubic}
