"""Small pieces of work on every core of the CPU."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import torch

Item = TypeVar("Item")


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
