"""SegResNet, see :class:`~.configs.SegResNetConfig`."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional

from .configs import SegResNetConfig, check_monai
from .layers import LINEAR, TRANSPOSED, HeadedNetwork, activation, convolution, cube, norm


class PreactivationBlock(nn.Module):
    """Twice norm, activation, convolution, added to the input."""

    def __init__(self, config: SegResNetConfig, channels: int) -> None:
        super().__init__()
        kernel, ones = cube(config.dimension, 3), cube(config.dimension, 1)
        self.norm1 = norm(config.norm, config.dimension, channels)
        self.conv1 = convolution(config.dimension, channels, channels, kernel, ones, False)
        self.norm2 = norm(config.norm, config.dimension, channels)
        self.conv2 = convolution(config.dimension, channels, channels, kernel, ones, False)
        self.activation = activation(config.activation)

    def forward(self, x: Tensor) -> Tensor:
        y = self.conv1(self.activation(_fresh(self.norm1, x)))
        y = self.conv2(self.activation(_fresh(self.norm2, y)))
        return y + x


def _blocks(config: SegResNetConfig, channels: int, count: int) -> nn.Sequential:
    return nn.Sequential(*(PreactivationBlock(config, channels) for _ in range(count)))


class DownStage(nn.Module):
    """A strided convolution (but at the full resolution), then blocks."""

    def __init__(self, config: SegResNetConfig, level: int) -> None:
        super().__init__()
        channels = config.features * 2**level
        kernel, two = cube(config.dimension, 3), cube(config.dimension, 2)
        self.conv: nn.Module = nn.Identity()
        if level:
            self.conv = convolution(config.dimension, channels // 2, channels, kernel, two, False)
        self.blocks = nn.Sequential(
            *(PreactivationBlock(config, channels) for _ in range(config.encoder_blocks[level]))
        )

    def forward(self, x: Tensor) -> Tensor:
        return self.blocks(self.conv(x))


class UpStage(nn.Module):
    """A 1x1 convolution, upsampling, the skip added, then blocks."""

    def __init__(self, config: SegResNetConfig, level: int) -> None:
        super().__init__()
        channels = config.features * 2**level
        ones = cube(config.dimension, 1)
        self.conv = convolution(config.dimension, channels * 2, channels, ones, ones, False)
        self.mode = LINEAR[config.dimension]
        self.up: nn.Module | None = None
        if config.upsampling == "transposed":
            self.up = TRANSPOSED[config.dimension](channels, channels, 2, 2)
        self.blocks = nn.Sequential(
            *(PreactivationBlock(config, channels) for _ in range(config.decoder_blocks[level]))
        )

    def forward(self, x: Tensor, skip: Tensor) -> Tensor:
        x = self.conv(x)
        if self.up is None:
            x = functional.interpolate(x, scale_factor=2, mode=self.mode, align_corners=False)
        else:
            x = self.up(x)
        return self.blocks(x + skip)


class SegResNet(HeadedNetwork):
    """Maps (N, C, *patch) to logits (N, K, *patch); the patch must be a multiple of ``config.divisor``."""

    def __init__(self, config: SegResNetConfig) -> None:
        super().__init__()
        self.config = config
        kernel, ones = cube(config.dimension, 3), cube(config.dimension, 1)
        self.stem = convolution(config.dimension, config.in_channels, config.features, kernel, ones, False)
        self.down = nn.ModuleList(DownStage(config, level) for level in range(len(config.encoder_blocks)))
        self.up = nn.ModuleList(UpStage(config, level) for level in range(len(config.decoder_blocks)))
        self.norm = norm(config.norm, config.dimension, config.features)
        self.activation = activation(config.activation)
        self.head = convolution(config.dimension, config.features, config.out_channels, ones, ones, True)

    def features(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        maps: list[Tensor] = []
        for stage in self.down:
            x = stage(x)
            maps.append(x)
        x = maps.pop()
        for stage in reversed(self.up):
            x = stage(x, maps.pop())
        return self.activation(_fresh(self.norm, x))


def _fresh(layer: nn.Module, x: Tensor) -> Tensor:
    """The normalised map; a copy where the norm is none, because activations work in place."""
    return x.clone() if isinstance(layer, nn.Identity) else layer(x)


def build_network(config: SegResNetConfig) -> nn.Module:
    """The network of ``config``.

    Raises:
        ModelError: numbers that do not fit together.
    """
    check_monai(config)
    return SegResNet(config)
