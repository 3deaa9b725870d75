"""The finished network as a model package."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from torch import Tensor, nn

from ...models import save_model
from ...models.card import ModelCard
from ...networks.config import NetworkConfig


def inference_weights(network: nn.Module, every_head: bool = False) -> dict[str, Tensor]:
    """Weights that inference needs: heads of deep supervision are left behind, unless asked for."""
    weights = network.state_dict()
    return {name: value.cpu() for name, value in weights.items() if every_head or not is_extra_head(name)}


def export_model(card: ModelCard, network: nn.Module, folder: Path) -> Path:
    """Writes the package of ``network`` under ``card``, without deep supervision.

    A U-Net++ keeps its heads, a few numbers each: with them it can be cut at a shallower exit later.
    """
    description = card.network
    keeps = isinstance(description, NetworkConfig) and description.decoder == "nested"
    if isinstance(description, NetworkConfig) and not keeps:
        description = dataclasses.replace(description, deep_supervision=False)
    plain = dataclasses.replace(card, network=description)
    folder.parent.mkdir(parents=True, exist_ok=True)
    return save_model(plain, [inference_weights(network, keeps)], folder)


def is_extra_head(name: str) -> bool:
    """Whether a weight belongs to a head that only deep supervision uses."""
    return name.startswith("heads.") and not name.startswith("heads.0.")
