"""Whether two backends' answers to the same tiles are the same for all that matters."""

from __future__ import annotations

import math

import torch

LARGEST_DIFFERENCE = 1e-3
"""Root mean square of the difference over the standard deviation of the reference. Float32 arithmetic in another order
gives 1e-5 to 3e-4 through a deep network with instance norms, half precision 3e-3, bfloat16 2e-2, an error 1e-1."""

LEAST_AGREEMENT = 0.9999
"""Share of voxels that must have the same label."""


def difference(reference: torch.Tensor, other: torch.Tensor) -> float:
    """Root mean square difference of two (N, K, z, y, x), over the standard deviation of the reference."""
    if reference.shape != other.shape:
        return math.inf
    squares = deviation = 0.0
    # Plane by plane: the maps can be of hundreds of MB.
    mean = _mean(reference)
    for a, b in zip(reference.unbind(2), other.unbind(2), strict=True):
        squares += float((a.float() - b.float()).square().sum(dtype=torch.float64))
        deviation += float((a.float() - mean).square().sum(dtype=torch.float64))
    if not math.isfinite(squares):
        return math.inf
    if deviation == 0:
        return 0.0 if squares == 0 else math.inf
    return math.sqrt(squares / deviation)


def agreement(reference: torch.Tensor, other: torch.Tensor, activation: str) -> float:
    """Share of voxels with the same labels, of logits (N, K, z, y, x)."""
    if activation == "sigmoid":
        return float(((reference > 0) == (other > 0)).all(dim=1).float().mean())
    return float((reference.argmax(dim=1) == other.argmax(dim=1)).float().mean())


def _mean(tensor: torch.Tensor) -> float:
    total = sum(float(plane.sum(dtype=torch.float64)) for plane in tensor.unbind(2))
    return total / tensor.numel()
