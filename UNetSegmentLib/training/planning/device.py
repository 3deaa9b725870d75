"""What the device at hand can do: memory for a training, and arithmetic in a second."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import torch

from ...inference.devices import free_memory, release_cache
from ...networks import NetworkConfig, build, cost
from ..loop.precision import autocast, choose_precision

# A training keeps every map for the way back and makes its gradient; workspace comes on top.
TRAINING_MEMORY = 2.5
# The way back costs twice the way there.
TRAINING_FLOPS = 3.0

_SHARE_GPU, _SHARE_CPU = 0.85, 0.5
_MOST = 24 << 30
_ROUNDS = 2
_BATCH = 2
_PROBE_PATCH = {2: (128, 128), 3: (32, 32, 32)}
# A GPU shows what it can do only when it has enough to do.
_PROBE_PATCH_GPU = {2: (512, 512), 3: (96, 96, 96)}


@dataclass(frozen=True)
class Speed:
    """Bytes a training may take, and floating-point operations per second of forward and backward passes."""

    memory: int
    flops: float


def measure_speed(device: torch.device, dimension: int) -> Speed:
    """Runs a small U-Net a few times (about a second on a CPU)."""
    share = _SHARE_CPU if device.type == "cpu" else _SHARE_GPU
    memory = min(int(free_memory(device) * share), _MOST)
    run = probe_pass(device, dimension)
    best = float("inf")
    for _ in range(_ROUNDS + 1):
        started = time.perf_counter()
        run()
        best = min(best, time.perf_counter() - started)
    release_cache(device)
    operations = _BATCH * TRAINING_FLOPS * cost(_probe(dimension), _probe_patch(device, dimension)).flops
    return Speed(memory, operations / best)


def probe_pass(device: torch.device, dimension: int) -> Callable[[], None]:
    """A forward and a backward pass of a small U-Net, to be timed as often as one likes."""
    network = build(_probe(dimension)).to(device)
    images = torch.randn(_BATCH, 1, *_probe_patch(device, dimension), device=device)

    def run() -> None:
        with autocast(choose_precision("auto", device), device):
            loss = network(images).float().square().mean()
        loss.backward()
        if device.type == "cuda":
            torch.cuda.synchronize(device)

    return run


def _probe_patch(device: torch.device, dimension: int) -> tuple[int, ...]:
    return (_PROBE_PATCH if device.type == "cpu" else _PROBE_PATCH_GPU)[dimension]


def _probe(dimension: int) -> NetworkConfig:
    return NetworkConfig(
        dimension=dimension,
        in_channels=1,
        out_channels=2,
        features=(16, 32, 64),
        kernels=((3,) * dimension,) * 3,
        strides=((1,) * dimension, (2,) * dimension, (2,) * dimension),
        encoder_convs=(2,) * 3,
        decoder_convs=(2,) * 2,
    )
