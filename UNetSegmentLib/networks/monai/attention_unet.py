"""The attention U-Net of MONAI bundles, see :class:`~.configs.AttentionUNetConfig`."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from .configs import Activation, AttentionUNetConfig, Kernel, Norm, check_monai
from .layers import ConvolutionUnit, HeadedNetwork, convolution, cube, joined, norm, transposed

_RELU = Activation("relu")
_BATCH = Norm("batch", True)


def _unit(config: AttentionUNetConfig, conv: nn.Module, channels: int) -> ConvolutionUnit:
    return ConvolutionUnit(conv, channels, config.dimension, "NA", _RELU, _BATCH)


def _pair(config: AttentionUNetConfig, in_channels: int, out_channels: int, stride: Kernel) -> nn.Sequential:
    ones = cube(config.dimension, 1)
    first = convolution(config.dimension, in_channels, out_channels, config.kernel, stride, True)
    second = convolution(config.dimension, out_channels, out_channels, config.kernel, ones, True)
    return nn.Sequential(_unit(config, first, out_channels), _unit(config, second, out_channels))


class Projection(nn.Module):
    """A 1x1 convolution and a batch norm."""

    def __init__(self, dimension: int, in_channels: int, out_channels: int) -> None:
        super().__init__()
        ones = cube(dimension, 1)
        self.conv = convolution(dimension, in_channels, out_channels, ones, ones, True)
        self.norm = norm(_BATCH, dimension, out_channels)

    def forward(self, x: Tensor) -> Tensor:
        return self.norm(self.conv(x))


class Gate(nn.Module):
    """Weighs every voxel of a skip by what the decoder sees there."""

    def __init__(self, dimension: int, channels: int) -> None:
        super().__init__()
        inner = channels // 2
        self.gate = Projection(dimension, channels, inner)
        self.skip = Projection(dimension, channels, inner)
        self.weight = Projection(dimension, inner, 1)

    @property
    def scorer(self) -> nn.Module:
        """See :class:`~..gates.Gate`."""
        return self.weight

    def forward(self, up: Tensor, skip: Tensor) -> Tensor:
        return skip * torch.sigmoid(self.weight(torch.relu(self.gate(up) + self.skip(skip))))


class UpStage(nn.Module):
    """Upsampling, the gated skip, and a convolution of both."""

    def __init__(self, config: AttentionUNetConfig, level: int) -> None:
        super().__init__()
        channels, below = config.features[level], config.features[level + 1]
        stride, ones = config.strides[level], cube(config.dimension, 1)
        conv = transposed(config.dimension, below, channels, config.up_kernel, stride, True)
        self.up = _unit(config, conv, channels)
        self.gate = Gate(config.dimension, channels)
        merged = convolution(config.dimension, 2 * channels, channels, cube(config.dimension, 3), ones, True)
        self.merge = ConvolutionUnit(merged, channels, config.dimension, "NA", Activation("prelu"), Norm("instance"))

    def forward(self, x: Tensor, skip: Tensor) -> Tensor:
        up = self.up(x)
        return self.merge(joined([self.gate(up, skip), up]))


class AttentionUNet(HeadedNetwork):
    """Maps (N, C, *patch) to logits (N, K, *patch); the patch must be a multiple of ``config.divisor``."""

    def __init__(self, config: AttentionUNetConfig) -> None:
        super().__init__()
        self.config = config
        features, ones = config.features, cube(config.dimension, 1)
        before, strides = (config.in_channels, *features), (ones, *config.strides)
        self.down = nn.ModuleList(
            _pair(config, before[level], features[level], strides[level]) for level in range(len(features))
        )
        self.up = nn.ModuleList(UpStage(config, level) for level in range(len(features) - 1))
        self.head = convolution(config.dimension, features[0], config.out_channels, ones, ones, True)

    def features(self, x: Tensor) -> Tensor:
        maps: list[Tensor] = []
        for stage in self.down:
            x = stage(x)
            maps.append(x)
        x = maps.pop()
        for stage in reversed(self.up):
            x = stage(x, maps.pop())
        return x


def build_network(config: AttentionUNetConfig) -> nn.Module:
    """The network of ``config``.

    Raises:
        ModelError: numbers that do not fit together.
    """
    check_monai(config)
    return AttentionUNet(config)
