"""The network in torch, on any device."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

import torch
from torch import nn

from ...networks.folding import folded
from .allocation import MemoryReuse
from .passes import Passes

_MAX_IN_FLIGHT = 2  # batches queued on a GPU; more would make cancelling slow and hide where the time goes


class TorchBackend:
    """The network in torch: every fold and mirror of a tile while the tile is at hand, averaged as logits.

    Args:
        networks: one per fold, in eval mode. Of one with batch norm a copy runs that has it in its convolutions.
        dimension: 2 or 3; a 2D network gets tiles without their z axis, which must be one voxel.
        device: where to run; the networks are moved there.
        mirror_axes: array axes (0 = z, 1 = y, 2 = x) to mirror, all combinations.
        autocast: lower precision for the arithmetic, or None.
    """

    name = "torch"

    def __init__(
        self,
        networks: Sequence[nn.Module],
        dimension: int,
        device: torch.device,
        mirror_axes: Sequence[int] = (),
        autocast: torch.dtype | None = None,
    ) -> None:
        self.device = device
        self._passes = Passes([folded(network).to(device) for network in networks], dimension, mirror_axes)
        self._autocast = autocast
        self._in_flight: deque[torch.cuda.Event] = deque()
        # Kept for as long as this backend lives.
        self._reuse = MemoryReuse() if device.type == "cpu" else None

    @property
    def passes(self) -> int:
        """Forward passes per tile."""
        return self._passes.count

    def predict(self, tiles: torch.Tensor) -> torch.Tensor:
        """See Backend. A single pass keeps the network's precision; several are averaged in float32."""
        tiles = tiles.to(self.device, non_blocking=True)
        enabled = self._autocast is not None
        with torch.inference_mode(), torch.autocast(self.device.type, self._autocast, enabled=enabled):
            logits = self._passes.run(tiles)
        self._pace()
        return logits

    def _pace(self) -> None:
        if self.device.type != "cuda":
            return
        event = torch.cuda.Event()
        event.record()
        self._in_flight.append(event)
        if len(self._in_flight) > _MAX_IN_FLIGHT:
            self._in_flight.popleft().synchronize()
