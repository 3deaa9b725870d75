"""Convolutions that compute in float as they will in 8 bits: their input and weights are rounded, gradients pass.

Fake quantisation with straight-through gradients (Jacob et al., "Quantization and training of neural networks for
efficient integer-arithmetic-only inference", CVPR 2018, arXiv:1712.05877, section 3): weights symmetric by output
channel, the input by one range, which follows the batches as a moving average. A value beyond its range is cut off and
gets no gradient.
"""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional

_MOMENTUM = 0.05  # of a batch in the range of the input
_FORWARD = {
    nn.Conv2d: functional.conv2d,
    nn.Conv3d: functional.conv3d,
    nn.ConvTranspose2d: functional.conv_transpose2d,
    nn.ConvTranspose3d: functional.conv_transpose3d,
}


def round_convolutions(network: nn.Module, bits: int = 8) -> int:
    """Puts a rounding convolution in the place of every convolution of a network; names and tensors of its weights stay
    the same, and are the very same parameters.

    Returns:
        How many.
    """
    places = [
        (parent, name)
        for parent in list(network.modules())
        for name, child in parent.named_children()
        if isinstance(child, tuple(_FORWARD)) and child.padding_mode == "zeros"
    ]
    for parent, name in places:
        setattr(parent, name, RoundingConvolution(getattr(parent, name), bits))
    return len(places)


class RoundingConvolution(nn.Module):
    """A convolution (transposed or not) of a rounded input with rounded weights; it shares its parameters with the one
    that it is made of.

    Args:
        convolution: 2D or 3D, with zero padding.
        bits: of both.
    """

    low: Tensor
    high: Tensor
    weight: nn.Parameter

    def __init__(self, convolution: nn.Module, bits: int = 8) -> None:
        super().__init__()
        self._forward = next(run for kind, run in _FORWARD.items() if isinstance(convolution, kind))
        transposed = isinstance(convolution, nn.ConvTranspose2d | nn.ConvTranspose3d)
        names = ("stride", "padding", "output_padding", "groups", "dilation")
        self._options = {n: getattr(convolution, n) for n in names if transposed or n != "output_padding"}
        self._axis = 1 if transposed else 0
        self._bits = bits
        self.weight, self.bias = cast(nn.Parameter, convolution.weight), convolution.bias
        # The range lives as long as the fine-tuning and is no part of the model.
        self.register_buffer("low", torch.zeros(()), persistent=False)
        self.register_buffer("high", torch.zeros(()), persistent=False)
        self.seen = 0

    def forward(self, x: Tensor) -> Tensor:
        """See ``nn.Conv3d``."""
        if self.training:
            self._watch(x.detach())
        if self.seen:
            x = rounded_in_range(x, self.low, self.high, self._bits)
        weight = rounded_by_channel(self.weight, self._axis, self._bits)
        return self._forward(x, weight, self.bias, **self._options)  # type: ignore[operator, no-any-return]

    def _watch(self, x: Tensor) -> None:
        """The range, which always holds zero: padding must stay what it is."""
        share = _MOMENTUM if self.seen else 1.0
        self.low.lerp_(x.amin().clamp(max=0).to(self.low), share)
        self.high.lerp_(x.amax().clamp(min=0).to(self.high), share)
        self.seen += 1


def rounded_by_channel(weight: Tensor, axis: int, bits: int = 8) -> Tensor:
    """Weights on a symmetric grid of 2^bits - 1 values for each channel along ``axis``; gradients pass as they are."""
    levels = 2 ** (bits - 1) - 1
    others = [n for n in range(weight.ndim) if n != axis]
    scale = weight.detach().abs().amax(dim=others, keepdim=True).clamp(min=1e-12) / levels
    rounded = torch.round(weight.detach() / scale) * scale
    return weight + (rounded - weight).detach()


def rounded_in_range(x: Tensor, low: Tensor, high: Tensor, bits: int = 8) -> Tensor:
    """Values cut off at a range that holds zero and put on a grid of 2^bits values, of which zero is one.

    Gradients pass inside the range and end outside.
    """
    steps = 2**bits - 1
    scale = ((high - low) / steps).clamp(min=1e-12)
    zero = torch.round(-low / scale)
    cut = torch.minimum(torch.maximum(x, -zero * scale), (steps - zero) * scale)
    rounded = torch.round(cut.detach() / scale) * scale
    return cut + (rounded - cut).detach()
