"""DynUNet's residual block: the shortcut is a strided 1x1 convolution with a norm (no pooling before it)."""

from __future__ import annotations

from torch import Tensor, nn

from ..config import Kernel, NetworkConfig
from ..registry import BLOCKS
from .blocks import PlainBlock
from .layers import activation, convolution, norm


class _Normed(nn.Module):
    """A convolution and its norm."""

    def __init__(self, config: NetworkConfig, in_channels: int, out_channels: int, kernel: Kernel, stride: Kernel):
        super().__init__()
        self.conv = convolution(config.dimension, in_channels, out_channels, kernel, stride, config.bias)
        self.norm = norm(config, out_channels)

    def forward(self, x: Tensor) -> Tensor:
        return self.norm(self.conv(x))


@BLOCKS.register("residual-strided")
class StridedResidualBlock(nn.Module):
    """Two convolutions beside a shortcut, which is projected by one strided step where the block changes anything."""

    def __init__(
        self, config: NetworkConfig, in_channels: int, out_channels: int, kernel: Kernel, stride: Kernel
    ) -> None:
        super().__init__()
        ones = (1,) * config.dimension
        self.first = PlainBlock(config, in_channels, out_channels, kernel, stride)
        self.second = _Normed(config, out_channels, out_channels, kernel, ones)
        self.activation = activation(config)
        changes = in_channels != out_channels or max(stride) > 1
        self.shortcut = _Normed(config, in_channels, out_channels, ones, stride) if changes else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        return self.activation(self.second(self.first(x)) + self.shortcut(x))
