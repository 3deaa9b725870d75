"""Small pieces of work on every core of the CPU."""

from __future__ import annotations

import contextlib
import math
import os
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

import torch

Item = TypeVar("Item")

_CGROUPS = Path("/sys/fs/cgroup")


def use_the_cores() -> int:
    """For programs that are ours alone: gives torch no more threads than there are cores for this process.

    Torch counts the machine's cores. A container, batch job or affinity mask may give fewer, and threads in excess wait
    for one another. Fewer threads than cores are left as they are: someone has asked for them.

    Returns:
        Torch's number of threads from now on.
    """
    cores = usable_cores()
    if torch.get_num_threads() > cores:
        torch.set_num_threads(cores)
    return torch.get_num_threads()


def usable_cores(groups: Path = _CGROUPS) -> int:
    """Cores for this process: those of its affinity mask, and the share of time that its control group has, rounded
    up. At least 1."""
    affinity = getattr(os, "sched_getaffinity", None)
    cores = len(affinity(0)) if affinity else os.cpu_count() or 1
    return max(min(cores, math.ceil(_quota(groups))), 1)


def _quota(groups: Path) -> float:
    """Cores that the control groups of both versions allow; very many where there is no limit."""
    limits = [1e6]
    for quota, period in (("cpu.max", ""), ("cpu/cpu.cfs_quota_us", "cpu/cpu.cfs_period_us")):
        with contextlib.suppress(OSError, ValueError):
            words = (groups / quota).read_text(encoding="ascii").split()
            if period:
                words.append((groups / period).read_text(encoding="ascii").strip())
            allowed, each = map(float, words)
            if allowed > 0 < each:
                limits.append(allowed / each)
    return min(limits)


def on_every_core(work: Callable[[Item], None], items: Sequence[Item], device: torch.device) -> None:
    """Does ``work`` on every item; on a CPU with as many items at a time as torch has threads.

    Torch would share each small operation among all its threads and wait for the slowest of them every time, which on
    a busy machine takes many times longer than the operation. One item per thread waits once, at the end.

    Raises:
        Whatever ``work`` raises.
    """
    threads = torch.get_num_threads()
    if device.type != "cpu" or min(threads, len(items)) < 2:
        deque(map(work, items), maxlen=0)
        return
    try:
        # The number of threads is each thread's own, but torch also keeps one for threads that are yet to come.
        with ThreadPoolExecutor(threads, initializer=torch.set_num_threads, initargs=(1,)) as pool:
            deque(pool.map(work, items), maxlen=0)
    finally:
        torch.set_num_threads(threads)
