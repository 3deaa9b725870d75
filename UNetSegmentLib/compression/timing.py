"""How long networks take for a tile, compared fairly on a machine that does other things too."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor

from ..models.model import Model
from ..networks.config import OpaqueNetwork

_ROUNDS = 5


def side_by_side(one: Callable[[], object], other: Callable[[], object]) -> tuple[float, float]:
    """Seconds that each of two things takes: the best of several turns, taken one after the other, so that whatever
    slows the machine slows both."""
    times: tuple[list[float], list[float]] = ([], [])
    with torch.inference_mode():
        for turn in range(_ROUNDS + 1):
            for run, found in zip((one, other), times, strict=True):
                started = time.perf_counter()
                run()
                if turn:  # the first one takes memory
                    found.append(time.perf_counter() - started)
    return min(times[0]), min(times[1])


def tile_seconds(one: Model, other: Model) -> tuple[float, float]:
    """Seconds that the first network of each of two models takes in torch on the CPU for a tile of its own; 0 for both
    where one is a program of its own."""
    if isinstance(one.card.network, OpaqueNetwork) or isinstance(other.card.network, OpaqueNetwork):
        return 0.0, 0.0
    first, second = (partial(model.network().cpu(), _tile(model)) for model in (one, other))
    return side_by_side(first, second)


def _tile(model: Model) -> Tensor:
    network, patch = model.card.network, model.card.inference.patch
    shape = (1, network.in_channels, *patch[3 - network.dimension :])
    return torch.randn(shape, generator=torch.Generator().manual_seed(0))
