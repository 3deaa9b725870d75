"""Skip connections: how an encoder's map joins the upsampled one of the decoder.

Each is called with the encoder's map, the upsampled map, and the coarser map from before the upsampling (the gating
signal of attention).

Sizes that the strides do not divide leave the upsampled map a little larger than the encoder's. Cropping it is a view;
only a map that is too small (possible with foreign encoders) is padded.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from ...errors import ModelError
from ..config import NetworkConfig
from ..registry import SKIPS


def fit(x: Tensor, size: torch.Size) -> Tensor:
    """``x`` with spatial size ``size``: surplus cut at the end of each axis (no copy), a lack filled with the edge."""
    lack = [max(want - have, 0) for want, have in zip(size, x.shape[2:], strict=True)]
    if any(lack):
        x = functional.pad(x, [n for amount in reversed(lack) for n in (0, amount)], mode="replicate")
    for axis, want in enumerate(size, start=2):
        if x.shape[axis] > want:
            x = x.narrow(axis, 0, want)
    return x


@SKIPS.register("concatenate")
class Concatenate(nn.Module):
    """Both maps side by side (Ronneberger et al. 2015, arXiv:1505.04597)."""

    def __init__(self, config: NetworkConfig, skip_channels: int, up_channels: int, gate_channels: int) -> None:
        super().__init__()
        self.out_channels = skip_channels + up_channels

    def forward(self, skip: Tensor, up: Tensor, gate: Tensor) -> Tensor:
        return torch.cat([fit(up, skip.shape[2:]), skip], dim=1)


@SKIPS.register("add")
class Add(nn.Module):
    """The sum of both maps: half the channels, less memory."""

    def __init__(self, config: NetworkConfig, skip_channels: int, up_channels: int, gate_channels: int) -> None:
        super().__init__()
        if skip_channels != up_channels:
            raise ModelError(f"The skip connection 'add' cannot join {skip_channels} and {up_channels} channels.")
        self.out_channels = skip_channels

    def forward(self, skip: Tensor, up: Tensor, gate: Tensor) -> Tensor:
        return skip + fit(up, skip.shape[2:])
