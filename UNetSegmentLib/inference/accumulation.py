"""Adding up tiles in a slab as deep as one tile: memory is a slab of classes, not classes times the volume."""

from __future__ import annotations

from collections.abc import Iterator

import torch

from .tiles import TilePlan
from .weighting import TileWeights


class SlabAccumulator:
    """Weighted sums of the logits (or features) of the planes that tiles still reach.

    Tiles come in the plan's order, so once a tile starts at plane z, all planes before z are finished:
    :meth:`finish_before` hands them out and moves the slab on.

    Args:
        channels: channels of a tile.
        device: where the slab lies; tiles from another device are brought over.
        normalized: divide by the sum of the weights. A plain argmax or threshold at zero does not need it.
        counted: a further channel holds the weights of the tiles that were added (those left out do not count), as
            :class:`~.head.Head` needs it.
    """

    def __init__(
        self,
        plan: TilePlan,
        weights: TileWeights,
        channels: int,
        device: torch.device,
        normalized: bool = True,
        counted: bool = False,
    ) -> None:
        depth, height, width = plan.patch[0], plan.shape[1], plan.shape[2]
        self._plan = plan
        self._weights = weights
        self._channels = channels
        self._slab = torch.zeros((channels + counted, depth, height, width), device=device)
        self._first = 0
        self._normalized = normalized

    def add(self, start: tuple[int, int, int], values: torch.Tensor) -> None:
        """Adds one tile: ``values`` of shape (channels, *patch)."""
        _, ys, xs = self._plan.slices(start)
        offset = start[0] - self._first
        target = self._slab[:, offset : offset + self._plan.patch[0], ys, xs]
        target[: self._channels].addcmul_(values.to(target.device, target.dtype), self._weights.tile)
        if len(target) > self._channels:
            target[-1] += self._weights.tile

    def finish_before(self, plane: int) -> Iterator[torch.Tensor]:
        """Sums (channels, planes, y, x) of the planes up to ``plane``, at most a slab at a time.

        They are views of the slab, valid until the next one is asked for.
        """
        while self._first < plane:
            count = min(plane - self._first, self._slab.shape[1])
            finished = self._slab[:, :count]
            if self._normalized:
                finished /= self._weights.total(self._first, self._first + count)
            yield finished
            self._move_on(count)

    def finish(self) -> Iterator[torch.Tensor]:
        """The remaining planes."""
        return self.finish_before(self._plan.shape[0])

    def _move_on(self, count: int) -> None:
        kept = self._slab.shape[1] - count
        # In steps of what is dropped, so that no range is copied onto itself.
        for low in range(0, kept, count):
            high = min(low + count, kept)
            self._slab[:, low:high] = self._slab[:, low + count : high + count]
        self._slab[:, kept:] = 0
        self._first += count
