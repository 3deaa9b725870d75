"""Seconds and memory on a device that works by itself: nothing is read before its work is done."""

import time
from statistics import median

import torch


def seconds_of(run, device, rounds, warm=2):
    """The median of so many rounds, after some that are not counted."""
    for _ in range(warm):
        run()
    found = []
    for _ in range(max(rounds, 1)):
        wait(device)
        started = time.perf_counter()
        run()
        wait(device)
        found.append(time.perf_counter() - started)
    return median(found)


def wait(device):
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def peak_gb(run, device):
    """Largest memory that torch held on the device while ``run`` ran, in GB; 0 on a CPU."""
    if device.type != "cuda":
        run()
        return 0.0
    torch.cuda.empty_cache()
    torch.cuda.reset_peak_memory_stats(device)
    run()
    wait(device)
    return torch.cuda.max_memory_allocated(device) / 1e9
