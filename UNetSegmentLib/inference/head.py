"""The network's last layer, taken off and applied late.

A U-Net ends in a 1 x 1 convolution: at each voxel the logits are one and the same linear function of the feature maps.
It therefore commutes with everything that the engine does to logits and that is linear and the same for all channels:
blending tiles, averaging mirrored passes, resampling. Where there are fewer features than classes, the engine carries
the features and applies this layer to one small block after the other, when its voxels are decided. The features of
several folds are put side by side, and so are the layers' weights.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, cast, runtime_checkable

import torch
from torch import nn


@runtime_checkable
class SplitNetwork(Protocol):
    """A network that is ``head(features(x))``."""

    @property
    def head(self) -> nn.Module:
        """The last layer."""

    def features(self, x: torch.Tensor) -> torch.Tensor:
        """What the last layer is given: (N, F, *patch)."""


@dataclass(frozen=True, eq=False)
class Head:
    """Logits as a linear function of features.

    Attributes:
        weight: float32 (classes, features).
        bias: float32 (classes, 1).
    """

    weight: torch.Tensor
    bias: torch.Tensor

    @property
    def classes(self) -> int:
        return int(self.weight.shape[0])

    @property
    def features(self) -> int:
        return int(self.weight.shape[1])

    def to(self, device: torch.device) -> Head:
        return Head(self.weight.to(device), self.bias.to(device))

    def __call__(self, values: torch.Tensor) -> torch.Tensor:
        """Logits (classes, n) of features (features, n), float32.

        A further row of ``values`` counts the bias: features that were weighted and added up bring the sum of their
        weights along.
        """
        if values.shape[0] == self.features:
            return torch.addmm(self.bias, self.weight, values)
        return torch.cat([self.weight, self.bias], dim=1) @ values


class Bodies(nn.Module):
    """The networks of several folds without their heads: (N, C, *patch) to their features side by side."""

    def __init__(self, networks: Sequence[nn.Module]) -> None:
        super().__init__()
        self.networks = nn.ModuleList(networks)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        maps = [cast(SplitNetwork, network).features(x) for network in self.networks]
        return maps[0] if len(maps) == 1 else torch.cat(maps, dim=1)


def split_head(networks: Sequence[nn.Module]) -> tuple[Bodies, Head] | None:
    """The networks (one per fold) as one body and one head, whose logits are the mean of theirs.

    Returns:
        None where a network does not end in a 1 x 1 convolution, or has not fewer features than classes.
    """
    layers = [_layer(network) for network in networks]
    known = [layer for layer in layers if layer is not None]
    if len(known) < len(layers):
        return None
    weight = torch.cat([layer.weight.detach().float().flatten(1) for layer in known], dim=1) / len(known)
    if weight.shape[1] >= weight.shape[0]:
        return None
    bias = torch.stack([_bias(layer) for layer in known]).mean(dim=0)
    return Bodies(networks).eval(), Head(weight.contiguous(), bias[:, None].contiguous())


def _layer(network: nn.Module) -> nn.Conv2d | nn.Conv3d | None:
    if not isinstance(network, SplitNetwork):
        return None
    head = cast(SplitNetwork, network).head
    if not isinstance(head, nn.Conv2d | nn.Conv3d):
        return None
    pointwise = {*head.kernel_size, *head.stride, head.groups} == {1} and not any(head.padding)
    return head if pointwise else None


def _bias(layer: nn.Conv2d | nn.Conv3d) -> torch.Tensor:
    return layer.weight.new_zeros(layer.out_channels) if layer.bias is None else layer.bias.detach().float()
