"""The tile loop: plan, skip, predict, accumulate, reduce; one pass over the volume with bounded memory."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import torch
from torch.nn import functional

from ..geometry import Box
from ..progress import Stage
from .accumulation import SlabAccumulator
from .backend import Backend
from .finite import FiniteWatch
from .head import Head
from .reduction import PlaneReducer, Reduced, ReductionPlan
from .tiles import TilePlan, padding, plan_tiles
from .weighting import tile_weights

_PADDINGS = {"zeros": "constant", "edge": "replicate", "reflect": "reflect"}


@dataclass(frozen=True)
class Pass:
    """One pass of the engine over a prepared image.

    Args:
        patch: (z, y, x) voxels of a tile.
        overlap: least share that neighbouring tiles have in common.
        tiling, weighting, padding: see :class:`~UNetSegmentLib.models.card.InferenceContract`.
        batch: tiles per forward pass.
        accumulate_on: device of the slab.
        background_below: leave out tiles whose voxels are all at or below this value; None leaves out none.
        images: how many of the first channels are intensities, which that rule looks at; None for all.
    """

    patch: tuple[int, int, int]
    overlap: float
    tiling: str
    weighting: str
    padding: str
    batch: int
    accumulate_on: torch.device
    background_below: float | None = None
    images: int | None = None


def tiles_of(image: torch.Tensor, settings: Pass) -> TilePlan:
    """The plan of the tiles for an image (channels, z, y, x)."""
    return plan_tiles(image.shape[1:], settings.patch, settings.overlap, settings.tiling)


def run_tiles(
    image: torch.Tensor,
    backend: Backend,
    settings: Pass,
    reduction: ReductionPlan,
    stage: Stage,
    head: Head | None = None,
    watch: FiniteWatch | None = None,
) -> Reduced:
    """Runs a network over an image and reduces its logits.

    Args:
        image: prepared, float32 (channels, z, y, x), on any device.
        backend: gives logits, or with a ``head`` the features that it takes.
        reduction: what to make of the logits; its ``crop`` is that of :func:`crop_of`.
        stage: counts the tiles; its token is looked at for every tile.
        head: the network's last layer where the backend gives features.
        watch: looks at what the network gives.

    Raises:
        Cancelled: between two tiles.
        NotFiniteError: what the network gives is not finite.
    """
    watch = watch or FiniteWatch()
    plan = tiles_of(image, settings)
    padded = pad_to_patch(image, settings.patch, settings.padding)
    reducer = PlaneReducer(reduction, settings.accumulate_on, head)
    wanted = _wanted(padded[: settings.images], plan, settings.background_below, stage)
    if len(plan) == 1:
        found = _one_tile(padded, wanted, backend, settings, stage, watch)
    else:
        slab = SlabAccumulator(
            plan,
            tile_weights(plan, settings.weighting, settings.accumulate_on),
            head.features if head else len(reduction.output_values),
            settings.accumulate_on,
            normalized=reduction.normalized,
            counted=head is not None,
        )
        found = _many_tiles(padded, plan, wanted, backend, slab, settings, stage, watch)
    for planes in found:
        reducer.push(planes)
    watch.check()
    return reducer.finish()


def _one_tile(
    padded: torch.Tensor,
    wanted: Iterator[tuple[int, int, int]],
    backend: Backend,
    settings: Pass,
    stage: Stage,
    watch: FiniteWatch,
) -> Iterator[torch.Tensor]:
    """What the network gives for an image that is a tile; nothing where that tile is left out."""
    for _ in wanted:
        stage.check()
        values = backend.predict(padded[None])
        watch.look(values)
        tile = values[0]
        del values
        yield tile.to(settings.accumulate_on, torch.float32)
        stage.step()


def _many_tiles(
    padded: torch.Tensor,
    plan: TilePlan,
    wanted: Iterator[tuple[int, int, int]],
    backend: Backend,
    slab: SlabAccumulator,
    settings: Pass,
    stage: Stage,
    watch: FiniteWatch,
) -> Iterator[torch.Tensor]:
    """Planes that no further tile changes, as soon as they are finished."""
    for batch in _batches(wanted, settings.batch):
        stage.check()
        values = backend.predict(torch.stack([padded[(slice(None), *plan.slices(start))] for start in batch]))
        watch.look(values)
        for number, start in enumerate(batch):
            yield from slab.finish_before(start[0])
            slab.add(start, values[number])
        # Not kept until the next tiles have run: it is as large as the network's largest feature map.
        del values
        stage.step(len(batch))
    yield from slab.finish()


def crop_of(image: torch.Tensor, settings: Pass) -> Box:
    """Where the image (channels, z, y, x) lies in the padded grid that is tiled."""
    before = [low for low, _ in padding(image.shape[1:], settings.patch)]
    return Box.whole(image.shape[1:]).shifted(before)


def pad_to_patch(image: torch.Tensor, patch: Sequence[int], kind: str) -> torch.Tensor:
    """The image (channels, z, y, x) in the middle of at least one patch, by a padding of the card: ``zeros``, ``edge``
    or ``reflect``."""
    (z0, z1), (y0, y1), (x0, x1) = padding(image.shape[1:], patch)
    pads = (x0, x1, y0, y1, z0, z1)
    return functional.pad(image[None], pads, _PADDINGS[kind])[0] if any(pads) else image


def _wanted(
    image: torch.Tensor, plan: TilePlan, background_below: float | None, stage: Stage
) -> Iterator[tuple[int, int, int]]:
    """The tiles to run. One that is left out adds nothing: its voxels stay background unless a neighbour says other."""
    for start in plan:
        if background_below is not None and bool((image[(slice(None), *plan.slices(start))] <= background_below).all()):
            stage.step()
            continue
        yield start


def _batches(tiles: Iterable[tuple[int, int, int]], size: int) -> Iterator[list[tuple[int, int, int]]]:
    """The tiles in their order, ``size`` at a time; what is left over for the end is shared out so that no tile comes
    alone after a full batch, with all cores but one idle."""
    waiting: list[tuple[int, int, int]] = []
    for tile in tiles:
        waiting.append(tile)
        if len(waiting) == size + 2:
            yield waiting[:size]
            waiting = waiting[size:]
    while waiting:
        count = len(waiting) if len(waiting) <= size else min(-(-len(waiting) // 2), size)
        yield waiting[:count]
        waiting = waiting[count:]
