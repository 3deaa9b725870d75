"""Descriptions of the networks that MONAI bundles use, each with the arguments that change its arithmetic.

Dropout is left out: it does nothing at inference. Per-axis numbers are in array order (z, y, x).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from typing import ClassVar

from ...errors import ModelError

Kernel = tuple[int, ...]

ACTIVATIONS = ("prelu", "relu", "leaky_relu", "elu", "gelu", "silu", "mish", "none")
NORMS = ("instance", "batch", "group", "none")
ORDERS = ("NA", "AN", "N", "A", "")


@dataclass(frozen=True)
class Activation:
    """An activation function; ``slope`` is that of a leaky ReLU, or ELU's alpha. PReLU learns one slope."""

    kind: str = "relu"
    slope: float = 0.01


@dataclass(frozen=True)
class Norm:
    """A normalisation; ``groups`` of the group norm, ``affine`` whether scale and shift are learnt."""

    kind: str = "instance"
    affine: bool = False
    groups: int = 1
    eps: float = 1e-5


@dataclass(frozen=True)
class ResidualUNetConfig:
    """MONAI's ``UNet``: strided convolutions down, transposed convolutions up, residual units (Kerfoot et al. 2019,
    doi:10.1007/978-3-030-12029-0_40).

    Args:
        features: channels per stage, full resolution first.
        strides: from each stage to the next, one fewer than stages.
        units: convolutions per residual unit on the way down; 0 means plain convolutions.
        order: of norm (N) and activation (A) after a convolution.
    """

    TAGS: ClassVar[tuple[str, ...]] = ("residual-unet",)

    dimension: int
    in_channels: int
    out_channels: int
    features: tuple[int, ...]
    strides: tuple[Kernel, ...]
    kernel: Kernel
    up_kernel: Kernel
    units: int = 0
    activation: Activation = field(default_factory=lambda: Activation("prelu"))
    norm: Norm = field(default_factory=Norm)
    bias: bool = True
    order: str = "NA"
    architecture: str = "residual-unet"

    @property
    def divisor(self) -> tuple[int, ...]:
        """Patches must be multiples of this, per axis."""
        return _total(self.strides, self.dimension)


@dataclass(frozen=True)
class BasicUNetConfig:
    """MONAI's ``BasicUNet``: five levels of two convolutions, max pooling (Falk et al. 2019,
    doi:10.1038/s41592-018-0261-2).

    Args:
        features: channels of the five levels, then of the last decoder stage.
        upsampling: ``transposed`` or ``interpolate``.
    """

    TAGS: ClassVar[tuple[str, ...]] = ("basic-unet",)

    dimension: int
    in_channels: int
    out_channels: int
    features: tuple[int, ...]
    activation: Activation = field(default_factory=lambda: Activation("leaky_relu", 0.1))
    norm: Norm = field(default_factory=lambda: Norm("instance", True))
    bias: bool = True
    upsampling: str = "transposed"
    architecture: str = "basic-unet"

    @property
    def divisor(self) -> tuple[int, ...]:
        """Patches that are multiples of it are halved without rounding."""
        return (16,) * self.dimension


@dataclass(frozen=True)
class SegResNetConfig:
    """MONAI's ``SegResNet``: pre-activation residual blocks, skips that are added (Myronenko 2018, arXiv:1810.11654).

    Args:
        features: channels of the first level; they double at each further one.
        encoder_blocks, decoder_blocks: residual blocks per level, full resolution first (the decoder has one fewer).
        upsampling: ``interpolate`` or ``transposed``.
    """

    TAGS: ClassVar[tuple[str, ...]] = ("segresnet",)

    dimension: int
    in_channels: int
    out_channels: int
    features: int
    encoder_blocks: tuple[int, ...]
    decoder_blocks: tuple[int, ...]
    activation: Activation = field(default_factory=Activation)
    norm: Norm = field(default_factory=lambda: Norm("group", True, 8))
    upsampling: str = "interpolate"
    architecture: str = "segresnet"

    @property
    def divisor(self) -> tuple[int, ...]:
        """Patches must be multiples of this, per axis."""
        return (2 ** (len(self.encoder_blocks) - 1),) * self.dimension


@dataclass(frozen=True)
class AttentionUNetConfig:
    """MONAI's ``AttentionUnet``: gated skips (Oktay et al. 2018, arXiv:1804.03999).

    Args:
        features: channels per stage, full resolution first.
        strides: from each stage to the next, one fewer than stages.
    """

    TAGS: ClassVar[tuple[str, ...]] = ("attention-unet",)

    dimension: int
    in_channels: int
    out_channels: int
    features: tuple[int, ...]
    strides: tuple[Kernel, ...]
    kernel: Kernel
    up_kernel: Kernel
    architecture: str = "attention-unet"

    @property
    def divisor(self) -> tuple[int, ...]:
        """Patches must be multiples of this, per axis."""
        return _total(self.strides, self.dimension)


MonaiNetwork = ResidualUNetConfig | BasicUNetConfig | SegResNetConfig | AttentionUNetConfig


_MOST_STAGES, _MOST_CHANNELS = 32, 100_000
_MOST = {
    "strides": 127,
    "kernel": 127,
    "up_kernel": 127,
    "encoder_blocks": 256,
    "decoder_blocks": 256,
}


def check_monai(config: MonaiNetwork) -> None:
    """Raises ModelError that names the first field that is wrong."""
    if config.dimension not in (2, 3):
        raise _wrong("dimension", config.dimension, "2 or 3")
    if min(config.in_channels, config.out_channels) < 1:
        raise _wrong("in_channels or out_channels", min(config.in_channels, config.out_channels), "at least 1")
    _check_extremes(config)
    if isinstance(config, ResidualUNetConfig | AttentionUNetConfig):
        _check_stages(config)
    if isinstance(config, BasicUNetConfig) and (len(config.features) != 6 or min(config.features) < 2):
        raise _wrong("features", config.features, "six numbers of at least 2")
    if isinstance(config, SegResNetConfig):
        _check_segresnet(config)
    if isinstance(config, BasicUNetConfig | SegResNetConfig) and config.upsampling not in ("transposed", "interpolate"):
        raise _wrong("upsampling", config.upsampling, "transposed or interpolate")
    if isinstance(config, ResidualUNetConfig):
        if not 0 <= config.units <= 64:
            raise _wrong("units", config.units, "0 to 64")
        if config.order not in ORDERS:
            raise _wrong("order", config.order, "NA or AN")
    if not isinstance(config, AttentionUNetConfig):
        _check_layers(config.activation, config.norm, _channels(config))


def _check_extremes(config: MonaiNetwork) -> None:
    """Numbers far above any real network's: merely building it would never end."""
    for name in (entry.name for entry in fields(config)):
        value = getattr(config, name)
        parts = value if isinstance(value, tuple) else (value,)
        numbers = [n for part in parts for n in (part if isinstance(part, tuple) else (part,)) if isinstance(n, int)]
        if len(parts) > _MOST_STAGES or max(numbers, default=0) > _MOST.get(name, _MOST_CHANNELS):
            most = _MOST.get(name, _MOST_CHANNELS)
            raise _wrong(name, value, f"numbers up to {most}, {_MOST_STAGES} at most")


def _check_stages(config: ResidualUNetConfig | AttentionUNetConfig) -> None:
    if len(config.features) < 2 or min(config.features) < 2:
        raise _wrong("features", config.features, "two stages or more, of 2 channels or more")
    if len(config.strides) != len(config.features) - 1:
        raise _wrong("strides", config.strides, "one entry fewer than features")
    for stride in config.strides:
        if len(stride) != config.dimension or min(stride) < 1:
            raise _wrong("strides", stride, f"{config.dimension} positive numbers")
    for kernel in (config.kernel, config.up_kernel):
        if len(kernel) != config.dimension or any(k < 1 or k % 2 == 0 for k in kernel):
            raise _wrong("kernel", kernel, f"{config.dimension} odd numbers")


def _check_segresnet(config: SegResNetConfig) -> None:
    if config.features < 1 or not config.encoder_blocks or min(config.encoder_blocks) < 1:
        raise _wrong("encoder_blocks", config.encoder_blocks, "at least one block for each level")
    if len(config.decoder_blocks) != len(config.encoder_blocks) - 1 or len(config.encoder_blocks) > 12:
        raise _wrong("decoder_blocks", config.decoder_blocks, "one entry fewer than encoder_blocks")


def _check_layers(activation: Activation, norm: Norm, channels: Sequence[int]) -> None:
    if activation.kind not in ACTIVATIONS:
        raise _wrong("activation", activation.kind, f"one of {', '.join(ACTIVATIONS)}")
    if norm.kind not in NORMS:
        raise _wrong("norm", norm.kind, f"one of {', '.join(NORMS)}")
    if norm.kind == "group" and (norm.groups < 1 or any(c % norm.groups for c in channels)):
        raise _wrong("norm.groups", norm.groups, f"a divisor of every one of {tuple(channels)}")


def _channels(config: ResidualUNetConfig | BasicUNetConfig | SegResNetConfig) -> list[int]:
    if isinstance(config, SegResNetConfig):
        return [config.features * 2**level for level in range(len(config.encoder_blocks))]
    return list(config.features)


def _total(strides: Sequence[Kernel], dimension: int) -> tuple[int, ...]:
    return tuple(math.prod(stage[axis] for stage in strides) for axis in range(dimension))


def _wrong(name: str, value: object, wanted: str) -> ModelError:
    return ModelError(f"The network's '{name}' is {value}; {wanted} expected.", "Correct the model's description.")
