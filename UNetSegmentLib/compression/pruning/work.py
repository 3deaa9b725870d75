"""The arithmetic of a network as a function of its widths."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction

from ...networks.config import NetworkConfig
from ...networks.costs import cost, layer_flops
from .spaces import ChannelSpaces


class Work:
    """Floating-point operations for one patch, for any widths: every layer's are proportional to the channels that it
    reads and to those that it writes.

    Args:
        spaces: of ``config``.
        patch: as in :func:`~UNetSegmentLib.networks.costs.cost`, which counts in the same way.
    """

    def __init__(self, config: NetworkConfig, spaces: ChannelSpaces, patch: Sequence[int]) -> None:
        self._spaces = spaces
        layers = layer_flops(config, patch)
        self.full = cost(config, patch).flops
        self._rest = self.full - sum(layers.values())
        self._layers: list[tuple[Fraction, tuple[str, ...], str | None]] = []
        for name, flops in layers.items():
            axes = spaces.tensors.get(name)
            reads = axes.reads[1] if axes and axes.reads else ()
            writes = axes.writes[1] if axes and axes.writes else None
            size = self._size(reads, writes, spaces.full)
            self._layers.append((Fraction(flops, size), reads, writes))

    def flops(self, widths: Mapping[str, int]) -> int:
        """Operations of the network with all of these widths."""
        each = (per_size * self._size(reads, writes, widths) for per_size, reads, writes in self._layers)
        return self._rest + int(sum(each))

    def _size(self, reads: tuple[str, ...], writes: str | None, widths: Mapping[str, int]) -> int:
        known = self._spaces.spaces
        read = sum(known[name].kept(widths) for name in reads) if reads else 1
        return read * (known[writes].kept(widths) if writes else 1)
