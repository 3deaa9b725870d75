"""The networks of the family by name, each from the same topology and number of features."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace

from ...errors import InputError
from ...networks.config import NetworkConfig
from .topology import Topology

_CONVS = 2
_GROUPS = 8
_LEAST_HEADS = 8


def _residual(network: NetworkConfig) -> NetworkConfig:
    # A residual block holds two convolutions, so one of it is a plain stage's worth.
    stages = network.stages
    return replace(network, block="residual", encoder_convs=(1,) * stages, decoder_convs=(1,) * (stages - 1))


def _transunet(network: NetworkConfig) -> NetworkConfig:
    heads = next(n for n in (_LEAST_HEADS, 4, 2, 1) if network.features[-1] % n == 0)
    return replace(network, encoder="transformer", upsampling="interpolate", transformer_heads=heads)


def _light(encoder: str) -> Callable[[NetworkConfig], NetworkConfig]:
    """With group norm: the batch norm of their papers needs larger batches than segmentation affords. With two patches
    in a step an EfficientNet's F1 on DRIVE was 0.59 by batch norm and 0.76 by group norm (400 steps, fold 0).
    """

    def change(network: NetworkConfig) -> NetworkConfig:
        from ...networks.parts.light import light_features

        features = light_features(encoder, network.features[0])
        dimension, stages = network.dimension, len(features)
        return replace(
            network,
            features=features,
            kernels=((3,) * dimension,) * stages,
            strides=((1,) * dimension, *((2,) * dimension,) * (stages - 1)),
            encoder_convs=(1,) * stages,
            decoder_convs=(1,) * (stages - 1),
            norm="group",
            norm_groups=math.gcd(_GROUPS, *features),
            encoder=encoder,
        )

    return change


NETWORKS: dict[str, Callable[[NetworkConfig], NetworkConfig]] = {
    "unet": lambda network: network,
    "residual": _residual,
    "attention": lambda network: replace(network, skip="attention"),
    "nested": lambda network: replace(network, decoder="nested"),
    "squeeze": lambda network: replace(network, skip="squeeze"),
    "transunet": _transunet,
    "mobilenet": _light("mobilenet-v3-large"),
    "efficientnet": _light("efficientnet-b0"),
}
"""What each name does to the plain U-Net."""


def make_network(
    name: str,
    topology: Topology,
    channels: int,
    outputs: int,
    first: int,
    deep_supervision: bool = True,
    pretrained: bool = False,
) -> NetworkConfig:
    """The network ``name`` with ``first`` features at full resolution.

    Args:
        pretrained: a light encoder is to take weights from elsewhere, which go with batch norm.

    Raises:
        InputError: there is no such network.
    """
    if name not in NETWORKS:
        raise InputError(f"There is no network '{name}'.", f"Known are: {', '.join(NETWORKS)}.")
    stages = topology.stages
    plain = NetworkConfig(
        dimension=len(topology.strides[0]),
        in_channels=channels,
        out_channels=outputs,
        features=topology.features(first),
        kernels=topology.kernels,
        strides=topology.strides,
        encoder_convs=(_CONVS,) * stages,
        decoder_convs=(_CONVS,) * (stages - 1),
        deep_supervision=deep_supervision and stages > 2,
    )
    network = NETWORKS[name](plain)
    return replace(network, norm="batch") if pretrained else network


def network_names() -> Sequence[str]:
    """All names, for help texts."""
    return tuple(NETWORKS)
