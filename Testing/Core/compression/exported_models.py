"""Models small enough to export in a second, of every kind that an export must cope with."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import torch

from UNetSegmentLib.labels import Label
from UNetSegmentLib.models import Model
from UNetSegmentLib.models.card import InferenceContract, InputChannel, ModelCard, Normalization, Preparation
from UNetSegmentLib.models.importing.terminology import terminology
from UNetSegmentLib.networks import build
from UNetSegmentLib.networks.config import NetworkConfig


def config(dimension: int = 3, classes: int = 3, channels: int = 1, **changes: Any) -> NetworkConfig:
    """Two stages of 4 and 8 features."""
    ones, twos, threes = ((n,) * dimension for n in (1, 2, 3))
    plain = NetworkConfig(
        dimension=dimension,
        in_channels=channels,
        out_channels=classes,
        features=(4, 8),
        kernels=(threes, threes),
        strides=(ones, twos),
        encoder_convs=(1, 1),
        decoder_convs=(1,),
    )
    return replace(plain, **changes)


def card(network: Any, **changes: Any) -> ModelCard:
    """A card for a network, with tiles of 16 voxels."""
    dimension, channels, outputs = network.dimension, network.in_channels, network.out_channels
    plain = ModelCard(
        name="small",
        version="2",
        title="Small",
        description="Random weights.",
        anatomy="none",
        modality="any",
        inputs=tuple(InputChannel(f"image {n}", "MR") for n in range(channels)),
        labels=tuple(Label(n, f"structure {n}", (n, 0, 0), terminology(f"structure {n}")) for n in range(1, outputs)),
        network=network,
        preparation=Preparation(normalization=(Normalization("zscore"),) * channels),
        inference=InferenceContract(patch=(16 if dimension == 3 else 1, 16, 16), output_values=tuple(range(outputs))),
    )
    return replace(plain, **changes)


def model(network: Any | None = None, folds: int = 1, **changes: Any) -> Model:
    """A model in memory with random weights, other ones for each fold."""
    network = network or config()
    torch.manual_seed(3)
    return Model.in_memory(card(network, **changes), [_lively(build(network)) for _ in range(folds)])


def _lively(network: torch.nn.Module) -> torch.nn.Module:
    """Norms with statistics and scales of their own, so that leaving one out shows."""
    for module in network.modules():
        if isinstance(module, torch.nn.modules.batchnorm._NormBase) and module.weight is not None:
            with torch.no_grad():
                module.weight.uniform_(0.5, 1.5)
                module.bias.uniform_(-0.5, 0.5)
                if module.running_mean is not None:
                    module.running_mean.uniform_(-0.5, 0.5)
                    module.running_var.uniform_(0.5, 2)
    return network.requires_grad_(False)
