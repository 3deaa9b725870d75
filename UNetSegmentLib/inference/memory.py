"""Planning memory before a run, and what to try when it fails all the same."""

from __future__ import annotations

import logging
import math
from collections.abc import Iterator
from dataclasses import dataclass, replace

import torch

from ..budget import available_memory
from ..geometry import Shape, in_xyz
from ..models.card import ModelCard
from ..networks.config import OpaqueNetwork
from ..networks.costs import NetworkCost, cost
from .devices import free_memory

log = logging.getLogger(__name__)

_FLOAT = 4
# Torch's allocator rounds up and cuDNN takes workspace; measured peaks stay below this factor of the arithmetic.
_SLACK = 1.3
_LARGEST_BATCH = 8
_FEW_TILES = 4
_LARGEST_CPU_BATCH = 16
# What a batch may take on a CPU for each core: bytes of feature maps, and operations, so that it ends within a second.
_BATCH_BYTES = 1 << 26
_BATCH_FLOPS = 2e10
_BLOCK_BYTES = {"cpu": 1 << 27}  # what the reducer handles at once: small blocks on a CPU,
_LARGE_BLOCK_BYTES = 1 << 29  # large ones on a GPU
_SMALLER_PATCH = 0.75
_UNKNOWN_CHANNELS = 128


@dataclass(frozen=True)
class RunPlan:
    """Where and how a run is tried; ``str(plan)`` says it to people, ``warning`` what they should know about it."""

    device: torch.device
    accumulate_on: torch.device
    batch: int
    patch: Shape
    warning: str = ""

    def __str__(self) -> str:
        tiles = "a tile" if self.batch == 1 else f"{self.batch} tiles"
        apart = f", put together on {self.accumulate_on}" if self.accumulate_on != self.device else ""
        return f"{tiles} of {' x '.join(map(str, self.patch[::-1]))} voxels at once on {self.device}{apart}"


@dataclass(frozen=True)
class Need:
    """Bytes that a plan takes: on the device that runs the network, and in main memory."""

    device: int
    host: int


def need_of(plan: RunPlan, card: ModelCard, shape: Shape, half: bool, features: int | None = None) -> Need:
    """Bytes for a run over a prepared image of ``shape``, from the network's analytic activation size.

    Args:
        features: channels of what is accumulated where that is feature maps; None for logits.
    """
    network = _network_cost(card, plan.patch, features)
    tiles = feature_bytes(plan, card, half, features)
    weights = network.parameters * _FLOAT * len(card.weights)
    padded = [max(n, p) for n, p in zip(shape, plan.patch, strict=True)]
    image = math.prod(padded) * card.network.in_channels * _FLOAT
    channels = card.network.out_channels if features is None else features + 1
    # A single tile is not accumulated: its values go straight to the labels.
    tiled = any(n > p for n, p in zip(padded, plan.patch, strict=True))
    slab = channels * plan.patch[0] * padded[1] * padded[2] * _FLOAT if tiled else 0
    slab += _BLOCK_BYTES.get(plan.accumulate_on.type, _LARGE_BLOCK_BYTES)
    work = int((tiles + weights) * _SLACK)
    if plan.device.type == "cpu":
        return Need(0, work + image + slab)
    if plan.accumulate_on == plan.device:
        return Need(work + image + slab, image)
    return Need(work + image, image + slab)


def feature_bytes(plan: RunPlan, card: ModelCard, half: bool, features: int | None = None) -> int:
    """Bytes of the feature maps of one batch, see :func:`need_of`."""
    width = 2 if half else _FLOAT
    return _network_cost(card, plan.patch, features).peak_bytes * plan.batch * width // _FLOAT


def _network_cost(card: ModelCard, patch: Shape, features: int | None) -> NetworkCost:
    config = card.network
    if isinstance(config, OpaqueNetwork):
        # A program of its own tells nothing; this is what an ordinary U-Net would take.
        peak = math.prod(patch) * (config.in_channels + config.out_channels + _UNKNOWN_CHANNELS) * _FLOAT
        return NetworkCost(0, 0, peak, peak)
    if features is not None:
        config = replace(config, out_channels=1)  # the head's own output is not made
    return cost(config, patch)


def ladder(
    card: ModelCard,
    device: torch.device,
    shape: Shape,
    patch: Shape,
    batch: int,
    half: bool,
    limit: int | None = None,
    features: int | None = None,
) -> Iterator[RunPlan]:
    """Plans to try in order, each asking for less; those that plainly cannot fit are left out, but never the last.

    Args:
        shape: (z, y, x) of the prepared image.
        patch: (z, y, x) of a tile, as asked for.
        batch: tiles at once; 0 for as many as sensible.
        half: whether the network runs in half precision.
        limit: bytes that may be taken on the device; None for what is free.
        features: see :func:`need_of`.
    """
    plans = list(_rungs(card, device, patch, batch))
    free = min(free_memory(device), limit or math.inf)
    ram = min(available_memory(), limit or math.inf) if device.type == "cpu" else available_memory()
    for number, plan in enumerate(plans):
        need = need_of(plan, card, shape, half, features)
        on_cpu = plan.device.type == "cpu"
        fits = need.host <= ram and (on_cpu or need.device <= free)
        if fits or number == len(plans) - 1:
            yield plan
        else:
            log.debug("left out %s: needs %d MB and %d MB of RAM", plan, need.device >> 20, need.host >> 20)


def _rungs(card: ModelCard, device: torch.device, patch: Shape, batch: int) -> Iterator[RunPlan]:
    cpu = torch.device("cpu")
    first = RunPlan(device, device, batch or _default_batch(card, device, patch), patch)
    yield first
    size = first.batch // 2
    while size >= 1:
        yield replace(first, batch=size)
        size //= 2
    single = replace(first, batch=1)
    if device.type != "cpu":
        yield replace(single, accumulate_on=cpu)
    for smaller in _smaller_patches(card, patch):
        words = in_xyz(smaller)
        yield replace(
            single,
            accumulate_on=cpu,
            patch=smaller,
            warning=f"Memory was short, so smaller tiles were used ({words} voxels); the result may differ slightly.",
        )
    if device.type != "cpu":
        yield RunPlan(cpu, cpu, 1, patch, f"Memory on {device} was short, so the CPU was used.")
        for smaller in _smaller_patches(card, patch):
            words = in_xyz(smaller)
            yield RunPlan(cpu, cpu, 1, smaller, f"Memory was short, so the CPU and smaller tiles ({words}) were used.")


def _default_batch(card: ModelCard, device: torch.device, patch: Shape) -> int:
    """On a GPU enough tiles to fill it. On a CPU one, whose maps fill the caches, but of small tiles a few: torch has
    more to share out, OpenVINO gives each tile of several a core of its own."""
    if device.type != "cpu":
        return _LARGEST_BATCH if card.network.dimension == 2 else 2
    if isinstance(card.network, OpaqueNetwork):
        return 1 if card.network.dimension == 3 else _FEW_TILES
    cores, need = torch.get_num_threads(), _network_cost(card, patch, None)
    carried = cores * min(_BATCH_BYTES / max(need.peak_bytes, 1), _BATCH_FLOPS / max(need.flops, 1))
    return max(min(max(_FEW_TILES, cores), _LARGEST_CPU_BATCH, int(carried)), 1)


def smallest_patch(card: ModelCard, patch: Shape) -> Shape:
    """The tiles of the last rung."""
    return (patch, *_smaller_patches(card, patch))[-1]


def _smaller_patches(card: ModelCard, patch: Shape) -> Iterator[Shape]:
    """Three steps of tiles a quarter shorter on each axis, on multiples of the network's total stride."""
    if isinstance(card.network, OpaqueNetwork) and card.network.fixed_patch:
        return
    divisor = card.network.divisor
    strides = [1] * (3 - len(divisor)) + list(divisor)
    current = list(patch)
    for _ in range(3):
        current = [max(int(n * _SMALLER_PATCH) // s * s, min(s * 2, n)) for n, s in zip(current, strides, strict=True)]
        yield current[0], current[1], current[2]
