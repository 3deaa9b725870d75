"""Several processes that train one network, started by torch's own launcher::

    torchrun --nproc-per-node 4 -m UNetSegmentLib.cli train plan.json

The processes share one batch: each makes its part of the samples that a single process would make, losses and batch
norms count the samples of all, gradients are averaged by DistributedDataParallel. So the network is the one that a
single process would train, but for rounding (and dropout, whose random numbers are each process's own). The first
process alone validates, logs and writes.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import TypeVar

import torch
from torch import Tensor, distributed, nn
from torch.nn.parallel import DistributedDataParallel

from ...errors import InputError, ResourceError
from .shared_norm import share_batch_norms

T = TypeVar("T")

# The others wait while the first one validates.
_PATIENCE = timedelta(minutes=30)
# What torch's back ends say when the other side of a connection is gone; their errors have no type of their own.
_LOST = ("gloo", "nccl", "connection", "process group", "processgroup", "store")


@dataclass(frozen=True)
class World:
    """This process among all that train together."""

    rank: int = 0
    size: int = 1
    made_here: bool = False

    @property
    def first(self) -> bool:
        """Whether this process validates, logs and writes."""
        return self.rank == 0

    def part(self, batch: int) -> range:
        """Which samples of the batch this process makes.

        Raises:
            InputError: there are fewer samples than processes.
        """
        if batch < self.size:
            raise InputError(
                f"A batch of {batch} cannot be shared by {self.size} processes.",
                "Start fewer processes, or raise 'batch' in the plan.",
            )
        return range(batch * self.rank // self.size, batch * (self.rank + 1) // self.size)

    def weight(self, batch: int) -> float:
        """What this process's mean over its samples counts, so that the mean over processes is that over samples."""
        return len(self.part(batch)) * self.size / batch

    def wrap(self, network: nn.Module, device: torch.device) -> nn.Module:
        """The module whose forward pass averages gradients; the network itself when there is one process."""
        if self.size == 1:
            return network
        share_batch_norms(network)
        return DistributedDataParallel(network, device_ids=[device.index] if device.type == "cuda" else None)

    def share(self, value: T) -> T:
        """The first process's ``value`` in all of them."""
        if self.size == 1:
            return value
        box = [value]
        distributed.broadcast_object_list(box)
        return box[0]

    def gather(self, tensor: Tensor) -> Tensor:
        """(size, *tensor.shape) of a CPU tensor, everywhere."""
        if self.size == 1:
            return tensor[None]
        parts: list[Tensor] = [torch.empty(0)] * self.size
        distributed.all_gather_object(parts, tensor)
        return torch.stack(parts)

    def agree(self, flag: bool, device: torch.device) -> bool:
        """Whether any process says so: all must ask at the same time."""
        if self.size == 1:
            return flag
        told = torch.tensor(float(flag), device=device if device.type == "cuda" else "cpu")
        distributed.all_reduce(told)
        return bool(told > 0)

    def leave(self) -> None:
        """Waits for the others: a process that ends while one still talks to it takes that one down.

        Ends the process group where :func:`join_world` made it.
        """
        if self.size == 1:
            return
        distributed.barrier()
        if self.made_here:
            distributed.destroy_process_group()

    @contextlib.contextmanager
    def together(self) -> Iterator[None]:
        """A connection that breaks inside becomes an error in words.

        Raises:
            ResourceError: another process has ended.
        """
        try:
            yield
        except RuntimeError as error:
            if self.size == 1 or not any(word in str(error).lower() for word in _LOST):
                raise
            raise ResourceError(
                f"Another of the {self.size} processes that train together has ended, so this one "
                f"(number {self.rank}) cannot go on.",
                "See what that process said before it ended, then start all of them again with --resume.",
                str(error),
            ) from error

    def mean(self, numbers: Tensor) -> Tensor:
        """Mean of a CPU tensor over the processes."""
        return self.gather(numbers).mean(dim=0)


def join_world(device: torch.device) -> tuple[World, torch.device]:
    """Joins the processes of ``torchrun``, or those of a process group that the caller has made.

    Returns:
        the world, and this process's device: on CUDA one GPU for each process.
    """
    if not distributed.is_available():
        return World(), device
    made_here = not distributed.is_initialized()
    if made_here:
        if not distributed.is_torchelastic_launched():
            return World(), device
        distributed.init_process_group("nccl" if device.type == "cuda" else "gloo", timeout=_PATIENCE)
    world = World(distributed.get_rank(), distributed.get_world_size(), made_here)
    if device.type == "cuda":
        device = torch.device("cuda", world.rank % torch.cuda.device_count())
        torch.cuda.set_device(device)
    return world, device
