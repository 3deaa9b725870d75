"""How much each voxel of a tile counts, and what that comes to for all tiles together."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from .tiles import TilePlan

_SIGMA_SHARE = 1 / 8  # of the patch, in nnU-Net and in MONAI
_CLAMP = 1e-3  # MONAI's least weight


@dataclass(frozen=True, eq=False)
class TileWeights:
    """Weights of one tile and of all tiles together.

    Attributes:
        plan: the tiles.
        tile: float32 (z, y, x) of the patch.
        row: float32 (patch z, y, x): the sum over the tiles that start at one and the same z. Every such row looks the
            same, because tiles form a full grid.
    """

    plan: TilePlan
    tile: torch.Tensor
    row: torch.Tensor

    def total(self, first: int, stop: int) -> torch.Tensor:
        """The sum of all tiles' weights in the planes ``first`` to ``stop``, (planes, y, x)."""
        depth = self.plan.patch[0]
        starts = [start for start in self.plan.starts[0] if start < stop and start + depth > first]
        if len(starts) == 1 and starts[0] <= first and stop <= starts[0] + depth:
            return self.row[first - starts[0] : stop - starts[0]]
        total = self.row.new_zeros(stop - first, *self.row.shape[1:])
        for start in starts:
            low, high = max(start, first), min(start + depth, stop)
            total[low - first : high - first] += self.row[low - start : high - start]
        return total


def tile_weights(plan: TilePlan, weighting: str, device: torch.device | str = "cpu") -> TileWeights:
    """The weights of a plan's tiles.

    Args:
        weighting: ``gaussian`` as in nnU-Net (peak 1 at voxel patch // 2), ``gaussian-clamped`` as in MONAI (centred,
            nowhere below 0.001), or ``flat``.
    """
    z, y, x = (_axis(patch, weighting) for patch in plan.patch)
    tile = z[:, None, None] * y[:, None] * x
    if weighting == "gaussian-clamped":
        tile = tile.clamp_min(max(float(tile.min()), _CLAMP))
    _, height, width = plan.shape
    row = torch.zeros(plan.patch[0], height, width)
    for y_start in plan.starts[1]:
        for x_start in plan.starts[2]:
            row[:, y_start : y_start + plan.patch[1], x_start : x_start + plan.patch[2]] += tile
    return TileWeights(plan, tile.to(device), row.to(device))


def _axis(patch: int, weighting: str) -> torch.Tensor:
    if weighting == "flat":
        return torch.ones(patch)
    # The least product of three entries, exp(-24) = 4e-11, is well inside float32.
    centre = (patch - 1) / 2 if weighting == "gaussian-clamped" else patch // 2
    place = torch.arange(patch, dtype=torch.float64) - centre
    return torch.exp(-0.5 * (place / (patch * _SIGMA_SHARE)) ** 2).float()
