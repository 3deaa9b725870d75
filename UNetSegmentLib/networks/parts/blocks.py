"""Convolution units: plain (convolution, norm, activation) and residual (He et al. 2016, arXiv:1512.03385)."""

from __future__ import annotations

from torch import Tensor, nn

from ..config import Kernel, NetworkConfig
from ..registry import BLOCKS
from .frugal import norm_in_place
from .layers import activation, average_pooling, convolution, dropout, norm


@BLOCKS.register("plain")
class PlainBlock(nn.Module):
    """Convolution, dropout, norm, activation."""

    def __init__(
        self, config: NetworkConfig, in_channels: int, out_channels: int, kernel: Kernel, stride: Kernel
    ) -> None:
        super().__init__()
        self.conv = convolution(config.dimension, in_channels, out_channels, kernel, stride, config.bias)
        self.dropout = dropout(config)
        self.norm = norm(config, out_channels)
        self.activation = activation(config)

    def forward(self, x: Tensor) -> Tensor:
        return self.activation(norm_in_place(self.norm, self.dropout(self.conv(x))))


@BLOCKS.register("residual")
class ResidualBlock(nn.Module):
    """Two convolutions beside a shortcut, which is pooled and projected where the block changes size or channels."""

    def __init__(
        self, config: NetworkConfig, in_channels: int, out_channels: int, kernel: Kernel, stride: Kernel
    ) -> None:
        super().__init__()
        ones = (1,) * config.dimension
        self.first = PlainBlock(config, in_channels, out_channels, kernel, stride)
        self.conv = convolution(config.dimension, out_channels, out_channels, kernel, ones, config.bias)
        self.norm = norm(config, out_channels)
        self.activation = activation(config)
        shortcut: list[nn.Module] = []
        if max(stride) > 1:
            shortcut.append(average_pooling(config.dimension, stride))
        if in_channels != out_channels:
            shortcut += [convolution(config.dimension, in_channels, out_channels, ones, ones, False)]
            shortcut += [norm(config, out_channels)]
        self.shortcut = nn.Sequential(*shortcut)

    def forward(self, x: Tensor) -> Tensor:
        return self.activation(self.norm(self.conv(self.first(x))) + self.shortcut(x))


def stack(
    config: NetworkConfig,
    count: int,
    in_channels: int,
    out_channels: int,
    kernel: Kernel,
    stride: Kernel,
    block: str | None = None,
) -> nn.Sequential:
    """``count`` units of a block (the configured one by default) in a row; the first changes channels and size."""
    factory = BLOCKS[block or config.block]
    ones = (1,) * config.dimension
    units = [factory(config, in_channels, out_channels, kernel, stride)]
    units += [factory(config, out_channels, out_channels, kernel, ones) for _ in range(count - 1)]
    return nn.Sequential(*units)
