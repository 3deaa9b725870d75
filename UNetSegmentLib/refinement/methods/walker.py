"""The random walker with priors (Grady, CVPR 2005): smooth where the image is smooth, cut where it has edges.

x minimizes  sum w_ij (x_i - x_j)^2  +  sum a_i (x_i - p_i)^2  over the voxels that are not fixed: a sparse, symmetric,
positive definite system, solved by conjugate gradients with the diagonal as preconditioner. The prior makes it well
conditioned, so that a few dozen steps are enough.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

# Of the image's root mean square difference between neighbours: how large a step must be to count as an edge.
_EDGE = 1.0
# So much of a bond is left across the strongest edge.
_BOND = 1e-3
_STEPS = 60
_TOLERANCE = 2e-2


def bonds(image: np.ndarray, spacing: Sequence[float]) -> list[np.ndarray]:
    """For each axis how strongly neighbours along it hold together: exp(-d^2 / 2s^2) of their difference d, weaker the
    farther apart they are. A list of three float32 arrays, one shorter than the image along their axis.

    Args:
        image: float32 (channels, z, y, x).
        spacing: mm along (z, y, x).
    """
    squares = [(np.diff(image, axis=axis + 1) ** 2).sum(axis=0) for axis in range(3)]
    count = sum(square.size for square in squares)
    mean = sum(float(square.sum()) for square in squares) / max(count, 1)
    scale = 2 * _EDGE**2 * mean + 1e-12
    nearest = min(spacing)
    return [
        ((np.exp(-square / scale) + _BOND) * (nearest / mm) ** 2).astype(np.float32)
        for square, mm in zip(squares, spacing, strict=True)
    ]


def walk(
    links: Sequence[np.ndarray], prior: np.ndarray, strength: np.ndarray, fixed: np.ndarray, values: np.ndarray
) -> np.ndarray:
    """The walker's probabilities x, float32 (z, y, x).

    Args:
        links: of :func:`bonds`.
        prior, strength: p and a of the sum above.
        fixed: boolean: where x is ``values``.
    """
    diagonal = strength.copy()
    for (low, high), link in zip(_sides(), links, strict=True):
        diagonal[low] += link
        diagonal[high] += link
    x = np.where(fixed, values, prior).astype(np.float32)
    residual = strength * prior - _applied(x, links, diagonal)
    residual[fixed] = 0
    scaled = residual / diagonal
    direction = scaled.copy()
    product = first = float(np.vdot(residual, scaled))
    for _ in range(_STEPS):
        if product <= _TOLERANCE**2 * first or product <= 1e-20:
            break
        image = _applied(direction, links, diagonal)
        image[fixed] = 0
        step = np.float32(product / float(np.vdot(direction, image)))
        x += step * direction
        residual -= step * image
        scaled = residual / diagonal
        before, product = product, float(np.vdot(residual, scaled))
        direction = scaled + np.float32(product / before) * direction
    return x


def _applied(x: np.ndarray, links: Sequence[np.ndarray], diagonal: np.ndarray) -> np.ndarray:
    product = diagonal * x
    for (low, high), link in zip(_sides(), links, strict=True):
        product[low] -= link * x[high]
        product[high] -= link * x[low]
    return np.asarray(product)


def _sides() -> list[tuple[tuple[slice, ...], tuple[slice, ...]]]:
    """For each axis all voxels but the last, and all but the first."""
    every = slice(None)
    ends = (slice(None, -1), slice(1, None))
    return [
        tuple(tuple(end if n == axis else every for n in range(3)) for end in ends)  # type: ignore[misc]
        for axis in range(3)
    ]
