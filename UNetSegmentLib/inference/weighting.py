"""How much each voxel of a tile counts: separable, so that the sum over all tiles is three short vectors."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from .tiles import TilePlan

_SIGMA_SHARE = 1 / 8  # of the patch, as in nnU-Net
_FLOOR = 1e-3  # keeps the product of three corner weights well inside fp32


@dataclass(frozen=True, eq=False)
class TileWeights:
    """Weights of one tile and of all tiles together.

    Attributes:
        tile: float32 (z, y, x) of the patch.
        total: per axis (z, y, x) a float32 vector along the whole image; the sum of all tiles' weights at a voxel is
            the product of its three entries, because tiles form a full grid.
    """

    tile: torch.Tensor
    total: tuple[torch.Tensor, torch.Tensor, torch.Tensor]


def tile_weights(plan: TilePlan, weighting: str, device: torch.device | str = "cpu") -> TileWeights:
    """Gaussian weights (sigma 1/8 of the patch, peak 1) or flat ones for a plan."""
    axes, totals = [], []
    for size, patch, starts in zip(plan.shape, plan.patch, plan.starts, strict=True):
        weight = _gaussian(patch) if weighting == "gaussian" else torch.ones(patch)
        total = torch.zeros(size)
        for start in starts:
            total[start : start + patch] += weight
        axes.append(weight)
        totals.append(total.to(device))
    tile = axes[0][:, None, None] * axes[1][:, None] * axes[2]
    return TileWeights(tile.to(device), (totals[0], totals[1], totals[2]))


def _gaussian(patch: int) -> torch.Tensor:
    place = torch.arange(patch, dtype=torch.float32) - (patch - 1) / 2
    sigma = max(patch * _SIGMA_SHARE, 0.5)
    return torch.exp(-0.5 * (place / sigma) ** 2).clamp_min(_FLOOR)
