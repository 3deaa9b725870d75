"""Exact Euclidean distances on the device, in batch."""

from __future__ import annotations

import math

import torch
from torch import Tensor


@torch.no_grad()
def signed_distance(mask: Tensor) -> Tensor:
    """Distance of every voxel centre from the border of its region, in voxels: negative inside, positive outside.

    The border runs half-way between two voxels, so that the smallest distances are 0.5 and -0.5.

    Args:
        mask: (batch, channels, *patch) bool.

    Returns:
        float32 of the mask's shape; all zeros for a region that is empty or that fills its patch.
    """
    outside, inside = squared_distance(mask).sqrt(), squared_distance(~mask).sqrt()
    signed = torch.where(mask, 0.5 - inside, outside - 0.5)
    return torch.where(signed.isfinite(), signed, 0.0)


@torch.no_grad()
def squared_distance(mask: Tensor) -> Tensor:
    """Squared distance from every voxel to the nearest one in the mask; infinite where there is none.

    The axes are taken one after the other: the least of ``f(j) + (i - j)^2`` along each (Felzenszwalb and Huttenlocher
    2012), here by shifting the whole batch, which suits a GPU better than their lower envelope of parabolas.

    Args:
        mask: (batch, channels, *patch) bool.
    """
    result = torch.where(mask, 0.0, math.inf)
    for axis in range(2, mask.ndim):
        before, length = result.clone(), mask.shape[axis]
        for shift in range(1, length):
            rest = length - shift
            for to, source in ((shift, 0), (0, shift)):
                part = result.narrow(axis, to, rest)
                torch.minimum(part, before.narrow(axis, source, rest) + shift**2, out=part)
    return result
