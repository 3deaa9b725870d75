"""Phantoms that augmentation is looked at on."""

from __future__ import annotations

import torch

from UNetSegmentLib.training import AugmentationConfig
from UNetSegmentLib.training.cases.case import Case

OFF = AugmentationConfig(
    flip=(0, 0, 0), rotation=0, scaling=0, gamma=0, contrast=0, brightness=0, noise=0, blur=0, low_resolution=0
)


def ball(radius: float, size: int = 32, channels: int = 1) -> tuple[torch.Tensor, torch.Tensor]:
    """A soft ball whose label is where the image is above one half; batch of one."""
    axes = torch.arange(size, dtype=torch.float32) - (size - 1) / 2
    z, y, x = torch.meshgrid(axes, axes, axes, indexing="ij")
    distance = (z**2 + y**2 + x**2).sqrt()
    image = (radius - distance + 0.5).clamp(0, 1)
    return image.expand(1, channels, -1, -1, -1), (image > 0.5)[None].to(torch.uint8)


def ramp(size: int = 12) -> Case:
    """Voxel values that tell their own place: 10000 z + 100 y + x, and a label that follows from it."""
    z, y, x = torch.meshgrid(*(torch.arange(size),) * 3, indexing="ij")
    label = ((z + y + x) % 3).to(torch.uint8)
    flat = label.flatten()
    image = (10000.0 * z + 100.0 * y + x)[None].float()
    return Case("ramp", image, label, tuple(torch.nonzero(flat == v).flatten() for v in (1, 2)))


SEED = 7


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)
