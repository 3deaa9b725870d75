"""Parts of the network by name, so that a new part plugs in without an edit here.

A module that offers a new skip connection writes::

    @SKIPS.register("attention")
    class AttentionGate(nn.Module): ...

and a :class:`~.config.NetworkConfig` with ``skip="attention"`` finds it as soon as that module is imported.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from torch import nn

from ..errors import ModelError

Factory = Callable[..., nn.Module]
F = TypeVar("F", bound=Factory)


class Registry:
    """Factories of one kind of part."""

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self._factories: dict[str, Factory] = {}

    def register(self, name: str) -> Callable[[F], F]:
        """Decorator. Raises ValueError when the name is taken: a silent replacement would change saved models."""

        def add(factory: F) -> F:
            if name in self._factories:
                raise ValueError(f"A {self.kind} named '{name}' is registered already.")
            self._factories[name] = factory
            return factory

        return add

    def __getitem__(self, name: str) -> Factory:
        """Raises ModelError for a name that nobody registered."""
        try:
            return self._factories[name]
        except KeyError:
            raise ModelError(
                f"The model asks for the {self.kind} '{name}', which this version does not know.",
                f"Known are: {', '.join(sorted(self._factories))}. Update UNetSegment or choose one of these.",
            ) from None

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(sorted(self._factories))


BLOCKS = Registry("block")
"""``factory(config, in_channels, out_channels, kernel, stride) -> Module``: one convolution unit."""

SKIPS = Registry("skip connection")
"""``factory(config, skip_channels, up_channels, gate_channels) -> Module`` with ``out_channels`` and
``forward(skip, up, gate)``, where ``gate`` is the coarser map from before the upsampling."""

ENCODERS = Registry("encoder")
"""``factory(config) -> Module`` with ``channels``, ``strides`` (per level) and ``forward(x) -> list`` of maps,
full resolution first."""

DECODERS = Registry("decoder")
"""``factory(config, channels, strides) -> Module`` with ``channels`` and ``forward(maps) -> list`` of decoded maps,
full resolution first."""
