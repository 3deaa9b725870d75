"""What a run would take, by arithmetic on headers and the model's card, before anything is allocated.

Only what a run takes on every rung of the memory ladder is counted, so that nothing is refused that would have worked;
what fails all the same ends in the ladder's own words.
"""

from __future__ import annotations

import logging
import math
from dataclasses import dataclass

import torch

from ..budget import available_memory, size_words
from ..errors import ResourceError, UNetSegmentError
from ..geometry import Shape
from ..models.card import ModelCard
from ..preprocessing.preparation import PreparationRecord
from .devices import free_memory
from .memory import smallest_patch
from .tiles import tile_count

log = logging.getLogger(__name__)

_FLOAT = 4
# More prepared voxels than this for each of the image's deserve a word: a spacing is probably wrong.
_BLOWN_UP = 64
# Multiply-accumulates a second that no machine of the kind reaches: a time that is worked out of them is a lower bound.
_FASTEST = {"cpu": 5e12, "mps": 5e13, "cuda": 1e15}
_DAY = 86400


@dataclass(frozen=True)
class Demand:
    """One model on one image.

    Attributes:
        card: of the model.
        record: how the image is going to be prepared.
        patch: (z, y, x) of a tile.
        overlap, tiling: see :func:`~.tiles.plan_tiles`.
        passes: of the network over each tile: folds times mirrors.
        maps: whether probabilities are wanted.
    """

    card: ModelCard
    record: PreparationRecord
    patch: Shape
    overlap: float
    tiling: str
    passes: int
    maps: bool

    @property
    def tiles(self) -> int:
        return tile_count(self.record.grid.shape, self.patch, self.overlap, self.tiling)

    @property
    def image_bytes(self) -> int:
        """The prepared image, and the labels (and maps) on its own grid."""
        prepared = math.prod(self.record.grid.shape) * self.card.network.in_channels * _FLOAT
        found = 1 + 2 * self.card.network.out_channels * _FLOAT if self.maps else 1
        return prepared + math.prod(self.record.source.shape) * found

    @property
    def tile_bytes(self) -> int:
        """The image padded to a tile, and the network's feature maps, at the smallest tiles that are tried."""
        grid = self.record.grid.shape
        smallest = smallest_patch(self.card, self.patch)
        padded = math.prod(max(n, p) for n, p in zip(grid, smallest, strict=True))
        copy = padded * self.card.network.in_channels * _FLOAT if padded > math.prod(grid) else 0
        # Each input channel and each logit at least.
        maps = math.prod(smallest) * (self.card.network.in_channels + self.card.network.out_channels) * _FLOAT
        return copy + maps

    @property
    def least_seconds(self) -> dict[str, float]:
        """By kind of device: less than this no machine takes, whatever it can do."""
        from ..networks.costs import cost

        try:
            work = cost(self.card.network, self.patch).flops / 2 * self.passes * self.tiles
        except (UNetSegmentError, RuntimeError, OverflowError):
            return {}
        return {kind: work / speed for kind, speed in _FASTEST.items()}


def check_demand(demand: Demand, name: str, device: torch.device) -> list[str]:
    """Warnings about a run that is going to be long, or odd.

    Args:
        name: of the image.
        device: that the run begins on.

    Raises:
        ResourceError: it cannot fit into the memory of this machine.
    """
    model, record = demand.card.name, demand.record
    shape, own = record.grid.shape, record.box.shape
    there = available_memory(swap=True)
    if device.type != "cpu":
        there = max(there, free_memory(device))
    blown_up = math.prod(shape) > _BLOWN_UP * math.prod(own)
    spacings = (
        f"The voxels of '{name}' are {_words(_spacing(record))} mm; '{model}' works at {_words(record.grid.spacing)} mm"
    )
    if demand.image_bytes > there:
        raise ResourceError(
            f"'{name}' as the model '{model}' needs it ({_words(shape[::-1])} voxels) would take "
            f"{size_words(demand.image_bytes)} of memory; {size_words(there)} are free."
            + (f" {spacings}." if blown_up else ""),
            ("Correct the spacing of the image if it is wrong, or choose" if blown_up else "Choose")
            + " a smaller region, the preset 'fast' (coarser), or a model of a coarser spacing.",
        )
    if demand.image_bytes + demand.tile_bytes > there:
        raise ResourceError(
            f"A tile of the model '{model}' ({_words(demand.patch[::-1])} voxels) would take "
            f"{size_words(demand.tile_bytes)} of memory; {size_words(there - demand.image_bytes)} are free.",
            "Use smaller tiles or another model; if the model was imported, check its patch size.",
        )
    warnings = []
    if blown_up:
        each = math.prod(shape) // math.prod(own)
        warnings.append(f"{spacings}: {each:,} voxels for each of the image's. Is the spacing right?")
        log.warning("%s This takes long; it can be stopped.", warnings[-1])  # before it begins
    seconds = demand.least_seconds.get(device.type, 0.0)
    if seconds > _DAY:
        long = (
            f"This run takes more than {seconds / _DAY:,.0f} days on any {_DEVICES[device.type]} "
            f"({demand.tiles:,} tiles). A smaller region, less overlap or the preset 'fast' is quicker."
        )
        log.warning("%s", long)  # before it begins
        warnings.append(long)
    return warnings


_DEVICES = {"cpu": "processor", "mps": "Apple GPU", "cuda": "GPU"}


def _spacing(record: PreparationRecord) -> tuple[float, ...]:
    """Of the image, in the order (x, y, z) of the prepared grid."""
    turned = [record.source.array_spacing[axis] for axis in record.axes.axes]
    return tuple(turned[::-1])


def _words(numbers: tuple[float, ...]) -> str:
    return " x ".join(f"{n:,}" if isinstance(n, int) and n < 1e9 else f"{n:.3g}" for n in numbers)
