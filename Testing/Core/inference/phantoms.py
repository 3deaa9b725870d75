"""Networks whose answer is known without running ours, and cards for them."""

import numpy as np
import torch
from torch import nn

from UNetSegmentLib.labels import Label
from UNetSegmentLib.models import Model
from UNetSegmentLib.models.card import InferenceContract, InputChannel, ModelCard, Normalization, Preparation
from UNetSegmentLib.networks.config import NetworkConfig


class NearestLevel(nn.Module):
    """The logit of class c is minus the squared distance of the intensity from c: labels are rounded intensities."""

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.register_buffer("levels", torch.arange(classes, dtype=torch.float32))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        levels = self.levels.reshape(-1, *[1] * (x.ndim - 2))
        return -((x[:, :1] - levels) ** 2)


class SplitLevels(nn.Module):
    """NearestLevel as a network of one feature and a head, whose bias may favour a class by ``favour``."""

    def __init__(self, classes: int, favour: dict[int, float] | None = None) -> None:
        super().__init__()
        self.head = nn.Conv3d(1, classes, 1)
        levels = torch.arange(classes, dtype=torch.float32)
        with torch.no_grad():
            self.head.weight.copy_(2 * levels.reshape(-1, 1, 1, 1, 1))
            self.head.bias.copy_(-(levels**2))
            for level, amount in (favour or {}).items():
                self.head.bias[level] += amount

    def features(self, x: torch.Tensor) -> torch.Tensor:
        return x[:, :1]

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(self.features(x))


def network_config(classes: int, dimension: int = 3, channels: int = 1) -> NetworkConfig:
    axes = (3,) * dimension
    return NetworkConfig(
        dimension=dimension,
        in_channels=channels,
        out_channels=classes,
        features=(4, 8),
        kernels=(axes, axes),
        strides=((1,) * dimension, (2,) * dimension),
        encoder_convs=(1, 1),
        decoder_convs=(1,),
    )


def card(classes: int = 4, patch=(8, 12, 10), dimension: int = 3, channels: int = 1, **changes) -> ModelCard:
    inference = {
        "patch": patch,
        "overlap": 0.5,
        "mirror_axes": (1, 2),
        "output_values": tuple(range(classes)),
        **changes.pop("inference", {}),
    }
    preparation = {
        "normalization": (Normalization("none"),) * channels,
        "image_order": 1,
        **changes.pop("preparation", {}),
    }
    values = {
        "name": "phantom",
        "version": "1.0",
        "title": "Phantom",
        "description": "Labels are the rounded intensities.",
        "anatomy": "none",
        "modality": "any",
        "inputs": tuple(InputChannel(f"channel {n}", "any") for n in range(channels)),
        "labels": tuple(Label(v, f"level {v}") for v in range(1, classes)),
        "network": network_config(classes, dimension, channels),
        "preparation": Preparation(**preparation),
        "inference": InferenceContract(**inference),
    }
    return ModelCard(**{**values, **changes})


def level_model(classes: int = 4, network=None, **changes) -> Model:
    """A model that answers with the rounded intensities."""
    return Model.in_memory(card(classes, **changes), [(network or NearestLevel)(classes).requires_grad_(False)])


def random_labels(shape, classes: int = 4, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, classes, shape).astype(np.uint8)
