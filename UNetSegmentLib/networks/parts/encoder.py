"""The contracting path: one stack of blocks per stage, the first block of each doing the stride."""

from __future__ import annotations

from torch import Tensor, nn

from ..config import NetworkConfig
from ..registry import ENCODERS
from .blocks import stack


@ENCODERS.register("unet")
class Encoder(nn.Module):
    """Returns the feature maps of all stages, full resolution first. The stem, where there is one, is part of none."""

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        self.channels = config.features
        self.strides = config.strides
        entering = config.in_channels
        self.stem: nn.Sequential | None = None
        if config.stem_channels is not None:
            ones = (1,) * config.dimension
            self.stem = stack(config, 1, entering, config.stem_channels, config.kernels[0], ones, "plain")
            entering = config.stem_channels
        before = (entering, *config.features[:-1])
        per_stage = zip(config.encoder_convs, before, config.features, config.kernels, config.strides, strict=True)
        self.stages = nn.ModuleList(stack(config, *stage) for stage in per_stage)

    def forward(self, x: Tensor) -> list[Tensor]:
        if self.stem is not None:
            x = self.stem(x)
        maps = []
        for stage in self.stages:
            x = stage(x)
            maps.append(x)
        return maps
