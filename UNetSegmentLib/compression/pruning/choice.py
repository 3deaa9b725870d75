"""Which channels go: as many operations as wanted, for as little importance as possible."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from ...errors import InputError
from .importance import Importance
from .spaces import ChannelSpaces, Widths
from .work import Work


class WidthChoice:
    """Chooses widths.

    Args:
        scores: importance in each network of the model; all of them get the same widths, each keeps its own channels.
        multiple: widths become multiples of this (which processors compute as quickly as the next number above).
    """

    def __init__(self, spaces: ChannelSpaces, work: Work, scores: Sequence[Importance], multiple: int) -> None:
        self._spaces, self._work, self._multiple = spaces, work, multiple
        self._lost = {
            name: sum((_least_sums(one[name]) for one in scores), torch.zeros(space.channels + 1, dtype=torch.float64))
            for name, space in spaces.spaces.items()
        }

    def widths(self, flops: int) -> Widths:
        """Widths with which the network does no more than ``flops`` operations.

        One width after the other is lowered by a multiple, always the one that saves most operations for the
        importance that is lost; then widths are raised again where there is room.

        Raises:
            InputError: even the least widths do more.
        """
        widths = dict(self._spaces.full)
        while self._work.flops(widths) > flops:
            moves = [move for name in self._spaces.free if (move := self._lowered(widths, name)) is not None]
            if not moves:
                least = self._work.flops(widths) / self._work.full
                raise InputError(
                    f"Pruned as far as can be, the network still does {least:.0%} of the operations; "
                    f"{flops / self._work.full:.0%} were wanted.",
                    f"Ask for less, or for widths that are multiples of less than {self._multiple}.",
                )
            widths = min(moves, key=lambda move: self._price(widths, move))
        return self._with_room_used(widths, flops)

    def _lowered(self, widths: Widths, name: str) -> Widths | None:
        """The next smaller widths with another number for ``name`` that a network can have; None where there are
        none."""
        width = (widths[name] - 1) // self._multiple * self._multiple
        while width >= self._multiple:
            lower = self._spaces.complete({**widths, name: width})
            if self._spaces.buildable(lower):
                return lower
            width -= self._multiple
        return None

    def _with_room_used(self, widths: Widths, flops: int) -> Widths:
        """The last move may have saved far more than was wanted."""
        while True:
            moves = [self._raised(widths, name) for name in self._spaces.free]
            fitting = [
                move
                for move in moves
                if move != widths and self._spaces.buildable(move) and self._work.flops(move) <= flops
            ]
            if not fitting:
                return widths
            widths = min(fitting, key=self.loss)

    def _raised(self, widths: Widths, name: str) -> Widths:
        width = min((widths[name] // self._multiple + 1) * self._multiple, self._spaces.full[name])
        return self._spaces.complete({**widths, name: width})

    def _price(self, widths: Widths, move: Widths) -> float:
        """Importance for each operation."""
        saved = self._work.flops(widths) - self._work.flops(move)
        return (self.loss(move) - self.loss(widths)) / max(saved, 1)

    def loss(self, widths: Mapping[str, int]) -> float:
        """Importance that is lost, all networks together."""
        return sum(
            float(self._lost[name][space.channels - space.kept(widths)]) for name, space in self._spaces.spaces.items()
        )


def most_important(spaces: ChannelSpaces, scores: Importance, widths: Mapping[str, int]) -> dict[str, Tensor]:
    """For each space of a network the channels that are kept, ascending."""
    return {
        name: scores[name].argsort(descending=True, stable=True)[: space.kept(widths)].sort().values
        for name, space in spaces.spaces.items()
    }


def _least_sums(scores: Tensor) -> Tensor:
    """What the n least important channels come to, for n from 0 to all."""
    return torch.cat([torch.zeros(1, dtype=torch.float64), scores.sort().values.cumsum(0)])
