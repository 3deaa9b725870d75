"""The network itself: an encoder, a decoder, and heads."""

from __future__ import annotations

from torch import Tensor, nn

from .config import NetworkConfig

# Importing the built-in parts is what registers them.
from .parts import (  # noqa: F401
    attention,
    blocks,
    decoder,
    encoder,
    light,
    nested,
    skips,
    squeeze,
    strided_residual,
    transformer,
)
from .parts.layers import LEAKY_SLOPE, convolution
from .registry import DECODERS, ENCODERS
from .validation import check_unet


class UNet(nn.Module):
    """Maps (N, C, *patch) with 2 or 3 spatial axes to logits (N, K, *patch), for any patch size.

    With ``deep_supervision``, and in ``train()`` mode only, returns a list of logits, full resolution first.
    """

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        self.config = config
        self.encoder = ENCODERS[config.encoder](config)
        self.decoder = DECODERS[config.decoder](config, self.encoder.channels, self.encoder.strides)
        channels: tuple[int, ...] = self.decoder.channels  # type: ignore[assignment]
        levels = len(channels) if config.deep_supervision else 1
        ones = (1,) * config.dimension
        self.heads = nn.ModuleList(
            convolution(config.dimension, channels[level], config.out_channels, ones, ones, True)
            for level in range(levels)
        )

    def forward(self, x: Tensor) -> Tensor | list[Tensor]:
        decoded = self.decoder(self.encoder(x))
        if self.training and len(self.heads) > 1:
            return [head(level) for head, level in zip(self.heads, decoded, strict=True)]
        return self.heads[0](decoded[0])

    @property
    def head(self) -> nn.Module:
        """The last layer at full resolution, a 1 x 1 convolution: logits are ``head(features(x))``."""
        return self.heads[0]

    def features(self, x: Tensor) -> Tensor:
        """The feature maps (N, F, *patch) that the last layer is given."""
        return self.decoder(self.encoder(x))[0]


def build_network(config: NetworkConfig) -> nn.Module:
    """The network of ``config``, with He's initialisation (arXiv:1502.01852).

    Raises:
        ModelError: numbers that do not fit together, or a part of an unknown name.
    """
    check_unet(config)
    network = UNet(config)
    network.apply(_initialise)
    return network


def _initialise(module: nn.Module) -> None:
    if isinstance(module, nn.Conv2d | nn.Conv3d | nn.ConvTranspose2d | nn.ConvTranspose3d):
        if module.weight.is_meta:
            # Nothing to fill, and torch would import its whole compiler (2 to 7 s) to draw no random numbers.
            return
        nn.init.kaiming_normal_(module.weight, a=LEAKY_SLOPE)
        if module.bias is not None:
            nn.init.zeros_(module.bias)
