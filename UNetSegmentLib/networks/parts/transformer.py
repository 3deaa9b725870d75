"""TransUNet: a transformer between the convolutional encoder and the decoder (Chen et al. 2021, arXiv:2102.04306).

The deepest map becomes one token per voxel; self-attention lets every place see every other one. The positional
encoding is learnt on a fixed grid and resampled to the size of the map at hand, so any patch size works. With
``upsampling="interpolate"`` the decoder is the paper's cascaded upsampler; 2D and 3D alike.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from ...errors import ModelError
from ..config import NetworkConfig
from ..registry import ENCODERS
from .encoder import Encoder

_GRID = 8  # places of the learnt positional encoding along each axis
_EXPANSION = 4
_MODE = {2: "bilinear", 3: "trilinear"}


class TransformerLayer(nn.Module):
    """Attention and a two-layer perceptron, each after a layer norm and beside a shortcut (arXiv:2010.11929)."""

    def __init__(self, channels: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.heads = heads
        self.norm_attention = nn.LayerNorm(channels)
        self.queries_keys_values = nn.Linear(channels, 3 * channels)
        self.project = nn.Linear(channels, channels)
        self.norm_perceptron = nn.LayerNorm(channels)
        self.perceptron = nn.Sequential(
            nn.Linear(channels, _EXPANSION * channels), nn.GELU(), nn.Linear(_EXPANSION * channels, channels)
        )
        self.dropout = nn.Dropout(dropout)

    def forward(self, tokens: Tensor) -> Tensor:
        """(N, tokens, channels) to the same."""
        tokens = tokens + self.dropout(self._attend(self.norm_attention(tokens)))
        return tokens + self.dropout(self.perceptron(self.norm_perceptron(tokens)))

    def _attend(self, tokens: Tensor) -> Tensor:
        batch, count, channels = tokens.shape
        split = self.queries_keys_values(tokens).reshape(batch, count, 3, self.heads, channels // self.heads)
        queries, keys, values = split.permute(2, 0, 3, 1, 4)
        attended = functional.scaled_dot_product_attention(queries, keys, values)
        return self.project(attended.transpose(1, 2).reshape(batch, count, channels))


@ENCODERS.register("transformer")
class TransformerEncoder(Encoder):
    """The convolutional encoder with ``transformer_layers`` layers of self-attention at the bottleneck."""

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__(config)
        channels, heads = config.features[-1], config.transformer_heads
        if config.transformer_layers < 1 or heads < 1 or channels % heads:
            raise ModelError(
                f"A transformer of {config.transformer_layers} layers and {heads} heads on {channels} channels cannot "
                "be built.",
                "Use at least one layer, and a number of heads that divides the last of the features.",
            )
        self.position = nn.Parameter(torch.empty(1, channels, *(_GRID,) * config.dimension))
        if not self.position.is_meta:
            nn.init.normal_(self.position, std=0.02)
        self.layers = nn.ModuleList(
            TransformerLayer(channels, heads, config.dropout) for _ in range(config.transformer_layers)
        )
        self.norm = nn.LayerNorm(channels)
        self.mode = _MODE[config.dimension]

    def forward(self, x: Tensor) -> list[Tensor]:
        maps = super().forward(x)
        deepest = maps[-1]
        position = functional.interpolate(self.position, size=deepest.shape[2:], mode=self.mode, align_corners=False)
        tokens = (deepest + position).flatten(2).transpose(1, 2)
        for layer in self.layers:
            tokens = layer(tokens)
        maps[-1] = self.norm(tokens).transpose(1, 2).reshape(deepest.shape)
        return maps
