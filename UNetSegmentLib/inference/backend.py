"""What the engine asks of whatever runs the network."""

from __future__ import annotations

from typing import Protocol

import torch

from .backends.torch_backend import TorchBackend as TorchBackend


class Backend(Protocol):
    """Runs tiles through a network on one device."""

    device: torch.device

    @property
    def passes(self) -> int:
        """Forward passes per tile: folds times mirrors."""

    def predict(self, tiles: torch.Tensor) -> torch.Tensor:
        """Logits (N, channels out, z, y, x) of tiles (N, channels in, z, y, x)."""
