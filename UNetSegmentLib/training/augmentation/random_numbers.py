"""Random numbers from one generator, so that a checkpoint holds the whole state of chance."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor


def chance(generator: torch.Generator, probability: float) -> bool:
    """True with the given probability. Always consumes one number, so that a probability changes no other draw."""
    return float(torch.rand((), generator=generator)) < probability


def uniform(generator: torch.Generator, low: float, high: float) -> float:
    """A number from low to high."""
    return low + (high - low) * float(torch.rand((), generator=generator))


def integer(generator: torch.Generator, low: int, high: int) -> int:
    """Low to high, both included."""
    return int(torch.randint(low, high + 1, (), generator=generator))


def pick(generator: torch.Generator, weights: Sequence[float]) -> int:
    """An index, drawn in proportion to the weights."""
    return int(torch.multinomial(torch.tensor(weights, dtype=torch.double), 1, generator=generator))


def normal_like(generator: torch.Generator, x: Tensor) -> Tensor:
    """Standard normal values of ``x``'s shape on its device, seeded from ``generator`` (which lives on the CPU)."""
    seed = int(torch.randint(0, 2**62, (), generator=generator))
    own = torch.Generator(device=x.device).manual_seed(seed)
    return torch.randn(x.shape, generator=own, device=x.device, dtype=x.dtype)
