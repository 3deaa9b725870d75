"""Cutting a canvas out of a case, and deciding what lies where the canvas leaves the image.

A network that has only ever seen tight crops fails on a wide one. Filling the outside in several ways (mirrored
anatomy, another case, noise, nothing) teaches it that context may be anything.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.nn import functional

from .random_numbers import chance, integer, normal_like, pick, uniform

if TYPE_CHECKING:
    from ..cases.case import Case
    from ..config.values import SamplingConfig

Range3 = tuple[tuple[int, int], tuple[int, int], tuple[int, int]]


def cut_canvas(
    case: Case,
    others: Sequence[Case],
    start: Sequence[int],
    shape: Sequence[int],
    config: SamplingConfig,
    generator: torch.Generator,
) -> tuple[Tensor, Tensor]:
    """A canvas of ``shape`` (z, y, x) voxels whose first voxel is ``start`` in the case's own indices.

    Args:
        others: cases to borrow voxels from.

    Returns:
        image (channels, *shape) and label (*shape) of the canvas.
    """
    bounds = _bounds(case, config, generator)
    names = list(config.padding)
    kind = names[pick(generator, [config.padding[name] for name in names])]
    mode = kind if kind in ("reflect", "edge") else "edge"
    image, label, inside = _gather(case, start, shape, bounds, mode)
    if kind in ("reflect", "edge") or bool(inside.all()):
        return image, label
    if kind == "other":
        other = others[integer(generator, 0, len(others) - 1)]
        away = [integer(generator, -size, size) for size in shape]
        fill, fill_label, _ = _gather(other, away, shape, _whole(other), "reflect")
    else:
        fill = _constant(case, image, generator) if kind == "constant" else _noise(image, generator)
        fill_label = torch.zeros_like(label)
    return torch.where(inside, image, fill), torch.where(inside, label, fill_label)


def _bounds(case: Case, config: SamplingConfig, generator: torch.Generator) -> Range3:
    """The part of the image that counts as image: all of it, or a random sub-crop."""
    if not chance(generator, config.subcrop):
        return _whole(case)
    cut = []
    for size in case.label.shape:
        first, second = (uniform(generator, 0.0, config.subcrop_share) for _ in range(2))
        cut.append((int(size * first), size - int(size * second)))
    return cut[0], cut[1], cut[2]


def _whole(case: Case) -> Range3:
    z, y, x = case.label.shape
    return (0, z), (0, y), (0, x)


def _gather(
    case: Case, start: Sequence[int], shape: Sequence[int], bounds: Range3, mode: str
) -> tuple[Tensor, Tensor, Tensor]:
    indices, inside = [], []
    for first, count, (low, high) in zip(start, shape, bounds, strict=True):
        index = torch.arange(first, first + count)
        inside.append((index >= low) & (index < high))
        indices.append(_reflect(index, low, high) if mode == "reflect" else index.clamp(low, high - 1))
    z, y, x = indices[0][:, None, None], indices[1][None, :, None], indices[2][None, None, :]
    mask = inside[0][:, None, None] & inside[1][None, :, None] & inside[2][None, None, :]
    return case.image[:, z, y, x], case.label[z, y, x], mask


def _reflect(index: Tensor, low: int, high: int) -> Tensor:
    """Indices folded back into [low, high), mirrored about the border voxels, as often as needed."""
    last = high - low - 1
    if last == 0:
        return torch.full_like(index, low)
    folded = torch.remainder(index - low, 2 * last)
    return low + torch.minimum(folded, 2 * last - folded)


def _constant(case: Case, image: Tensor, generator: torch.Generator) -> Tensor:
    """The darkest value of the image (what lies outside a head), its mean, or any value between its extremes."""
    low, high = case.extremes
    value = (low, 0.0, uniform(generator, low, high))[integer(generator, 0, 2)]
    return torch.full_like(image, value)


def _noise(image: Tensor, generator: torch.Generator) -> Tensor:
    """Soft random texture of a random grain, level and strength."""
    grain = uniform(generator, 1.5, 6.0)
    coarse = [max(int(size / grain), 1) for size in image.shape[1:]]
    texture = normal_like(generator, image.new_empty(1, image.shape[0], *coarse))
    texture = functional.interpolate(texture, size=image.shape[1:], mode="trilinear", align_corners=False)[0]
    return texture * uniform(generator, 0.2, 1.5) + uniform(generator, -1.5, 1.5)
