"""Which devices there are, and how much memory they have free."""

from __future__ import annotations

import ctypes
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import torch

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
    return free_ram()


def free_ram() -> int:
    """Bytes of main memory that are free or can be freed at once."""
    if sys.platform.startswith("linux"):
        return _linux_free()
    if sys.platform == "win32":
        return _windows_free()
    return _mac_free()


def release_cache(device: torch.device) -> None:
    """Gives torch's unused memory back, after a run out of it."""
    if device.type == "cuda":
        torch.cuda.empty_cache()
    elif device.type == "mps":
        torch.mps.empty_cache()


def _linux_free() -> int:
    free = os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    for line in Path("/proc/meminfo").read_text().splitlines():
        if line.startswith("MemAvailable:"):
            free = int(line.split()[1]) * 1024
    # A container's limit counts more than the machine's memory.
    limit, used = Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory.current")
    if limit.exists() and used.exists() and (text := limit.read_text().strip()) != "max":
        free = min(free, int(text) - int(used.read_text()))
    return max(free, 0)


def _windows_free() -> int:
    class Status(ctypes.Structure):
        _fields_ = [
            ("length", ctypes.c_uint32),
            ("load", ctypes.c_uint32),
            *[(name, ctypes.c_uint64) for name in ("total", "free", "a", "b", "c", "d", "e")],
        ]

    status = Status(length=ctypes.sizeof(Status))
    kernel: Any = ctypes.windll.kernel32  # type: ignore[attr-defined]
    kernel.GlobalMemoryStatusEx(ctypes.byref(status))
    return int(status.free)


def _mac_free() -> int:
    report = subprocess.run(["vm_stat"], capture_output=True, text=True, check=True).stdout.splitlines()
    page = int(report[0].split("page size of")[1].split()[0])
    counted = ("Pages free", "Pages inactive", "Pages purgeable", "Pages speculative")
    return sum(int(line.split(":")[1].strip(" .")) for line in report if line.startswith(counted)) * page
