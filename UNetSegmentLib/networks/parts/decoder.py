"""The expanding path: upsample, join with the encoder's map, convolve; once per resolution."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from ...errors import ModelError
from ..config import Kernel, NetworkConfig
from ..registry import DECODERS, SKIPS
from .blocks import stack
from .layers import convolution, transposed_convolution

UPSAMPLINGS = ("transposed", "interpolate")


class TransposedUpsampling(nn.Module):
    """A transposed convolution that undoes the stride; the result may exceed ``size`` by the rounding of the stride."""

    def __init__(self, config: NetworkConfig, in_channels: int, out_channels: int, stride: Kernel) -> None:
        super().__init__()
        self.conv = transposed_convolution(config.dimension, in_channels, out_channels, stride, config.bias)

    def forward(self, x: Tensor, size: torch.Size) -> Tensor:
        return self.conv(x)


class InterpolationUpsampling(nn.Module):
    """A 1x1 convolution at the low resolution, then linear interpolation straight to the wanted size."""

    def __init__(self, config: NetworkConfig, in_channels: int, out_channels: int, stride: Kernel) -> None:
        super().__init__()
        ones = (1,) * config.dimension
        self.conv = convolution(config.dimension, in_channels, out_channels, ones, ones, config.bias)
        self.mode = {2: "bilinear", 3: "trilinear"}[config.dimension]

    def forward(self, x: Tensor, size: torch.Size) -> Tensor:
        return functional.interpolate(self.conv(x), size=size, mode=self.mode, align_corners=False)


def upsampling(config: NetworkConfig, in_channels: int, out_channels: int, stride: Kernel) -> nn.Module:
    """The configured way up by ``stride``: a module called with the map and the wanted spatial size."""
    if config.upsampling == "transposed":
        return TransposedUpsampling(config, in_channels, out_channels, stride)
    if config.upsampling == "interpolate":
        return InterpolationUpsampling(config, in_channels, out_channels, stride)
    raise ModelError(f"Unknown upsampling '{config.upsampling}'.", f"Known are: {', '.join(UPSAMPLINGS)}.")


class DecoderStage(nn.Module):
    """From one resolution to the next finer one."""

    def __init__(
        self, config: NetworkConfig, level: int, below: int, skip_channels: int, width: int, stride: Kernel
    ) -> None:
        super().__init__()
        self.up = upsampling(config, below, width, stride)
        self.skip = SKIPS[config.skip](config, skip_channels, width, below)
        ones = (1,) * config.dimension
        joined = int(self.skip.out_channels)  # type: ignore[arg-type]
        count, kernel = config.decoder_convs[level], (config.decoder_kernels or config.kernels)[level]
        self.blocks = stack(config, count, joined, width, kernel, ones, config.decoder_block)

    def forward(self, maps: list[Tensor]) -> Tensor:
        """The last two of ``maps`` (the skipped one before the one from below) are taken off the list.

        Whoever calls a module holds on to its arguments while it runs. So the maps come in a list, and what is joined
        goes through the blocks one by one: each map's memory is free as soon as it has been used.
        """
        below = maps.pop()
        maps.append(self.skip(maps[-1], self.up(below, maps[-1].shape[2:]), below))
        del below, maps[-2]
        for block in self.blocks:
            maps.append(block(maps[-1]))
            del maps[-2]
        return maps.pop()


@DECODERS.register("unet")
class Decoder(nn.Module):
    """Takes the encoder's maps, full resolution first, and returns the decoded ones in the same order."""

    def __init__(self, config: NetworkConfig, channels: Sequence[int], strides: Sequence[Kernel]) -> None:
        super().__init__()
        self.channels = config.decoder_features or tuple(channels[:-1])
        below = (*self.channels[1:], channels[-1])
        self.stages = nn.ModuleList(
            DecoderStage(config, level, below[level], channels[level], self.channels[level], strides[level + 1])
            for level in range(len(channels) - 1)
        )

    def forward(self, maps: list[Tensor]) -> list[Tensor]:
        decoded: list[Tensor] = []
        for stage in reversed(self.stages):
            maps.append(stage(maps))
            decoded.insert(0, maps[-1])
            if not self.training:
                del decoded[1:]
        return decoded
