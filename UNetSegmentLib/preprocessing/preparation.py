"""From an image to the network's input and back: orientation, crop, normalise, resample; each step on record."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch

from ..errors import InputError
from ..geometry import AxisMap, Box, Geometry
from ..models.card import Normalization, Preparation
from ..resampling import resize
from ..volume import Volume, check_voxels
from .normalization import normalize


@dataclass(frozen=True)
class PreparationRecord:
    """What :func:`prepare` did, enough to undo it.

    Attributes:
        source: the image's own grid.
        axes: takes source arrays to the model's orientation.
        box: the part of the oriented image that was prepared.
        target: the part of the oriented image that is asked for; inside ``box`` unless that was shrunk by the non-zero
            crop. What lies outside is background.
        grid: the grid of the prepared tensor.
        separate_axis: array axis that was resampled apart because it is much coarser, for the way back.
    """

    source: Geometry
    axes: AxisMap
    box: Box
    target: Box
    grid: Geometry
    separate_axis: int | None

    @property
    def resampled(self) -> bool:
        """Whether the prepared voxels are other than those of the image."""
        return self.grid.shape != self.box.shape

    def restore(self, part: np.ndarray, outside: float = 0) -> np.ndarray:
        """Puts an array of ``box.shape`` (leading axes allowed) back onto the source grid.

        Voxels outside ``target`` become ``outside``. Returns a new array (..., *source.shape) of the same type.
        """
        oriented = [self.source.shape[axis] for axis in self.axes.axes]
        full = np.full((*part.shape[:-3], *oriented), outside, dtype=part.dtype)
        kept = self.box.intersect(self.target)
        if not kept.empty:
            inner = kept.shifted([-n for n in self.box.start])
            full[(..., *kept.slices)] = part[(..., *inner.slices)]
        return np.ascontiguousarray(self.axes.invert(full))


@dataclass(frozen=True, eq=False)
class Prepared:
    """The network's input, float32 (channels, z, y, x) in the model's orientation and spacing, and the record of it."""

    tensor: torch.Tensor
    record: PreparationRecord


def prepare(
    volume: Volume,
    preparation: Preparation,
    region: Box | None = None,
    device: torch.device | str = "cpu",
    least_shape: Sequence[int] | None = None,
    normalize_region: bool = False,
) -> Prepared:
    """Prepares a volume as a model's card says.

    Args:
        region: voxels of the volume that are asked for; the whole by default.
        least_shape: (z, y, x) voxels at the model's spacing that a region is widened to (within the image), so that the
            network sees real context rather than padding.
        normalize_region: take intensity statistics from the region alone rather than from the whole image: right for
            models that were trained on crops.

    Raises:
        InputError: wrong number of channels, NaN, infinite or constant voxels, a region outside the image.
    """
    _check_channels(volume, preparation.normalization)
    codes = preparation.orientation or volume.geometry.axis_codes
    oriented, axes = volume.geometry.reoriented(codes)
    voxels = axes.apply(volume.voxels)
    target = Box.whole(oriented.shape)
    if region is not None:
        target = axes.apply_box(_inside(region, volume), volume.geometry.shape)
    spacing = _target_spacing(preparation, oriented)
    box = target if region is None else _widened(target, oriented, spacing, least_shape)
    extent = nonzero_box(voxels) if preparation.crop_nonzero else Box.whole(oriented.shape)
    box = box.intersect(extent)
    if box.empty:
        raise InputError(
            f"The region of '{volume.name}' holds only empty (zero) voxels.", "Move the region onto the structure."
        )
    counted = box if normalize_region else extent
    needs_whole = any(n.kind not in ("ct", "none") for n in preparation.normalization)
    counted = counted if needs_whole else box
    cut = replace(volume, voxels=voxels[(..., *counted.slices)], geometry=oriented.cropped(counted))
    check_voxels(cut)
    tensor = torch.from_numpy(np.array(cut.voxels, dtype=np.float32, order="C")).to(device)
    tensor = normalize(tensor, preparation.normalization)
    tensor = tensor[(..., *box.shifted([-n for n in counted.start]).slices)]
    return _resampled(tensor, preparation, oriented.cropped(box), spacing, volume.geometry, axes, box, target)


def _resampled(
    tensor: torch.Tensor,
    preparation: Preparation,
    grid: Geometry,
    spacing: tuple[float, float, float],
    source: Geometry,
    axes: AxisMap,
    box: Box,
    target: Box,
) -> Prepared:
    threshold = preparation.anisotropy_threshold
    shape = grid.shape_at(spacing)
    if shape != grid.shape:
        there = separate_axis(grid.array_spacing, spacing, threshold)
        tensor = resize(tensor, shape, preparation.image_order, separate_axis=there)
    back = separate_axis(spacing, grid.array_spacing, threshold)
    record = PreparationRecord(source, axes, box, target, grid.resized(shape), back)
    return Prepared(tensor.contiguous(), record)


def nonzero_box(voxels: np.ndarray) -> Box:
    """The bounding box of the voxels (channels, z, y, x) that differ from zero in any channel; the whole when none do.

    The same box as nnU-Net's crop: filling holes does not change a bounding box.
    """
    start, stop = [], []
    for axis in (1, 2, 3):
        others = tuple(a for a in range(4) if a != axis)
        used = np.flatnonzero((voxels != 0).any(axis=others))
        start.append(int(used[0]) if used.size else 0)
        stop.append(int(used[-1]) + 1 if used.size else voxels.shape[axis])
    return Box((start[0], start[1], start[2]), (stop[0], stop[1], stop[2]))


def separate_axis(spacing: Sequence[float], new_spacing: Sequence[float], threshold: float | None = 3.0) -> int | None:
    """The array axis that is much coarser than the other two in either spacing, or None (nnU-Net's test)."""
    if threshold is None:
        return None
    for candidate in (spacing, new_spacing):
        if max(candidate) / min(candidate) > threshold:
            coarse = [axis for axis, s in enumerate(candidate) if math.isclose(s, max(candidate))]
            return coarse[0] if len(coarse) == 1 else None
    return None


def _target_spacing(preparation: Preparation, oriented: Geometry) -> tuple[float, float, float]:
    own = oriented.array_spacing
    wanted = preparation.spacing or own
    z, y, x = (o if w is None else w for o, w in zip(own, wanted, strict=True))
    return z, y, x


def _widened(target: Box, oriented: Geometry, spacing: Sequence[float], least_shape: Sequence[int] | None) -> Box:
    """``target`` grown to at least ``least_shape`` voxels at ``spacing``, moved rather than cut at the image border."""
    if least_shape is None:
        return target
    start, stop = [], []
    for axis in range(3):
        size = oriented.shape[axis]
        need = math.ceil(least_shape[axis] * spacing[axis] / oriented.array_spacing[axis])
        low, high = target.start[axis], target.stop[axis]
        grow = max(need - (high - low), 0)
        low = max(min(low - grow // 2, size - (high - low) - grow), 0)
        start.append(low)
        stop.append(min(max(low + need, high), size))
    return Box((start[0], start[1], start[2]), (stop[0], stop[1], stop[2]))


def _check_channels(volume: Volume, normalization: Sequence[Normalization]) -> None:
    if volume.channels == len(normalization):
        return
    what = {3: " (an RGB image?)"}.get(volume.channels, "")
    raise InputError(
        f"'{volume.name}' has {volume.channels} channels{what}; the model needs {len(normalization)}.",
        "Give one single-channel image per input of the model.",
    )


def _inside(region: Box, volume: Volume) -> Box:
    inside = region.intersect(Box.whole(volume.geometry.shape))
    if inside.empty:
        raise InputError(
            f"The region lies outside the image '{volume.name}' ({volume.geometry.shape} voxels z, y, x).",
            "Move the region onto the image; regions are given in mm (RAS) or voxels of this image.",
        )
    return inside
