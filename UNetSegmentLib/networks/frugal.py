"""A 3D convolution that needs little memory beside its input and its output.

On the CPU, torch's convolution library copies the whole input and the whole output into an order of its own: two maps
more, which in a U-Net at full resolution is hundreds of MB. Here a large map is convolved in pieces along z, so that
only a piece is copied at a time. The answer is the same: every output voxel is computed from the same input voxels.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

_LARGE = 1 << 24  # numbers; smaller inputs are convolved at once
_PIECES = 8


class FrugalConv3d(nn.Conv3d):
    """``nn.Conv3d`` in pieces where that saves memory: inference on the CPU, zero padding, stride 1 along z."""

    def forward(self, input: Tensor) -> Tensor:
        """See ``nn.Conv3d``."""
        return self._in_pieces(input) if self._pays(input) else super().forward(input)

    def _pays(self, x: Tensor) -> bool:
        return (
            x.numel() >= _LARGE
            and x.device.type == "cpu"
            and x.ndim == 5
            and not torch.is_grad_enabled()
            and not torch.jit.is_tracing()
            and not torch.is_autocast_enabled("cpu")
            and isinstance(self.padding, tuple)
            and self.padding_mode == "zeros"
            and (self.stride[0], self.dilation[0], self.kernel_size[0] % 2) == (1, 1, 1)
            and self.padding[0] == self.kernel_size[0] // 2
            and x.shape[2] >= 2 * _PIECES
        )

    def _in_pieces(self, x: Tensor) -> Tensor:
        reach, depth = self.kernel_size[0] // 2, x.shape[2]
        padding = (0, *self.padding[1:])  # type: ignore[arg-type]
        result: Tensor | None = None
        step = -(-depth // _PIECES)
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
