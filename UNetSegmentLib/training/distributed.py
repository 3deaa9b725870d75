"""Several processes that train one network, started by torch's own launcher::

    torchrun --nproc-per-node 4 -m UNetSegmentLib.cli train training.json

Every process draws its own patches (the batch of the configuration is per process), gradients are averaged by
DistributedDataParallel, and the first process alone validates, logs and writes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar

import torch
from torch import Tensor, distributed, nn
from torch.nn.parallel import DistributedDataParallel

T = TypeVar("T")

_SEED_STEP = 1_000_003


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

    def seed(self, seed: int) -> int:
        """A seed of this process's own; the configured one in the first process."""
        return seed + _SEED_STEP * self.rank

    def wrap(self, network: nn.Module, device: torch.device) -> nn.Module:
        """The module whose forward pass averages gradients; the network itself when there is one process."""
        if self.size == 1:
            return network
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

    def leave(self) -> None:
        """Waits for the others: a process that ends while one still talks to it takes that one down.

        Ends the process group where :func:`join_world` made it.
        """
        if self.size == 1:
            return
        distributed.barrier()
        if self.made_here:
            distributed.destroy_process_group()

    def mean(self, number: float) -> float:
        """Mean over the processes."""
        return float(self.gather(torch.tensor(number, dtype=torch.double)).mean())


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
        distributed.init_process_group("nccl" if device.type == "cuda" else "gloo")
    world = World(distributed.get_rank(), distributed.get_world_size(), made_here)
    if device.type == "cuda":
        device = torch.device("cuda", world.rank % torch.cuda.device_count())
        torch.cuda.set_device(device)
    return world, device
