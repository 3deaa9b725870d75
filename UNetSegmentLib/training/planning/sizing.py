"""Patch, features and batch: as large as memory allows and the minutes at hand leave steps enough to learn with."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from ...networks import NetworkConfig, cost
from ...networks.config import AnyNetwork
from .device import TRAINING_FLOPS, TRAINING_MEMORY, Speed
from .topology import Topology, fitted_patch, topology_of

MakeNetwork = Callable[[Topology, int], NetworkConfig]

_FEATURES = (32, 24, 16, 12, 8)
# Below the first size a network with fewer features and a larger patch is the better choice; the second is the end.
_COMFORTABLE = {2: 128 * 128, 3: 48 * 48 * 48}
_SMALLEST = {2: 48 * 48, 3: 16 * 16 * 16}
_LARGEST = {2: 512 * 512, 3: 160 * 160 * 160}
_BATCHES = {2: (4, 12), 3: (2, 4)}
_SHRINK = 0.75
# A batch should not show more than this share of all voxels at once (nnU-Net).
_SHARE = 0.05

_FEWEST_STEPS, _MOST_STEPS, _STEPS_PER_MINUTE = 300, 100_000, 20


@dataclass(frozen=True)
class Size:
    """What a step works on. ``patch`` runs along the network's axes; ``seconds`` is the step's time by arithmetic."""

    network: AnyNetwork
    patch: tuple[int, ...]
    batch: int
    seconds: float


def wanted_steps(minutes: float) -> int:
    """How many steps a training should have at least room for: the more time there is, the longer one may take."""
    return min(max(round(minutes * _STEPS_PER_MINUTE), _FEWEST_STEPS), _MOST_STEPS)


def choose_size(
    shape: Sequence[int],
    spacing: Sequence[float],
    make: MakeNetwork,
    speed: Speed,
    seconds: float,
    dataset_voxels: int,
    features: int | None = None,
) -> Size:
    """The first of the sizes from the largest down that fits memory and takes at most ``seconds`` for a step.

    Args:
        shape, spacing: of a typical image along the network's axes.
        make: the network of a topology and its first features.
        dataset_voxels: in all cases together.
        features: fixed ones.
    """
    dimension = len(shape)
    size = None
    for first, patch in _candidates(shape, spacing, (features,) if features else _FEATURES):
        network = make(topology_of(patch, spacing), first)
        size = sized(network, patch, speed, seconds, dataset_voxels)
        large = math.prod(patch) >= min(_COMFORTABLE[dimension], 0.8 * math.prod(shape))
        small = first == _FEATURES[-1] or features is not None
        if size.seconds <= seconds and _memory(network, patch, size.batch) <= speed.memory and (large or small):
            return size
    assert size is not None
    return size


def sized(network: AnyNetwork, patch: Sequence[int], speed: Speed, seconds: float, dataset_voxels: int) -> Size:
    """The batch that memory, time and data allow; the least one where they allow none."""
    least, most = _BATCHES[len(patch)]
    one = TRAINING_FLOPS * cost(network, patch).flops / speed.flops
    batch = least
    while (
        batch < most
        and _memory(network, patch, batch + 1) <= speed.memory
        and one * (batch + 1) <= seconds
        and math.prod(patch) * (batch + 1) <= _SHARE * dataset_voxels
    ):
        batch += 1
    return Size(network, tuple(patch), batch, one * batch)


def _candidates(
    shape: Sequence[int], spacing: Sequence[float], features: Sequence[int]
) -> Iterator[tuple[int, tuple[int, ...]]]:
    dimension = len(shape)
    for first in features:
        voxels = float(min(math.prod(shape), _LARGEST[dimension]))
        last = None
        while True:
            patch = fitted_patch(shape, spacing, round(voxels))
            if patch != last:
                yield first, patch
            last = patch
            if voxels <= _SMALLEST[dimension]:
                break
            voxels *= _SHRINK


def _memory(network: AnyNetwork, patch: Sequence[int], batch: int) -> float:
    return TRAINING_MEMORY * batch * cost(network, patch).activation_bytes
