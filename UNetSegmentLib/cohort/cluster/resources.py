"""What an actor asks of a cluster, and how many of them its machines have room for."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from ...errors import InputError
from ...models.card import ModelCard

_PROGRAM = 1 << 30  # torch and the libraries around it
_CASES = 3  # in memory at once: read, computed, written
_PATCHES = 4  # along each axis of an image, as far as nothing is known of it
_STEP = 1 << 28


@dataclass(frozen=True)
class RayResources:
    """What each actor asks of the cluster.

    Args:
        address: ``auto`` for the cluster of this machine, ``local`` for one that is started here, or ``ray://host:port``.
        actors: how many; 0 for as many as the cluster has room for now.
        cpus: threads of each.
        gpus: share of a GPU; 0 runs on CPUs.
        memory: bytes that each needs; 0 leaves it to Ray.
        planned: bytes that it is expected to need, see :func:`planned_memory`; asked for where ``memory`` is not given,
            as far as the largest machine has them.
    """

    address: str = "auto"
    actors: int = 0
    cpus: float = 1.0
    gpus: float = 0.0
    memory: int = 0
    planned: int = 0

    def settled(self, machines: Iterable[Mapping[str, float]]) -> RayResources:
        """With the memory that is asked for.

        Args:
            machines: resources of each living machine by Ray's names.
        """
        if self.memory or not self.planned:
            return self
        largest = int(max((machine.get("memory", 0) for machine in machines), default=0))
        return replace(self, memory=min(self.planned, largest))

    def room(self, machines: Iterable[Mapping[str, float]]) -> int:
        """How many actors the machines have room for together; an actor lies on one of them.

        Raises:
            InputError: none has what is asked for.
        """
        asked = {"CPU": self.cpus, "GPU": self.gpus, "memory": float(self.memory)}
        wanted = {name: amount for name, amount in asked.items() if amount}
        count = sum(
            int(min((machine.get(name, 0.0) // amount for name, amount in wanted.items()), default=1))
            for machine in machines
        )
        if count < 1:
            memory = f", {self.memory / (1 << 30):.1f} GB" if self.memory else ""
            raise InputError(
                f"No machine of the cluster has what is asked for ({self.cpus:g} CPUs, {self.gpus:g} GPUs{memory}).",
                "Ask for less, or add machines.",
            )
        return count

    def options(self) -> dict[str, Any]:
        """As Ray wants them."""
        options: dict[str, Any] = {"num_cpus": self.cpus, "num_gpus": self.gpus}
        return {**options, "memory": self.memory} if self.memory else options


def planned_memory(card: ModelCard, gpus: float = 0.0) -> int:
    """Bytes of main memory that an actor with this model is expected to need.

    By the engine's own plan for an image of four tiles along each axis, the program itself, and the cases that are read
    and written meanwhile. Larger images take more: then it is for the user to say.
    """
    import torch

    from ...inference.memory import RunPlan, need_of

    patch = card.inference.patch
    device = torch.device("cuda" if gpus else "cpu")
    shape = (patch[0] * _PATCHES, patch[1] * _PATCHES, patch[2] * _PATCHES)
    need = need_of(RunPlan(device, device, 1, patch), card, shape, half=False).host
    image = shape[0] * shape[1] * shape[2] * card.network.in_channels * 4
    return -(-(_PROGRAM + need + _CASES * image) // _STEP) * _STEP
