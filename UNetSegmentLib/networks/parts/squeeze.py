"""Squeeze and excitation: channels weighted by what the whole map holds (Hu et al. 2018, arXiv:1709.01507)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ..config import Kernel, NetworkConfig
from ..registry import BLOCKS, SKIPS
from .blocks import PlainBlock, ResidualBlock
from .skips import fit


class SqueezeExcitation(nn.Module):
    """Global average, two small layers, sigmoid: one factor per channel."""

    def __init__(self, channels: int, ratio: int) -> None:
        super().__init__()
        inner = max(channels // ratio, 4)
        self.layers = nn.Sequential(
            nn.Linear(channels, inner), nn.ReLU(inplace=True), nn.Linear(inner, channels), nn.Sigmoid()
        )

    def forward(self, x: Tensor) -> Tensor:
        factors = self.layers(x.flatten(2).mean(dim=2))
        return x * factors.reshape(*factors.shape, *(1,) * (x.ndim - 2))


@SKIPS.register("squeeze")
class SqueezeSkip(nn.Module):
    """The encoder's map with its channels weighted, beside the upsampled map."""

    def __init__(self, config: NetworkConfig, skip_channels: int, up_channels: int, gate_channels: int) -> None:
        super().__init__()
        self.squeeze = SqueezeExcitation(skip_channels, config.squeeze_ratio)
        self.out_channels = skip_channels + up_channels

    def forward(self, skip: Tensor, up: Tensor, gate: Tensor) -> Tensor:
        return torch.cat([fit(up, skip.shape[2:]), self.squeeze(skip)], dim=1)


@BLOCKS.register("plain-squeeze")
class PlainSqueezeBlock(PlainBlock):
    """A plain block whose result's channels are weighted."""

    def __init__(
        self, config: NetworkConfig, in_channels: int, out_channels: int, kernel: Kernel, stride: Kernel
    ) -> None:
        super().__init__(config, in_channels, out_channels, kernel, stride)
        self.squeeze = SqueezeExcitation(out_channels, config.squeeze_ratio)

    def forward(self, x: Tensor) -> Tensor:
        return self.squeeze(super().forward(x))


@BLOCKS.register("residual-squeeze")
class ResidualSqueezeBlock(ResidualBlock):
    """A residual block whose result's channels are weighted.

    The paper weighs the residual before it is added. After an instance norm, though, the mean of every channel is the
    norm's own bias whatever the image shows, so there the squeeze would learn nothing.
    """

    def __init__(
        self, config: NetworkConfig, in_channels: int, out_channels: int, kernel: Kernel, stride: Kernel
    ) -> None:
        super().__init__(config, in_channels, out_channels, kernel, stride)
        self.squeeze = SqueezeExcitation(out_channels, config.squeeze_ratio)

    def forward(self, x: Tensor) -> Tensor:
        return self.squeeze(super().forward(x))
