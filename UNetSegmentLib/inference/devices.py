"""Which devices there are, and how much memory they have free."""

from __future__ import annotations

import torch

from ..budget import available_memory
from ..errors import ResourceError


def available_devices() -> list[str]:
    """Names of the usable devices, best first: ``cuda:0``..., ``mps``, ``cpu``."""
    names = [f"cuda:{n}" for n in range(torch.cuda.device_count())] if torch.cuda.is_available() else []
    if torch.backends.mps.is_available():
        names.append("mps")
    return [*names, "cpu"]


def choose_device(name: str = "auto") -> torch.device:
    """The device of a name; ``auto`` takes the GPU with the most free memory, else the CPU.

    Raises:
        ResourceError: the name is unknown or the device is not there.
    """
    names = available_devices()
    if name == "auto":
        gpus = [torch.device(n) for n in names if n.startswith("cuda")]
        return max(gpus, key=free_memory) if gpus else torch.device(names[0])
    wanted = "cuda:0" if name == "cuda" else name
    if wanted not in names:
        raise ResourceError(f"The device '{name}' is not available here.", f"Use 'auto' or one of: {', '.join(names)}.")
    return torch.device(wanted)


def device_title(device: torch.device | str) -> str:
    """A name that people know: the GPU's product name, or the CPU with its threads."""
    device = torch.device(device)
    if device.type == "cuda":
        return f"{torch.cuda.get_device_name(device)} ({device})"
    if device.type == "mps":
        return "Apple GPU (mps)"
    return f"CPU, {torch.get_num_threads()} threads"


def free_memory(device: torch.device | str) -> int:
    """Bytes that a run could take on a device now. Torch's own unused cache counts as free."""
    device = torch.device(device)
    if device.type == "cuda":
        free, _ = torch.cuda.mem_get_info(device)
        return int(free + torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device))
    if device.type == "mps":
        return int(torch.mps.recommended_max_memory() - torch.mps.current_allocated_memory())
    return available_memory()


def release_cache(device: torch.device) -> None:
    """Gives torch's unused memory back, after a run out of it."""
    if device.type == "cuda":
        torch.cuda.empty_cache()
    elif device.type == "mps":
        torch.mps.empty_cache()
