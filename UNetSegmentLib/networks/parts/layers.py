"""The elementary layers by dimension and name: convolutions, norms, activations, dropout."""

from __future__ import annotations

from collections.abc import Callable

from torch import nn

from ...errors import ModelError
from ..config import Kernel, NetworkConfig
from .frugal import FrugalConv3d

_CONVOLUTION: dict[int, Callable[..., nn.Module]] = {2: nn.Conv2d, 3: FrugalConv3d}
_TRANSPOSED: dict[int, Callable[..., nn.Module]] = {2: nn.ConvTranspose2d, 3: nn.ConvTranspose3d}
_INSTANCE: dict[int, Callable[..., nn.Module]] = {2: nn.InstanceNorm2d, 3: nn.InstanceNorm3d}
_BATCH: dict[int, Callable[..., nn.Module]] = {2: nn.BatchNorm2d, 3: nn.BatchNorm3d}
_DROPOUT: dict[int, Callable[..., nn.Module]] = {2: nn.Dropout2d, 3: nn.Dropout3d}
_ADAPTIVE: dict[int, Callable[..., nn.Module]] = {2: nn.AdaptiveAvgPool2d, 3: nn.AdaptiveAvgPool3d}
_POOLING: dict[int, Callable[..., nn.Module]] = {2: nn.AvgPool2d, 3: nn.AvgPool3d}

LEAKY_SLOPE = 0.01

_ACTIVATIONS: dict[str, Callable[[NetworkConfig], nn.Module]] = {
    "leaky_relu": lambda config: nn.LeakyReLU(config.negative_slope, inplace=True),
    "relu": lambda config: nn.ReLU(inplace=True),
    "gelu": lambda config: nn.GELU(),
    "silu": lambda config: nn.SiLU(inplace=True),
}
NORMS = ("instance", "batch", "group", "none")
ACTIVATIONS = tuple(_ACTIVATIONS)


def convolution(
    dimension: int, in_channels: int, out_channels: int, kernel: Kernel, stride: Kernel, bias: bool
) -> nn.Module:
    """Padded so that stride 1 keeps the size and stride s leaves ceil(n / s)."""
    padding = tuple(k // 2 for k in kernel)
    return _CONVOLUTION[dimension](in_channels, out_channels, kernel, stride, padding, bias=bias)


def depthwise_convolution(dimension: int, channels: int, kernel: Kernel, stride: Kernel) -> nn.Module:
    """Each channel by itself, padded as :func:`convolution` is, without a bias."""
    padding = tuple(k // 2 for k in kernel)
    return _CONVOLUTION[dimension](channels, channels, kernel, stride, padding, groups=channels, bias=False)


def transposed_convolution(
    dimension: int, in_channels: int, out_channels: int, stride: Kernel, bias: bool
) -> nn.Module:
    """Kernel and stride alike: every input voxel becomes its own block of output voxels."""
    return _TRANSPOSED[dimension](in_channels, out_channels, stride, stride, bias=bias)


def average_pooling(dimension: int, stride: Kernel) -> nn.Module:
    """Sizes round up, as those of a padded strided convolution do."""
    return _POOLING[dimension](stride, stride, ceil_mode=True, count_include_pad=False)


def average_to_one(dimension: int) -> nn.Module:
    """The mean of every channel, as a map of one voxel."""
    return _ADAPTIVE[dimension](1)


def norm(config: NetworkConfig, channels: int) -> nn.Module:
    """The configured normalisation."""
    eps, affine = config.norm_eps, config.norm_affine
    if config.norm == "instance":
        return _INSTANCE[config.dimension](channels, eps=eps, affine=affine)
    if config.norm == "batch":
        return _BATCH[config.dimension](channels, eps=eps, affine=affine)
    if config.norm == "group":
        return nn.GroupNorm(config.norm_groups, channels, eps=eps, affine=affine)
    if config.norm == "none":
        return nn.Identity()
    raise ModelError(f"Unknown normalisation '{config.norm}'.", f"Known are: {', '.join(NORMS)}.")


def activation(config: NetworkConfig) -> nn.Module:
    """The configured activation function."""
    if config.activation not in _ACTIVATIONS:
        raise ModelError(f"Unknown activation '{config.activation}'.", f"Known are: {', '.join(ACTIVATIONS)}.")
    return _ACTIVATIONS[config.activation](config)


def dropout(config: NetworkConfig) -> nn.Module:
    """Drops whole feature maps; nothing at all when the probability is zero."""
    return _DROPOUT[config.dimension](config.dropout) if config.dropout > 0 else nn.Identity()
