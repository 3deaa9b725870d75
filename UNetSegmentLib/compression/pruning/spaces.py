"""Channels as the tensors of a network share them: what must go together when a channel goes.

A *space* is one set of channels: whatever writes into it (a convolution and its norm) and whatever reads from it (the
convolutions behind it, across a skip connection too) must keep the same ones. Spaces of one *width* keep equally many,
though each its own: the convolutions of a stage are one number in the network's description.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import accumulate

import torch
from torch import Tensor

from ...networks.config import NetworkConfig

Widths = dict[str, int]
"""Channels by width: ``features.0`` for the first encoder stage, ``decoder.0``, ``stem``."""


@dataclass(frozen=True)
class Space:
    """One set of channels.

    Args:
        channels: how many there are before anything is removed.
        width: name of the width that says how many are kept; None where all of them stay.
        divide, least: the width is divided by ``divide`` (rounded down), ``least`` at least, where the channels lie
            inside a gate.
    """

    channels: int
    width: str | None
    divide: int = 1
    least: int = 1

    def kept(self, widths: Mapping[str, int]) -> int:
        """How many channels are kept."""
        return self.channels if self.width is None else max(widths[self.width] // self.divide, self.least)


@dataclass(frozen=True)
class Axes:
    """Which axes of a tensor count channels: along ``writes`` those of one space, along ``reads`` those of one space or
    of several side by side. An axis is None where no axis does."""

    writes: tuple[int, str] | None = None
    reads: tuple[int, tuple[str, ...]] | None = None


@dataclass(frozen=True)
class Projection:
    """A shortcut's convolution, which is there only because the block changes the number of channels."""

    reads: tuple[str, ...]
    writes: str


@dataclass(frozen=True)
class ChannelSpaces:
    """All of a network.

    Args:
        spaces: by name.
        tensors: by the name in the network's state dict; a tensor that is not here stays as it is.
        projections: that must go on changing the number of channels.
        full: the widths as they are.
        same: widths that are always equal to another one.
    """

    spaces: dict[str, Space]
    tensors: dict[str, Axes]
    projections: tuple[Projection, ...]
    full: Widths
    same: dict[str, str]

    @property
    def free(self) -> tuple[str, ...]:
        """Widths that can be chosen."""
        used = {space.width for space in self.spaces.values()}
        return tuple(name for name in self.full if name not in self.same and name in used)

    def complete(self, widths: Mapping[str, int]) -> Widths:
        """All widths out of the free ones."""
        return {name: widths[self.same.get(name, name)] for name in self.full}

    def buildable(self, widths: Mapping[str, int]) -> bool:
        """Whether a network of these widths has the same layers."""
        size = {name: space.kept(widths) for name, space in self.spaces.items()}
        return all(sum(size[name] for name in one.reads) != size[one.writes] for one in self.projections)


Kept = Mapping[str, Tensor]
"""For each space the channels that stay, as ascending indices (int64)."""


def narrowed(
    spaces: ChannelSpaces, config: NetworkConfig, state: Mapping[str, Tensor], kept: Kept, widths: Mapping[str, int]
) -> tuple[NetworkConfig, dict[str, Tensor]]:
    """The network without the channels that are not kept.

    Args:
        spaces: of ``config``.
        state: the full network's weights.
        kept: for each space as many channels as ``widths`` says.

    Returns:
        Description and weights of the smaller network.
    """
    smaller = {name: _cut(value, spaces.tensors.get(name, Axes()), spaces, kept) for name, value in state.items()}
    return narrow_config(config, spaces.complete(widths)), smaller


def narrow_config(config: NetworkConfig, widths: Mapping[str, int]) -> NetworkConfig:
    """The description with other widths."""
    features = tuple(widths[f"features.{stage}"] for stage in range(config.stages))
    decoder: tuple[int, ...] | None = tuple(widths[f"decoder.{stage}"] for stage in range(config.stages - 1))
    if decoder == features[:-1]:
        decoder = None
    stem = None if config.stem_channels is None else widths["stem"]
    return replace(config, features=features, decoder_features=decoder, stem_channels=stem)


def _cut(value: Tensor, axes: Axes, spaces: ChannelSpaces, kept: Kept) -> Tensor:
    if axes.writes is not None:
        axis, name = axes.writes
        value = value.index_select(axis, kept[name])
    if axes.reads is not None:
        axis, names = axes.reads
        before = accumulate((spaces.spaces[name].channels for name in names), initial=0)
        indices = [kept[name] + first for name, first in zip(names, before, strict=False)]
        value = value.index_select(axis, torch.cat(indices))
    return value.clone()
