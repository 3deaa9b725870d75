"""Planning from a model that exists: its network and preparation stay, the answer becomes that of the new labels."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from ...errors import ModelError
from ...models import load_model
from ...models.card import ModelCard
from ...networks.config import AnyNetwork, NetworkConfig, OpaqueNetwork


def base_card(model: str | Path, channels: int, flat: bool = False) -> ModelCard:
    """The card of a model that a training can begin with.

    Args:
        channels: of the data set's images.
        flat: whether these are pictures, one slice thick.

    Raises:
        ModelError: the model cannot be trained further: a program of its own, a cascade's second stage, or one for
            another number of input channels or for volumes where the data are pictures.
    """
    card = load_model(model).card
    if isinstance(card.network, OpaqueNetwork):
        raise ModelError(
            f"'{card.name}' is a {card.network.architecture} file: its network cannot be trained.",
            "Start from a model whose network is described, such as an imported nnU-Net.",
        )
    if any(companion.role == "previous" for companion in card.companions):
        raise ModelError(
            f"'{card.name}' is the second stage of a cascade and cannot be trained by itself.",
            "Start from its first stage, or from another model.",
        )
    if len(card.inputs) != channels:
        raise ModelError(
            f"'{card.name}' takes {len(card.inputs)} channels, the data set has {channels}.",
            "Start from a model with the same inputs.",
        )
    if flat and card.network.dimension == 3:
        raise ModelError(
            f"'{card.name}' is a 3D network, and the data set holds 2D images.",
            "Start from a 2D model, or train one of your own.",
        )
    return card


def with_outputs(network: AnyNetwork, outputs: int) -> AnyNetwork:
    """The same network with another number of output channels, trained with deep supervision where it knows that."""
    if isinstance(network, NetworkConfig):
        return replace(network, out_channels=outputs, deep_supervision=network.stages > 2)
    return replace(network, out_channels=outputs)
