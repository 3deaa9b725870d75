"""What runs the network: a small interface, and torch behind it."""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Sequence
from typing import Protocol

import torch
from torch import nn

_MAX_IN_FLIGHT = 2  # batches queued on a GPU; more would make cancelling slow and hide where the time goes


class Backend(Protocol):
    """Runs tiles through a network on one device."""

    device: torch.device

    def predict(self, tiles: torch.Tensor) -> torch.Tensor:
        """Logits (N, channels out, z, y, x) of tiles (N, channels in, z, y, x)."""


class TorchBackend:
    """The network in torch: every fold and mirror of a tile while the tile is at hand, averaged as logits.

    Args:
        networks: one per fold, in eval mode.
        dimension: 2 or 3; a 2D network gets tiles without their z axis, which must be one voxel.
        device: where to run; the networks are moved there.
        mirror_axes: array axes (0 = z, 1 = y, 2 = x) to mirror, all combinations.
        autocast: lower precision for the arithmetic, or None.
    """

    def __init__(
        self,
        networks: Sequence[nn.Module],
        dimension: int,
        device: torch.device,
        mirror_axes: Sequence[int] = (),
        autocast: torch.dtype | None = None,
    ) -> None:
        self.device = device
        self._networks = [network.to(device) for network in networks]
        self._planar = dimension == 2
        axes = [a for a in mirror_axes if not (self._planar and a == 0)]
        self._flips = [f for n in range(len(axes) + 1) for f in itertools.combinations([2 + a for a in axes], n)]
        self._autocast = autocast
        self._in_flight: deque[torch.cuda.Event] = deque()

    @property
    def passes(self) -> int:
        """Forward passes per tile."""
        return len(self._networks) * len(self._flips)

    def predict(self, tiles: torch.Tensor) -> torch.Tensor:
        """See Backend. A single pass keeps the network's precision; several are averaged in float32."""
        tiles = tiles.to(self.device, non_blocking=True)
        total: torch.Tensor | None = None
        enabled = self._autocast is not None
        with torch.inference_mode(), torch.autocast(self.device.type, self._autocast, enabled=enabled):
            for flip in self._flips:
                mirrored = tiles.flip(flip) if flip else tiles
                for network in self._networks:
                    logits = self._forward(network, mirrored)
                    logits = logits.flip(flip) if flip else logits
                    total = self._added(total, logits)
            assert total is not None
            if self.passes > 1:
                total /= self.passes
        self._pace()
        return total

    def _added(self, total: torch.Tensor | None, logits: torch.Tensor) -> torch.Tensor:
        if self.passes == 1:
            return logits
        # A copy: the network may hand out its own input, or a buffer that it uses again.
        return logits.to(torch.float32, copy=True) if total is None else total.add_(logits)

    def _forward(self, network: nn.Module, tiles: torch.Tensor) -> torch.Tensor:
        return network(tiles.squeeze(2)).unsqueeze(2) if self._planar else network(tiles)

    def _pace(self) -> None:
        if self.device.type != "cuda":
            return
        event = torch.cuda.Event()
        event.record()
        self._in_flight.append(event)
        if len(self._in_flight) > _MAX_IN_FLIGHT:
            self._in_flight.popleft().synchronize()
