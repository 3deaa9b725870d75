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
from ..resampling.affine import sample_affine, spacing_matrix
from ..volume import Volume, check_voxels
from .normalization import needs_whole_image, normalize, tells_zeros

_SAME_CORNER = 1e-8  # voxels
_SAME_SPACING = 1e-3  # mm; with aligned centres a spacing this close is kept as it is (MONAI's tolerance)


@dataclass(frozen=True)
class PreparationRecord:
    """What :func:`prepare` did, enough to undo it.

    Attributes:
        source: the image's own grid.
        axes: takes source arrays to the model's orientation and order of axes.
        box: the part of the oriented image that was prepared.
        target: the part of the oriented image that is asked for; inside ``box`` unless that was shrunk by the non-zero
            crop. What lies outside is background.
        grid: the grid of the prepared tensor.
        separate_axis: array axis that was resampled apart because it is much coarser, for the way back.
        steps: voxels of ``grid`` (z, y, x) from one voxel of ``box`` to the next where centres are aligned; None where
            the outer edges are.
        starts: with ``steps``, where in ``grid`` the first voxel of ``box`` lies.
    """

    source: Geometry
    axes: AxisMap
    box: Box
    target: Box
    grid: Geometry
    separate_axis: int | None
    steps: tuple[float, float, float] | None = None
    starts: tuple[float, float, float] = (0.0, 0.0, 0.0)

    @property
    def resampled(self) -> bool:
        """Whether the prepared voxels are other than those of the image."""
        return self.grid.shape != self.box.shape or (self.steps is not None and self.steps != (1.0, 1.0, 1.0))

    @property
    def source_box(self) -> Box:
        """The part of the image that was prepared, in its own orientation."""
        oriented = [self.source.shape[axis] for axis in self.axes.axes]
        return self.axes.inverse.apply_box(self.box, oriented)

    def restore(self, part: np.ndarray, outside: float = 0) -> np.ndarray:
        """Puts an array of ``box.shape`` (leading axes allowed) back onto the source grid.

        Voxels outside ``target`` become ``outside``. Returns a new array (..., *source.shape) of the same type.
        """
        oriented = [self.source.shape[axis] for axis in self.axes.axes]
        full = np.full((*part.shape[:-3], *oriented), outside, dtype=part.dtype)
        kept = self.box.intersect(self.target)
        if not kept.empty:
            inner = kept.relative_to(self.box)
            full[(..., *kept.slices)] = part[(..., *inner.slices)]
        return np.ascontiguousarray(self.axes.invert(full))


@dataclass(frozen=True, eq=False)
class Prepared:
    """The network's input, float32 (channels, z, y, x) in the model's orientation and spacing, and the record of it."""

    tensor: torch.Tensor
    record: PreparationRecord


@dataclass(frozen=True)
class Layout:
    """What a preparation is going to do to the grid of an image.

    Attributes:
        record: as it will be.
        oriented: the grid of the whole image along the model's axes.
        extent: the part of the oriented image that intensities are counted in: the whole, or its non-zero box.
        separate_axis: array axis that is resampled apart on the way there.
    """

    record: PreparationRecord
    oriented: Geometry
    extent: Box
    separate_axis: int | None


def lay_out(
    volume: Volume, preparation: Preparation, region: Box | None = None, least_shape: Sequence[int] | None = None
) -> Layout:
    """Plans a preparation; see :func:`prepare` for the arguments and errors."""
    oriented, axes = model_axes(volume.geometry, preparation)
    target = Box.whole(oriented.shape)
    if region is not None:
        target = axes.apply_box(_inside(region, volume), volume.geometry.shape)
    spacing = _target_spacing(preparation, oriented)
    box = target if region is None else _widened(target, oriented, spacing, least_shape)
    extent = Box.whole(oriented.shape)
    if preparation.crop_nonzero:
        extent = nonzero_box(axes.apply(volume.voxels))
    box = box.intersect(extent)
    if box.empty:
        raise InputError(
            f"The region of '{volume.name}' holds only empty (zero) voxels.", "Move the region onto the structure."
        )
    record = _record(preparation, oriented.cropped(box), spacing, volume.geometry, axes, box, target)
    apart = separate_axis(oriented.array_spacing, spacing, preparation.anisotropy_threshold)
    return Layout(record, oriented, extent, apart)


def prepare(
    volume: Volume,
    preparation: Preparation,
    region: Box | None = None,
    device: torch.device | str = "cpu",
    least_shape: Sequence[int] | None = None,
    normalize_region: bool = False,
    layout: Layout | None = None,
) -> Prepared:
    """Prepares a volume as a model's card says.

    Args:
        region: voxels of the volume that are asked for; the whole by default.
        least_shape: (z, y, x) voxels at the model's spacing that a region is widened to (within the image), so that the
            network sees real context rather than padding.
        normalize_region: take intensity statistics from the region alone rather than from the whole image: right for
            models that were trained on crops.
        layout: of :func:`lay_out` for the same arguments, where it has been made already.

    Raises:
        InputError: wrong number of channels, NaN, infinite or constant voxels, a region outside the image.
    """
    _check_channels(volume, preparation.normalization)
    layout = layout or lay_out(volume, preparation, region, least_shape)
    record, apart = layout.record, layout.separate_axis
    needs_whole = any(needs_whole_image(rule) for rule in preparation.normalization) and not normalize_region
    counted = layout.extent if needs_whole else record.box
    voxels = record.axes.apply(volume.voxels)[(..., *counted.slices)]
    check_voxels(replace(volume, voxels=voxels, geometry=layout.oriented.cropped(counted)))
    tensor = torch.from_numpy(np.array(voxels, dtype=np.float32, order="C")).to(device)
    if preparation.normalize_resampled and counted == record.box:
        if record.resampled and preparation.image_order == 1 and any(map(tells_zeros, preparation.normalization)):
            tensor = _sampled(tensor, layout)
        else:
            tensor = onto_grid(tensor, record, preparation.image_order, apart)
        tensor = normalize(tensor, preparation.normalization)
    else:
        # Also for a region whose statistics come from the whole image: only that much need then be resampled, and the
        # order hardly matters, because both steps are linear but for clipping.
        wanted = record.box.relative_to(counted)
        tensor = normalize(tensor, preparation.normalization)[(..., *wanted.slices)]
        tensor = onto_grid(tensor, record, preparation.image_order, apart)
    prepared = Prepared(tensor.contiguous(), record)
    return _foreground(prepared, preparation.output_order) if preparation.crop_foreground else prepared


def model_axes(geometry: Geometry, preparation: Preparation) -> tuple[Geometry, AxisMap]:
    """An image's grid with the axes that the model wants, and the map that takes arrays there."""
    oriented, axes = geometry.reoriented(preparation.orientation or geometry.axis_codes)
    return oriented.transposed(preparation.transpose), axes.then(preparation.transpose)


def _record(
    preparation: Preparation,
    cropped: Geometry,
    spacing: tuple[float, float, float],
    source: Geometry,
    axes: AxisMap,
    box: Box,
    target: Box,
) -> PreparationRecord:
    if preparation.alignment == "centres":
        own = cropped.array_spacing
        z, y, x = (w / o for o, w in zip(own, spacing, strict=True))
        cropped.shape_at(spacing)  # refuses what no number can hold
        shape = [round((n - 1) / step + 1) for n, step in zip(cropped.shape, (z, y, x), strict=True)]
        grid = replace(cropped, size=(shape[2], shape[1], shape[0]), spacing=spacing[::-1])
        starts = (0.0, 0.0, 0.0)
        if not _orthogonal(cropped, spacing):
            # MONAI then gives both grids the same middle.
            mine = zip(cropped.shape, shape, (z, y, x), strict=True)
            back = [m / 2 - n / 2 / step for n, m, step in mine]
            starts = (back[0], back[1], back[2])
        return PreparationRecord(source, axes, box, target, grid, None, (1 / z, 1 / y, 1 / x), starts)
    grid = cropped.resized(cropped.shape_at(spacing))
    apart = separate_axis(spacing, cropped.array_spacing, preparation.anisotropy_threshold)
    return PreparationRecord(source, axes, box, target, grid, apart)


def onto_grid(tensor: torch.Tensor, record: PreparationRecord, order: int, apart: int | None = None) -> torch.Tensor:
    """Voxels (..., z, y, x) of ``record.box`` on the prepared grid.

    Args:
        order: spline order.
        apart: array axis that is resampled by nearest neighbour.
    """
    if not record.resampled:
        return tensor
    if record.steps is not None:
        there = [1 / step for step in record.steps]
        first = [-start * step for start, step in zip(record.starts, there, strict=True)]
        return resize(tensor, record.grid.shape, order, steps=there, starts=first)
    return resize(tensor, record.grid.shape, order, separate_axis=apart)


def _sampled(tensor: torch.Tensor, layout: Layout) -> torch.Tensor:
    """The same to the last digit of MONAI's own, for rules to which a value of exactly zero is a special one."""
    record = layout.record
    image, grid = layout.oriented.cropped(record.box), record.grid
    aligned = record.starts == (0.0, 0.0, 0.0)
    return sample_affine(tensor, grid.shape, spacing_matrix(image, grid.shape, grid.array_spacing, aligned))


def _foreground(prepared: Prepared, order: int) -> Prepared:
    """Cropped to the positive voxels. What of the image lies a voxel or more (half of one, for order 0) outside is no
    longer asked for."""
    record = prepared.record
    assert record.steps is not None
    crop = nonzero_box((prepared.tensor > 0).cpu().numpy())
    starts = [start - first for start, first in zip(record.starts, crop.start, strict=True)]
    reach = 0.5 if order == 0 else 1.0
    ranges = []
    for size, start, step, length in zip(record.box.shape, starts, record.steps, crop.shape, strict=True):
        places = start + np.arange(size) * step
        inside = np.flatnonzero((places > -reach) & (places < length - 1 + reach))
        ranges.append((int(inside[0]), int(inside[-1]) + 1) if inside.size else (0, 0))
    low, high = zip(*ranges, strict=True)
    kept = Box((low[0], low[1], low[2]), (high[0], high[1], high[2])).shifted(record.box.start)
    cropped = replace(
        record,
        target=record.target.intersect(kept),
        grid=record.grid.cropped(crop),
        starts=(starts[0], starts[1], starts[2]),
    )
    return Prepared(prepared.tensor[(..., *crop.slices)].contiguous(), cropped)


def _orthogonal(image: Geometry, spacing: Sequence[float]) -> bool:
    """Whether MONAI finds that an image's first voxel is the first one of the new grid too.

    It looks for a corner that no other voxel lies before, in units of the new spacing and to eight digits. In an
    oblique image the rounding of the directions in the file decides that.
    """
    # In units of the longest spacing, whose square may be too large a number.
    unit = max(image.spacing)
    matrix = np.array(image.direction).reshape(3, 3) * (np.array(image.spacing) / unit)
    sheared = np.linalg.cholesky(matrix.T @ matrix).T / (np.array(spacing[::-1]) / unit)[:, None]
    reach = np.minimum(sheared - np.diag(np.diag(sheared)), 0.0) @ (np.array(image.size) - 1.0)
    return bool((reach >= -_SAME_CORNER).all())


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
            coarse = [axis for axis, s in enumerate(candidate) if max(candidate) / s == 1]
            return coarse[0] if len(coarse) == 1 else None
    return None


def _target_spacing(preparation: Preparation, oriented: Geometry) -> tuple[float, float, float]:
    own = oriented.array_spacing
    wanted = preparation.spacing or own
    kept = _SAME_SPACING if preparation.alignment == "centres" else 0.0
    z, y, x = (o if w is None or abs(o - w) <= kept else w for o, w in zip(own, wanted, strict=True))
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
