"""How many CPU threads a training takes: the number that is quickest on this machine, as busy as it is now."""

from __future__ import annotations

import time
from collections.abc import Callable
from statistics import median

import torch

from ..loop.threads import torch_threads
from .device import probe_pass

_ROUNDS = 3
# After these no further round begins: a machine that is so busy shows it in one.
_SECONDS = 2.0
_DIMENSION = 3
# Fewer must win clearly: a measurement of a second is noisy, and the machine may be quieter later.
_GAIN = 0.8


def quickest_threads(device: torch.device) -> int:
    """The number of threads with which the passes of a small U-Net take the least time; measured for a few seconds.

    Torch shares each small operation among its threads and waits for the slowest of them. Beside other work that one
    may wait for its core many times longer than the operation takes, and fewer threads are quicker.

    Returns:
        0 where torch's own number is as quick as any, and where nothing runs on the CPU.
    """
    most = torch.get_num_threads()
    if device.type != "cpu" or most < 2:
        return 0
    run = probe_pass(device, _DIMENSION)

    def seconds(threads: int) -> float:
        with torch_threads(threads):
            started = time.perf_counter()
            run()
            return time.perf_counter() - started

    count = quickest_of(most, seconds)
    return 0 if count == most else count


def quickest_of(most: int, seconds: Callable[[int], float]) -> int:
    """The quickest of ``most``, a half, a quarter, ... and one thread; ``most`` unless another one is clearly quicker.

    Args:
        seconds: how long something takes with a number of threads, measured when called.
    """
    counts = [most >> halvings for halvings in range(most.bit_length())]
    # In turns, so that what else runs on the machine slows all alike; the first round warms up.
    started, rounds = time.perf_counter(), [[seconds(count) for count in counts]]
    while len(rounds) <= _ROUNDS and (len(rounds) < 2 or time.perf_counter() - started < _SECONDS):
        rounds.append([seconds(count) for count in counts])
    times = {count: median(times) for count, times in zip(counts, zip(*rounds[1:], strict=True), strict=True)}
    best = min(counts, key=times.__getitem__)
    return best if times[best] < _GAIN * times[most] else most
