"""How long networks take for a tile, compared fairly on a machine that does other things too."""

from __future__ import annotations

import time

import torch
from torch import Tensor, nn

_ROUNDS = 5


def side_by_side(one: nn.Module, other: nn.Module, tile: Tensor) -> tuple[float, float]:
    """Seconds that each of two networks takes for a tile (N, C, *patch): the best of several turns, taken one after the
    other, so that whatever slows the machine slows both."""
    times: tuple[list[float], list[float]] = ([], [])
    with torch.inference_mode():
        for turn in range(_ROUNDS + 1):
            for module, found in zip((one, other), times, strict=True):
                started = time.perf_counter()
                module(tile)
                if turn:  # the first one takes memory
                    found.append(time.perf_counter() - started)
    return min(times[0]), min(times[1])


def random_tile(channels: int, patch: tuple[int, ...]) -> Tensor:
    """A tile (1, C, *patch) of noise."""
    return torch.randn(1, channels, *patch, generator=torch.Generator().manual_seed(0))
