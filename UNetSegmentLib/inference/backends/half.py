"""A network whose arithmetic is half precision by the types in its graph, not by a switch of whatever runs it."""

from __future__ import annotations

import copy

from torch import Tensor, nn
from torch.nn.modules.batchnorm import _NormBase

_NORMS = (_NormBase, nn.GroupNorm, nn.LayerNorm)
"""Batch and instance norms of every dimension have the one base."""


class HalfInside(nn.Module):
    """A copy of a network in half precision; input, output and norms stay float32.

    A norm's sums over a feature map leave half precision's range (65504), and TensorRT's rule for a strongly typed
    network is that a layer computes in the type of its input: so the casts stand around the norms in the graph.
    """

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = _with_single_norms(copy.deepcopy(network).half())

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, *patch) float32 to (N, K, *patch) float32."""
        return self.network(x.half()).float()


class SingleInside(nn.Module):
    """One module in float32 among others in half precision."""

    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        self.module = module.float()

    def forward(self, x: Tensor) -> Tensor:
        """The module's answer in the type of ``x``."""
        return self.module(x.float()).to(x.dtype)


def _with_single_norms(module: nn.Module) -> nn.Module:
    for name, child in module.named_children():
        if isinstance(child, _NORMS):
            setattr(module, name, SingleInside(child))
        else:
            _with_single_norms(child)
    return module
