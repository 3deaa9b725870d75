"""A 3D convolution and a norm that need little memory beside their input and output, and no detour for small ones.

On the CPU, torch's convolution library copies the whole input and the whole output into an order of its own: two maps
more, which in a U-Net at full resolution is hundreds of MB. Here a large map is convolved in pieces along z, so that
only a piece is copied at a time. The answer is the same: every output voxel is computed from the same input voxels.
Instance norm takes a few channels at a time, each of which it treats by itself anyway.

A small map that comes alone torch gives not to that library but to a kernel of its own, which takes several times as
long (``use_mkldnn`` in ATen's Convolution.cpp: one image, and at most 20480 numbers in its first four axes). Such maps
are the deeper ones of every patch, and nearly all of a small patch. Here they go to the library too, so that a tile
gets the same bits alone and among others.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

_LARGE = 1 << 24  # numbers; smaller inputs are convolved at once
_PIECE = 1 << 23  # numbers of a piece
_MISJUDGED = 20480
_CHANNELS = 8  # that are normalised at once
_LEAST_DEPTH = 4  # of a piece; its neighbours' planes, which are copied too, should not outweigh its own


class FrugalConv3d(nn.Conv3d):
    """``nn.Conv3d`` in pieces where that saves memory: inference on the CPU, zero padding, stride 1 along z."""

    def forward(self, input: Tensor) -> Tensor:
        """See ``nn.Conv3d``."""
        if self._pays(input):
            return self._in_pieces(input)
        if self._is_misjudged(input):
            padding = tuple(map(int, self.padding))
            return torch.mkldnn_convolution(
                input, self.weight, self.bias, padding, self.stride, self.dilation, self.groups
            )
        return super().forward(input)

    def _is_misjudged(self, x: Tensor) -> bool:
        """Whether torch would take its slow kernel. In the engine alone: tracers and counters do not know the other."""
        if not torch.is_inference_mode_enabled() or torch.jit.is_tracing() or torch.compiler.is_compiling():
            return False
        return (
            x.device.type == "cpu"
            and x.ndim == 5
            and x.shape[0] == 1
            and x.shape[:4].numel() <= _MISJUDGED
            and x.dtype == self.weight.dtype == torch.float32
            and max(self.kernel_size) > 1
            and self.groups == 1
            and isinstance(self.padding, tuple)
            and self.padding_mode == "zeros"
            and torch.backends.mkldnn.is_available()
            and bool(torch.backends.mkldnn.enabled)
            and not torch.is_autocast_enabled("cpu")
        )

    def _pays(self, x: Tensor) -> bool:
        return (
            _is_large_inference(x)
            and isinstance(self.padding, tuple)
            and self.padding_mode == "zeros"
            and (self.stride[0], self.dilation[0], self.kernel_size[0] % 2) == (1, 1, 1)
            and self.padding[0] == self.kernel_size[0] // 2
            and x.shape[2] > _LEAST_DEPTH
        )

    def _in_pieces(self, x: Tensor) -> Tensor:
        reach, depth = self.kernel_size[0] // 2, x.shape[2]
        padding = (0, *self.padding[1:])  # type: ignore[arg-type]
        result: Tensor | None = None
        step = max(_PIECE * depth // x.numel(), _LEAST_DEPTH)
        for low in range(0, depth, step):
            high = min(low + step, depth)
            first, last = max(low - reach, 0), min(high + reach, depth)
            piece = x[:, :, first:last]
            missing = (reach - (low - first), reach - (last - high))
            if any(missing):
                piece = functional.pad(piece, (0, 0, 0, 0, *missing))
            part = functional.conv3d(piece, self.weight, self.bias, self.stride, padding, self.dilation, self.groups)
            if result is None:
                result = part.new_empty((*part.shape[:2], depth, *part.shape[3:]))
            result[:, :, low:high] = part
        assert result is not None
        return result


def norm_in_place(norm: nn.Module, x: Tensor) -> Tensor:
    """``norm(x)``, which may overwrite ``x``."""
    if not isinstance(norm, nn.InstanceNorm3d) or norm.track_running_stats or not _is_large_inference(x):
        return norm(x)  # type: ignore[no-any-return]
    for low in range(0, x.shape[1], _CHANNELS):
        part = x[:, low : low + _CHANNELS]
        weight, bias = (None if p is None else p[low : low + _CHANNELS] for p in (norm.weight, norm.bias))
        part.copy_(functional.instance_norm(part, weight=weight, bias=bias, eps=norm.eps))
    return x


def _is_large_inference(x: Tensor) -> bool:
    return (
        x.numel() >= _LARGE
        and x.device.type == "cpu"
        and x.ndim == 5
        and not torch.is_grad_enabled()
        and not torch.jit.is_tracing()
        and not torch.is_autocast_enabled("cpu")
    )
