"""Rotation, scaling, elastic bending and flips as one sampling grid, so that every voxel is interpolated once."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.nn import functional

from .random_numbers import chance, normal_like, uniform

if TYPE_CHECKING:
    from ..config.values import AugmentationConfig


@dataclass(frozen=True, eq=False)
class Deformation:
    """Where each voxel of a patch comes from.

    Args:
        matrix: (3, 3), patch offsets from its centre to canvas offsets from its centre, voxels, (z, y, x).
        displacement: (3, *coarse) additional voxels (z, y, x) on a coarse grid, or None.
        flips: the array axes that the matrix mirrors.
    """

    matrix: Tensor
    displacement: Tensor | None
    flips: tuple[bool, bool, bool] = (False, False, False)


def draw_deformation(
    config: AugmentationConfig,
    patch: Sequence[int],
    flat: bool,
    generator: torch.Generator,
    spacing: Sequence[float] = (1.0, 1.0, 1.0),
) -> Deformation:
    """The parameters of one sample.

    Args:
        flat: keeps slices apart (2D networks): everything happens within z planes. ``config.in_plane`` does the same
            but for flips.
        spacing: (z, y, x) of a voxel in mm, so that anatomy is turned and not sheared where voxels are no cubes.
    """
    in_plane = flat or config.in_plane
    size = torch.tensor(spacing)
    turn = torch.diag(1 / size) @ _rotation(config, in_plane, generator) @ torch.diag(size)
    matrix = turn @ torch.diag(_scales(config, in_plane, generator))
    z, y, x = (chance(generator, p) and not (flat and axis == 0) for axis, p in enumerate(config.flip))
    matrix = matrix @ torch.diag(torch.tensor([-1.0 if flip else 1.0 for flip in (z, y, x)]))
    if not chance(generator, config.elastic):
        return Deformation(matrix, None, (z, y, x))
    coarse = [max(math.ceil(size / config.elastic_spacing), 2) for size in patch]
    strength = config.elastic_voxels * uniform(generator, 0.2, 1.0)
    displacement = normal_like(generator, torch.empty(3, *coarse)) * strength
    if in_plane:
        displacement[0] = 0
    return Deformation(matrix, displacement, (z, y, x))


def identity() -> Deformation:
    """Nothing moves."""
    return Deformation(torch.eye(3), None)


def deform(
    images: Tensor, labels: Tensor, deformations: Sequence[Deformation], patch: Sequence[int], channels: int
) -> tuple[Tensor, Tensor]:
    """Samples patches out of canvases.

    Args:
        images: (batch, channels, *canvas) float.
        labels: (batch, *canvas) integers below ``channels``.
        patch: (z, y, x) of the result, centred in the canvas.
        channels: how many label values there are, background included.

    Returns:
        images (batch, channels, *patch) interpolated linearly, labels (batch, *patch): at each voxel the label whose
        linearly interpolated indicator is largest, which keeps outlines smooth where nearest neighbour frays them.
    """
    if all(d.displacement is None and bool((d.matrix == torch.eye(3)).all()) for d in deformations):
        start = [(c - p) // 2 for c, p in zip(labels.shape[1:], patch, strict=True)]
        z, y, x = (slice(s, s + p) for s, p in zip(start, patch, strict=True))
        return images[..., z, y, x], labels[..., z, y, x]
    grid = _grid(deformations, patch, labels.shape[1:], images.device)
    own = images.shape[1]
    if channels <= 8:
        indicators = functional.one_hot(labels.long(), channels).movedim(-1, 1)[:, 1:].to(images.dtype)
        sampled = _sample(torch.cat([images, indicators], dim=1), grid)
        return sampled[:, :own], _largest(sampled[:, own:])
    return _sample(images, grid), _largest_one_by_one(labels, grid, channels, images.dtype)


def _sample(x: Tensor, grid: Tensor) -> Tensor:
    return functional.grid_sample(x, grid, mode="bilinear", padding_mode="border", align_corners=False)


def _largest(indicators: Tensor) -> Tensor:
    """The first of the largest; channel by channel, which is much quicker than ``argmax`` across a few channels."""
    best = 1.0 - indicators.sum(dim=1)
    result = torch.zeros(best.shape, dtype=torch.long, device=best.device)
    for channel in range(indicators.shape[1]):
        own = indicators[:, channel]
        result.masked_fill_(own > best, channel + 1)
        best = torch.maximum(best, own)
    return result


def _largest_one_by_one(labels: Tensor, grid: Tensor, channels: int, dtype: torch.dtype) -> Tensor:
    """The same with one indicator in memory at a time, for many labels."""
    best = torch.full((labels.shape[0], *grid.shape[1:4]), -1.0, dtype=dtype, device=labels.device)
    result = torch.zeros(best.shape, dtype=torch.long, device=labels.device)
    for value in range(channels):
        indicator = _sample((labels == value).to(dtype)[:, None], grid)[:, 0]
        better = indicator > best
        best, result = torch.where(better, indicator, best), torch.where(better, value, result)
    return result


def _grid(
    deformations: Sequence[Deformation], patch: Sequence[int], canvas: Sequence[int], device: torch.device
) -> Tensor:
    """(batch, *patch, 3) places in the canvas in grid_sample's units: x, y, z from -1 to 1 edge to edge."""
    axes = [torch.arange(n, dtype=torch.float32, device=device) - (n - 1) / 2 for n in patch]
    offsets = torch.stack(torch.meshgrid(*axes, indexing="ij"), dim=-1)
    matrices = torch.stack([d.matrix for d in deformations]).to(device)
    places = torch.einsum("zyxj,bij->bzyxi", offsets, matrices)
    for sample, deformation in enumerate(deformations):
        if deformation.displacement is not None:
            bend = deformation.displacement[None].to(device)
            bend = functional.interpolate(bend, size=tuple(patch), mode="trilinear", align_corners=True)[0]
            places[sample] += bend.movedim(0, -1)
    half = torch.tensor([n / 2 for n in canvas], device=device)
    # The patch's centre lies on the canvas's centre, or half a voxel before it where the two differ by an odd number.
    shift = torch.tensor([((c - p) % 2) / 2 for c, p in zip(canvas, patch, strict=True)], device=device)
    return ((places - shift) / half).flip(-1)


def _rotation(config: AugmentationConfig, flat: bool, generator: torch.Generator) -> Tensor:
    matrix = torch.eye(3)
    wanted = chance(generator, config.rotation)
    for axis in range(3):
        angle = math.radians(uniform(generator, -config.rotation_degrees, config.rotation_degrees))
        if not wanted or (flat and axis != 0):
            continue
        first, second = [a for a in range(3) if a != axis]
        turn = torch.eye(3)
        turn[first, first] = turn[second, second] = math.cos(angle)
        turn[first, second], turn[second, first] = -math.sin(angle), math.sin(angle)
        matrix = turn @ matrix
    return matrix


def _scales(config: AugmentationConfig, flat: bool, generator: torch.Generator) -> Tensor:
    wanted = chance(generator, config.scaling)
    common = uniform(generator, *(math.log(v) for v in config.scaling_range))
    own = [uniform(generator, -config.anisotropy, config.anisotropy) for _ in range(3)]
    if not wanted:
        return torch.ones(3)
    # Reaching further into the canvas makes things smaller, hence the inverse.
    scales = torch.tensor([math.exp(-common - extra) for extra in own])
    if flat:
        scales[0] = 1.0
    return scales
