"""Sums over the voxels of a channel, from which overlaps are made."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, distributed


def channel_sums(fields: Sequence[Tensor], batch: bool) -> tuple[Tensor, ...]:
    """Sums of fields (batch, channels, *patch), each of shape (batch, channels), or (channels,) with ``batch``.

    With ``batch`` the samples of all processes that train together (``torchrun``) are summed, as if they were one
    batch: every process must ask at the same time.
    """
    first = fields[0]
    axes = ([0] if batch else []) + list(range(2, first.ndim))
    sums = torch.stack([field.sum(dim=axes).to(first.dtype) for field in fields])
    if batch and distributed.is_available() and distributed.is_initialized():
        sums = _SumOverProcesses.apply(sums)
    return tuple(sums)


class _SumOverProcesses(torch.autograd.Function):
    """Each process's loss depends on the others' voxels. DistributedDataParallel averages gradients afterwards, which
    undoes that every process counts the whole sum."""

    @staticmethod
    def forward(context: Any, x: Tensor) -> Tensor:
        total = x.clone()
        distributed.all_reduce(total)
        return total

    @staticmethod
    def backward(context: Any, *gradients: Tensor) -> Tensor:
        total = gradients[0].clone()
        distributed.all_reduce(total)
        return total
