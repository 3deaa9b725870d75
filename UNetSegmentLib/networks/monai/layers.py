"""The layers that the networks of :mod:`.configs` share."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from .configs import Activation, Kernel, Norm

CONVOLUTION: dict[int, Callable[..., nn.Module]] = {2: nn.Conv2d, 3: nn.Conv3d}
TRANSPOSED: dict[int, Callable[..., nn.Module]] = {2: nn.ConvTranspose2d, 3: nn.ConvTranspose3d}
INSTANCE: dict[int, Callable[..., nn.Module]] = {2: nn.InstanceNorm2d, 3: nn.InstanceNorm3d}
BATCH: dict[int, Callable[..., nn.Module]] = {2: nn.BatchNorm2d, 3: nn.BatchNorm3d}
LINEAR = {2: "bilinear", 3: "trilinear"}

_ACTIVATIONS: dict[str, Callable[[Activation], nn.Module]] = {
    "prelu": lambda spec: nn.PReLU(),
    "relu": lambda spec: nn.ReLU(inplace=True),
    "leaky_relu": lambda spec: nn.LeakyReLU(spec.slope, inplace=True),
    "elu": lambda spec: nn.ELU(spec.slope),
    "gelu": lambda spec: nn.GELU(),
    "silu": lambda spec: nn.SiLU(inplace=True),
    "mish": lambda spec: nn.Mish(),
    "none": lambda spec: nn.Identity(),
}


def activation(spec: Activation) -> nn.Module:
    """An activation function. It may work in place: never give it a tensor that is needed again."""
    return _ACTIVATIONS[spec.kind](spec)


def norm(spec: Norm, dimension: int, channels: int) -> nn.Module:
    """A normalisation of ``channels`` feature maps."""
    if spec.kind == "instance":
        return INSTANCE[dimension](channels, eps=spec.eps, affine=spec.affine)
    if spec.kind == "batch":
        return BATCH[dimension](channels, eps=spec.eps, affine=spec.affine)
    if spec.kind == "group":
        return nn.GroupNorm(spec.groups, channels, eps=spec.eps, affine=spec.affine)
    return nn.Identity()


def convolution(
    dimension: int, in_channels: int, out_channels: int, kernel: Kernel, stride: Kernel, bias: bool
) -> nn.Module:
    """Padded so that stride 1 keeps the size."""
    padding = tuple(k // 2 for k in kernel)
    return CONVOLUTION[dimension](in_channels, out_channels, kernel, stride, padding, bias=bias)


def transposed(
    dimension: int, in_channels: int, out_channels: int, kernel: Kernel, stride: Kernel, bias: bool
) -> nn.Module:
    """Multiplies sizes by the stride, for any odd kernel."""
    padding = tuple(k // 2 for k in kernel)
    further = tuple(s - 1 for s in stride)
    return TRANSPOSED[dimension](in_channels, out_channels, kernel, stride, padding, further, bias=bias)


def cube(dimension: int, size: int) -> Kernel:
    """The same size along every axis."""
    return (size,) * dimension


class ConvolutionUnit(nn.Module):
    """A convolution, then norm and activation in the given order (``NA``, ``AN``, or nothing)."""

    def __init__(self, conv: nn.Module, channels: int, dimension: int, order: str, act: Activation, spec: Norm) -> None:
        super().__init__()
        self.conv = conv
        self.order = order
        if "N" in order:
            self.norm = norm(spec, dimension, channels)
        if "A" in order:
            self.activation = activation(act)

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv(x)
        for letter in self.order:
            x = self.norm(x) if letter == "N" else self.activation(x)
        return x


class HeadedNetwork(nn.Module):
    """A network whose last layer, ``head``, is a plain 1x1 convolution: ``features(x)`` is what goes into it."""

    head: nn.Module

    def features(self, x: Tensor) -> Tensor:
        raise NotImplementedError

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.features(x))


def joined(parts: Sequence[Tensor]) -> Tensor:
    """Feature maps side by side."""
    return torch.cat(list(parts), dim=1)
