"""The basic U-Net of MONAI bundles, see :class:`~.configs.BasicUNetConfig`."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional

from .configs import BasicUNetConfig, check_monai
from .layers import CONVOLUTION, LINEAR, TRANSPOSED, ConvolutionUnit, HeadedNetwork, convolution, cube, joined

_POOLING = {2: functional.max_pool2d, 3: functional.max_pool3d}
LEVELS = 5


def _pair(config: BasicUNetConfig, in_channels: int, out_channels: int) -> nn.Sequential:
    units = []
    for before in (in_channels, out_channels):
        kernel, ones = cube(config.dimension, 3), cube(config.dimension, 1)
        conv = convolution(config.dimension, before, out_channels, kernel, ones, config.bias)
        units.append(ConvolutionUnit(conv, out_channels, config.dimension, "NA", config.activation, config.norm))
    return nn.Sequential(*units)


class UpStage(nn.Module):
    """Doubles the map, joins it with the encoder's and convolves twice."""

    def __init__(self, config: BasicUNetConfig, in_channels: int, skip: int, out_channels: int, halve: bool) -> None:
        super().__init__()
        wanted = in_channels // 2 if halve else in_channels
        self.mode: str | None = None
        self.up: nn.Module
        if config.upsampling == "transposed":
            self.up = TRANSPOSED[config.dimension](in_channels, wanted, 2, 2)
        else:
            self.mode = LINEAR[config.dimension]
            changes = wanted != in_channels
            self.up = CONVOLUTION[config.dimension](in_channels, wanted, 1) if changes else nn.Identity()
        self.convs = _pair(config, skip + wanted, out_channels)

    def forward(self, x: Tensor, skip: Tensor) -> Tensor:
        x = self.up(x)
        if self.mode is not None:
            x = functional.interpolate(x, scale_factor=2, mode=self.mode, align_corners=True)
        # Pooling drops the last voxel of an odd axis; the upsampled map's own last one stands in for it.
        missing = [n for a, b in zip(reversed(skip.shape[2:]), reversed(x.shape[2:]), strict=True) for n in (0, a - b)]
        if any(missing):
            x = functional.pad(x, missing, mode="replicate")
        return self.convs(joined([skip, x]))


class BasicUNet(HeadedNetwork):
    """Maps (N, C, *patch) to logits (N, K, *patch), for patches of at least 16 voxels along every axis."""

    def __init__(self, config: BasicUNetConfig) -> None:
        super().__init__()
        self.config = config
        features = config.features
        before = (config.in_channels, *features)
        self.down = nn.ModuleList(_pair(config, before[level], features[level]) for level in range(LEVELS))
        after = (features[5], *features[1:4])
        self.up = nn.ModuleList(
            UpStage(config, features[level + 1], features[level], after[level], level > 0) for level in range(4)
        )
        self.head = CONVOLUTION[config.dimension](features[5], config.out_channels, 1)

    def features(self, x: Tensor) -> Tensor:
        maps: list[Tensor] = []
        for level, stage in enumerate(self.down):
            x = stage(_POOLING[self.config.dimension](x, 2) if level else x)
            maps.append(x)
        x = maps.pop()
        for stage in reversed(self.up):
            x = stage(x, maps.pop())
        return x


def build_network(config: BasicUNetConfig) -> nn.Module:
    """The network of ``config``.

    Raises:
        ModelError: numbers that do not fit together.
    """
    check_monai(config)
    return BasicUNet(config)
