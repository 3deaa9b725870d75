"""Attention gates on the skip connections; :mod:`..gates` looks at what they attend to.

Oktay et al. 2018, arXiv:1804.03999: the coarser map of the decoder (the gating signal) says where the encoder's map
matters. One coefficient per voxel, the same for all channels.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from ..config import NetworkConfig
from ..registry import SKIPS
from .layers import convolution, norm
from .skips import fit

_MODE = {2: "bilinear", 3: "trilinear"}


@SKIPS.register("attention")
class AttentionGate(nn.Module):
    """The encoder's map times its attention coefficients, beside the upsampled map.

    ``coefficients = sigmoid(psi(relu(project_skip(skip) + resampled(project_gate(gate)))))``, where both projections
    are 1x1 convolutions to half the channels of the skip.
    """

    def __init__(self, config: NetworkConfig, skip_channels: int, up_channels: int, gate_channels: int) -> None:
        super().__init__()
        ones = (1,) * config.dimension
        inner = max(skip_channels // 2, 1)
        self.project_skip = convolution(config.dimension, skip_channels, inner, ones, ones, False)
        self.project_gate = convolution(config.dimension, gate_channels, inner, ones, ones, True)
        self.psi = nn.Sequential(convolution(config.dimension, inner, 1, ones, ones, True), nn.Sigmoid())
        self.refine = nn.Sequential(
            convolution(config.dimension, skip_channels, skip_channels, ones, ones, config.bias),
            norm(config, skip_channels),
        )
        self.mode = _MODE[config.dimension]
        self.out_channels = skip_channels + up_channels

    @property
    def scorer(self) -> nn.Module:
        """See :class:`~..gates.Gate`."""
        return self.psi[0]

    def coefficients(self, skip: Tensor, gate: Tensor) -> Tensor:
        """Attention from 0 to 1 for every voxel of ``skip``: (N, 1, *spatial)."""
        # Projected before it is resampled: that is the same and costs an eighth in 3D.
        signal = functional.interpolate(
            self.project_gate(gate), size=skip.shape[2:], mode=self.mode, align_corners=False
        )
        return self.psi(functional.relu(self.project_skip(skip) + signal))

    def forward(self, skip: Tensor, up: Tensor, gate: Tensor) -> Tensor:
        attended = self.refine(skip * self.coefficients(skip, gate))
        return torch.cat([fit(up, skip.shape[2:]), attended], dim=1)
