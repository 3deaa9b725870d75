"""The residual U-Net of MONAI bundles, see :class:`~.configs.ResidualUNetConfig`."""

from __future__ import annotations

import math

from torch import Tensor, nn

from .configs import Kernel, ResidualUNetConfig, check_monai
from .layers import ConvolutionUnit, convolution, cube, joined, transposed


class ResidualUnit(nn.Module):
    """Convolution units beside a shortcut, which is a convolution where the unit changes size or channels."""

    def __init__(
        self,
        config: ResidualUNetConfig,
        in_channels: int,
        out_channels: int,
        stride: Kernel,
        count: int,
        bare_end: bool = False,
    ) -> None:
        super().__init__()
        units = []
        for n in range(count):
            order = "" if bare_end and n == count - 1 else config.order
            units.append(_unit(config, in_channels if n == 0 else out_channels, out_channels, n == 0, stride, order))
        self.units = nn.Sequential(*units)
        self.shortcut: nn.Module = nn.Identity()
        if math.prod(stride) != 1 or in_channels != out_channels:
            kernel = config.kernel if math.prod(stride) != 1 else cube(config.dimension, 1)
            self.shortcut = convolution(config.dimension, in_channels, out_channels, kernel, stride, config.bias)

    def forward(self, x: Tensor) -> Tensor:
        # The shortcut first: activations work in place, though never on the unit's input.
        shortcut = self.shortcut(x)
        return self.units(x) + shortcut


def _unit(
    config: ResidualUNetConfig, in_channels: int, out_channels: int, first: bool, stride: Kernel, order: str
) -> ConvolutionUnit:
    step = stride if first else cube(config.dimension, 1)
    conv = convolution(config.dimension, in_channels, out_channels, config.kernel, step, config.bias)
    return ConvolutionUnit(conv, out_channels, config.dimension, order, config.activation, config.norm)


class UpStage(nn.Module):
    """Upsampling to the next finer stage, then a residual unit of one convolution where the network has units."""

    def __init__(
        self, config: ResidualUNetConfig, in_channels: int, out_channels: int, stride: Kernel, top: bool
    ) -> None:
        super().__init__()
        conv = transposed(config.dimension, in_channels, out_channels, config.up_kernel, stride, config.bias)
        order = "" if top and config.units == 0 else config.order
        self.up = ConvolutionUnit(conv, out_channels, config.dimension, order, config.activation, config.norm)
        self.residual: nn.Module | None = None
        if config.units:
            ones = cube(config.dimension, 1)
            self.residual = ResidualUnit(config, out_channels, out_channels, ones, 1, bare_end=top)

    def forward(self, x: Tensor) -> Tensor:
        x = self.up(x)
        return x if self.residual is None else self.residual(x)


class ResidualUNet(nn.Module):
    """Maps (N, C, *patch) to logits (N, K, *patch); the patch must be a multiple of ``config.divisor``."""

    def __init__(self, config: ResidualUNetConfig) -> None:
        super().__init__()
        self.config = config
        features, levels = config.features, len(config.strides)
        before = (config.in_channels, *features)
        self.down = nn.ModuleList(
            _down(config, before[level], features[level], config.strides[level]) for level in range(levels)
        )
        self.bottom = _down(config, features[-2], features[-1], cube(config.dimension, 1))
        after = (config.out_channels, *features)
        self.up = nn.ModuleList(
            UpStage(config, features[level] + below, after[level], config.strides[level], level == 0)
            for level, below in enumerate((*features[: levels - 1], features[-1]))
        )

    def forward(self, x: Tensor) -> Tensor:
        skips = []
        for stage in self.down:
            x = stage(x)
            skips.append(x)
        x = self.bottom(x)
        for stage in reversed(self.up):
            x = stage(joined([skips.pop(), x]))
        return x


def _down(config: ResidualUNetConfig, in_channels: int, out_channels: int, stride: Kernel) -> nn.Module:
    if config.units:
        return ResidualUnit(config, in_channels, out_channels, stride, config.units)
    return _unit(config, in_channels, out_channels, True, stride, config.order)


def build_network(config: ResidualUNetConfig) -> nn.Module:
    """The network of ``config``.

    Raises:
        ModelError: numbers that do not fit together.
    """
    check_monai(config)
    return ResidualUNet(config)
