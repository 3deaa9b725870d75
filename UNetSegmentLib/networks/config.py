"""The description of a U-Net, complete enough to build it and small enough to read in a model card."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

from .monai.configs import MonaiNetwork

Kernel = tuple[int, ...]


@dataclass(frozen=True)
class NetworkConfig:
    """One U-Net, 2D or 3D. Per-stage tuples run from the full resolution (first) to the bottleneck (last).

    Args:
        dimension: 2 or 3.
        in_channels, out_channels: of the whole network.
        features: channels per stage; their count is the number of stages.
        kernels: kernel size per stage and axis, odd numbers.
        strides: stride per stage and axis; the first is usually all ones.
        encoder_convs: convolutions (plain) or blocks (residual) per encoder stage.
        decoder_convs: the same per decoder stage, full resolution first; one fewer than stages.
        block: name of a registered block: ``plain``, ``residual``, or one of them with ``-squeeze``.
        norm: ``instance``, ``batch``, ``group`` or ``none``.
        activation: ``leaky_relu``, ``relu``, ``gelu`` or ``silu``.
        upsampling: ``transposed`` or ``interpolate``.
        skip: name of a registered skip connection: ``concatenate``, ``add``, ``attention`` or ``squeeze``.
        deep_supervision: heads at the lower resolutions too, used in training only.
        dropout: probability, on feature maps.
        bias: whether convolutions before a norm have a bias.
        norm_groups: groups of the ``group`` norm.
        encoder: name of a registered encoder: ``unet`` (convolutional), ``transformer``, or a light one such as
            ``mobilenet-v3-large`` or ``efficientnet-b0``.
        decoder: name of a registered decoder: ``unet``, or ``nested`` (U-Net++).
        decoder_block: block of the decoder where it is another one than ``block``.
        decoder_kernels: kernel size per decoder stage, full resolution first, where others than ``kernels``.
        decoder_features: channels per decoder stage, full resolution first, where others than ``features``: of the
            upsampled map and of every convolution (or block) after it. A pruned network has them.
        stem_channels: channels of a plain convolution before the first stage; None has no such stem.
        norm_eps: added to the variance by the norm.
        norm_affine: whether the norm learns scale and shift.
        negative_slope: of ``leaky_relu``.
        squeeze_ratio: channels over inner channels of squeeze and excitation (``squeeze`` skips and blocks).
        transformer_layers, transformer_heads: of the ``transformer`` encoder.
        architecture: ``unet``.
    """

    TAGS: ClassVar[tuple[str, ...]] = ("unet",)

    dimension: int
    in_channels: int
    out_channels: int
    features: tuple[int, ...]
    kernels: tuple[Kernel, ...]
    strides: tuple[Kernel, ...]
    encoder_convs: tuple[int, ...]
    decoder_convs: tuple[int, ...]
    block: str = "plain"
    norm: str = "instance"
    activation: str = "leaky_relu"
    upsampling: str = "transposed"
    skip: str = "concatenate"
    deep_supervision: bool = False
    dropout: float = 0.0
    bias: bool = True
    norm_groups: int = 8
    encoder: str = "unet"
    decoder: str = "unet"
    decoder_block: str | None = None
    decoder_kernels: tuple[Kernel, ...] | None = None
    decoder_features: tuple[int, ...] | None = None
    stem_channels: int | None = None
    norm_eps: float = 1e-5
    norm_affine: bool = True
    negative_slope: float = 0.01
    squeeze_ratio: int = 16
    transformer_layers: int = 4
    transformer_heads: int = 8
    architecture: str = "unet"

    @property
    def stages(self) -> int:
        return len(self.features)

    @property
    def divisor(self) -> tuple[int, ...]:
        """Total stride per axis: patches that are multiples of it are halved without rounding."""
        return tuple(math.prod(stage[axis] for stage in self.strides) for axis in range(self.dimension))


@dataclass(frozen=True)
class OpaqueNetwork:
    """A network that is a program of its own (a TorchScript or ONNX file): only its contract is known.

    Args:
        dimension, in_channels, out_channels: of its input (N, C, *patch) and output (N, K, *patch).
        divisor: patch sizes must be multiples of this, per axis.
        fixed_patch: the file takes no other patch than the card's.
        architecture: ``torchscript`` or ``onnx``.
    """

    TAGS: ClassVar[tuple[str, ...]] = ("torchscript", "onnx")

    dimension: int
    in_channels: int
    out_channels: int
    divisor: tuple[int, ...]
    fixed_patch: bool = False
    architecture: str = "torchscript"


AnyNetwork = NetworkConfig | OpaqueNetwork | MonaiNetwork
"""Every description that a model card's ``network`` can be. They share ``dimension``, ``in_channels``,
``out_channels``, ``divisor`` and ``architecture``, whose value (one of the class's ``TAGS``) tells them apart."""
