"""Exponential moving average of the weights (Polyak averaging), usually better than the last step's weights."""

from __future__ import annotations

import copy

import torch
from torch import nn


class MovingAverage:
    """A shadow of a network. Early on it follows faster, so that the random start is soon forgotten."""

    def __init__(self, network: nn.Module, decay: float) -> None:
        self.decay = decay
        self.network = copy.deepcopy(network).eval().requires_grad_(False)

    @torch.no_grad()
    def update(self, network: nn.Module, step: int) -> None:
        """After optimiser step ``step`` (from 0). Buffers (batch-norm statistics) are averaged as well."""
        decay = min(self.decay, (1.0 + step) / (10.0 + step))
        own, new = self.network.state_dict(), network.state_dict()
        for name, value in own.items():
            if value.is_floating_point():
                value.lerp_(new[name], 1.0 - decay)
            else:
                value.copy_(new[name])
