"""The feature maps of a U-Net's stages, caught while it runs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from torch import Tensor, nn

from ...networks.unet import UNet


class StageMaps:
    """Remembers what each stage of a U-Net's encoder and decoder gave at the last pass before :meth:`taken`.

    Args:
        network: a U-Net whose encoder and decoder consist of stages.
        first: remember the first pass since :meth:`taken` instead: of a teacher, the one without mirrors.
    """

    def __init__(self, network: UNet, first: bool = False) -> None:
        self._first = first
        self._maps: dict[int, Tensor] = {}
        for number, stage in enumerate(_stages(network)):
            stage.register_forward_hook(self._keeper(number))

    def taken(self) -> list[Tensor]:
        """The maps, encoder first, and nothing is remembered any more."""
        maps = [self._maps[number] for number in sorted(self._maps)]
        self._maps = {}
        return maps

    def _keeper(self, number: int) -> Callable[[nn.Module, Any, Tensor], None]:
        def keep(module: nn.Module, inputs: Any, output: Tensor) -> None:
            if not (self._first and number in self._maps):
                self._maps[number] = output

        return keep


def has_stages(network: nn.Module) -> bool:
    """Whether :class:`StageMaps` can look into a network."""
    return isinstance(network, UNet) and all(hasattr(part, "stages") for part in (network.encoder, network.decoder))


def _stages(network: UNet) -> Sequence[nn.Module]:
    encoder, decoder = network.encoder, network.decoder
    return [*encoder.stages, *decoder.stages]  # type: ignore[misc]
