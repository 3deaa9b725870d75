"""Folds and mirrors of a tile while the tile is at hand: the same for every backend."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence

import torch

Runner = Callable[[torch.Tensor], torch.Tensor]
"""One network: (N, C, *patch) with two or three spatial axes to (N, K, *patch)."""


class Passes:
    """Runs tiles through every network and mirror, and averages the logits.

    Args:
        runners: one per fold.
        dimension: 2 or 3; a 2D network gets tiles without their z axis, which must be one voxel.
        mirror_axes: array axes (0 = z, 1 = y, 2 = x) to mirror, all combinations.
    """

    def __init__(self, runners: Sequence[Runner], dimension: int, mirror_axes: Sequence[int] = ()) -> None:
        self._runners = list(runners)
        self._planar = dimension == 2
        axes = [a for a in mirror_axes if not (self._planar and a == 0)]
        self._flips = [f for n in range(len(axes) + 1) for f in itertools.combinations([2 + a for a in axes], n)]

    @property
    def count(self) -> int:
        """Forward passes per tile."""
        return len(self._runners) * len(self._flips)

    def run(self, tiles: torch.Tensor) -> torch.Tensor:
        """(N, C, z, y, x) to (N, K, z, y, x). A single pass keeps the network's precision; several give float32."""
        total: torch.Tensor | None = None
        for flip in self._flips:
            mirrored = tiles.flip(flip) if flip else tiles
            for runner in self._runners:
                logits = self._forward(runner, mirrored)
                logits = logits.flip(flip) if flip else logits
                total = self._added(total, logits)
        assert total is not None
        if self.count > 1:
            total /= self.count
        return total

    def _added(self, total: torch.Tensor | None, logits: torch.Tensor) -> torch.Tensor:
        if self.count == 1:
            return logits
        # A copy: the network may hand out its own input, or a buffer that it uses again.
        return logits.to(torch.float32, copy=True) if total is None else total.add_(logits)

    def _forward(self, runner: Runner, tiles: torch.Tensor) -> torch.Tensor:
        return runner(tiles.squeeze(2)).unsqueeze(2) if self._planar else runner(tiles)
