"""Blanked boxes: what is hidden must be told from its surroundings (DeVries and Taylor 2017, arXiv:1708.04552)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch import Tensor

from .random_numbers import chance, integer, uniform

if TYPE_CHECKING:
    import torch

    from ..config.values import Range


def cutout(x: Tensor, probability: float, reach: Range, boxes: int, flat: bool, generator: torch.Generator) -> Tensor:
    """Fills boxes with a value between the darkest and the brightest of each channel. Labels are none of its business.

    Args:
        x: (batch, channels, z, y, x).
        reach: sides of a box as a share of the patch's.
        boxes: most boxes in one sample; one at least.
        flat: boxes go through all slices of a patch.
    """
    result = x.clone()
    for sample in range(x.shape[0]):
        if not chance(generator, probability):
            continue
        low, high = (bound(x[sample].flatten(1), dim=1).reshape(-1, 1, 1, 1) for bound in (Tensor.amin, Tensor.amax))
        for _ in range(integer(generator, 1, boxes)):
            level = uniform(generator, 0.0, 1.0)
            z, y, width = (_side(size, reach, generator) for size in x.shape[2:])
            result[sample, :, slice(None) if flat else z, y, width] = low + (high - low) * level
    return result


def _side(size: int, reach: Range, generator: torch.Generator) -> slice:
    length = max(round(uniform(generator, *reach) * size), 1)
    start = integer(generator, 0, size - length)
    return slice(start, start + length)
