"""Large boxes on a coarser grid: an object that fills one is not judged by single voxels."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from ..method import Problem

_LEAST = 8


def coarsened(problem: Problem, solve: Callable[[Problem], np.ndarray], most: int) -> np.ndarray:
    """What ``solve`` answers, asked about a coarser grid where the box has more than ``most`` voxels; boolean
    (z, y, x)."""
    factors = _factors(problem.mask.shape, problem.spacing, most)
    if max(factors) == 1:
        return solve(problem)
    small = _small(problem, factors)
    answer = solve(small)
    flips = (answer != small.mask) & (small.mask != problem.adding)
    if not flips.any():
        return problem.mask.copy()
    shape = problem.mask.shape
    # The border of what changes is the answer's: between cells it runs where the average is one half.
    near = _large(_grown(flips).astype(np.float32), factors, shape) > 0
    inside = _large(answer.astype(np.float32), factors, shape) > 0.5
    return problem.mask | (near & inside) if problem.adding else problem.mask & ~(near & ~inside)


def _factors(shape: Sequence[int], spacing: Sequence[float], most: int) -> list[int]:
    """How many voxels become one along each axis: the finest axis first."""
    factors = [1, 1, 1]
    while np.prod([-(-n // f) for n, f in zip(shape, factors, strict=True)]) > most:
        free = [axis for axis in range(3) if shape[axis] // (2 * factors[axis]) >= _LEAST]
        if not free:
            break
        factors[min(free, key=lambda axis: spacing[axis] * factors[axis])] *= 2
    return factors


def _small(problem: Problem, factors: Sequence[int]) -> Problem:
    seeds = _mean(problem.seeds, factors) > 0
    include = _mean(problem.include, factors) > 0
    exclude = _mean(problem.exclude, factors) > 0
    # A cell with both is the prompt's that is being answered.
    include, exclude = (include, exclude & ~include) if problem.adding else (include & ~exclude, exclude)
    z, y, x = (mm * f for mm, f in zip(problem.spacing, factors, strict=True))
    mask = _mean(problem.mask, factors) > 0.5
    return replace(
        problem,
        image=np.stack([_mean(channel, factors) for channel in problem.image]),
        spacing=(z, y, x),
        mask=mask & ~seeds if problem.adding else mask | seeds,
        include=include,
        exclude=exclude,
        seeds=seeds,
        free=(_mean(problem.free, factors) > 0.5) | seeds,
        given=_mean(problem.given, factors) > 0.5,
        probability=None if problem.probability is None else _mean(problem.probability, factors),
    )


def _mean(array: np.ndarray, factors: Sequence[int]) -> np.ndarray:
    """The average of each cell, float32; cells at the end are filled with what lies beside them."""
    padding = [(0, -n % f) for n, f in zip(array.shape, factors, strict=True)]
    padded = np.pad(array, padding, mode="edge") if any(after for _, after in padding) else array
    (a, b, c), (f, g, h) = padded.shape, factors
    return np.asarray(padded.reshape(a // f, f, b // g, g, c // h, h).mean(axis=(1, 3, 5), dtype=np.float32))


def _grown(flips: np.ndarray) -> np.ndarray:
    from scipy import ndimage

    return np.asarray(ndimage.binary_dilation(flips))


def _large(array: np.ndarray, factors: Sequence[int], shape: Sequence[int]) -> np.ndarray:
    """Cells back to voxels, linear between their centres."""
    from scipy import ndimage

    zoomed = ndimage.zoom(array, factors, order=1, mode="nearest", grid_mode=True, prefilter=False)
    return np.asarray(zoomed[tuple(slice(n) for n in shape)])
