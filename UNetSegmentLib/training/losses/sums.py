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
    return tuple(sum_over_processes(sums) if batch else sums)


def sum_over_processes(x: Tensor) -> Tensor:
    """The sum of all processes' ``x``, with its gradient; ``x`` itself where there is one process."""
    if not _several():
        return x
    total: Tensor = _SumOverProcesses.apply(x)
    return total


def fair_part(total: Tensor, samples: int) -> Tensor:
    """Of the sum of all processes' ``total`` the part that this process's number of samples stands for.

    A mean over voxels of which some do not count divides by it: then the mean over processes, each weighed by its
    samples, is the mean over all voxels.
    """
    if not _several():
        return total
    sums = sum_over_processes(torch.stack([total, total.new_tensor(float(samples))]).detach())
    return sums[0] * samples / sums[1]


def _several() -> bool:
    return distributed.is_available() and distributed.is_initialized()


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
