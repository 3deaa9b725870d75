"""A picture of an image of one slice: a photograph in its own colours, thin structures as a see-through film."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import SimpleITK as sitk

from ...geometry import Box, Geometry
from ...volume import Segmentation, Volume
from ..drawing.canvas import PANEL
from ..drawing.shading import cover_thin, grey, grey_window, is_thin, paint_label, visible_color
from ..drawing.views import Plane, View, choose_view, cut_array, cut_image
from ..optional import needs

_FINER = 2
_LINE = 2.0
# A picture shows the whole slice unless its segments fill less than this share of it.
_SMALL = 0.4
_LARGE_VOXEL = 3.0
_SOFTENED = 0.35
# Colours of more than 8 bits seldom use the whole range; the brightest few pixels are no measure.
_BRIGHTEST = 99.9


def slice_view(segmentation: Segmentation, boxes: dict[int, Box], region: Box | None, plane: Plane) -> View:
    """The whole slice, or nearer where the segments are small or a region is given; never beyond the slice."""
    whole = Box.whole(segmentation.geometry.shape)
    near = choose_view(segmentation, boxes, region, (plane,))
    every = choose_view(segmentation, {}, whole, (plane,))
    if region is None and near.field_mm > _SMALL * every.field_mm:
        return replace(every, cut=near.cut)
    return near


def slice_pictures(
    volume: Volume, segmentation: Segmentation, boxes: dict[int, Box], view: View, plane: Plane, side: int
) -> tuple[np.ndarray, np.ndarray]:
    """The image with its labels, and the image alone, each uint8 (side, side, 3)."""
    step = view.field_mm / side
    coarse = _coarse_image(volume, step)
    alone = grey(cut_image(coarse, view, plane, side), _window(volume, coarse), PANEL).astype(np.float32)
    fine = np.repeat(np.repeat(alone, _FINER, axis=0), _FINER, axis=1)
    for value in boxes:
        share = _share(segmentation, value, view, plane, side * _FINER)
        color = visible_color(segmentation.label(value).color)
        if is_thin(share, _LINE * _FINER):
            cover_thin(fine, share, color)
            continue
        voxel = min(segmentation.geometry.spacing[:2]) / step
        blur = _SOFTENED * voxel * _FINER if voxel >= _LARGE_VOXEL else 0.0
        paint_label(fine, share, color, _LINE * _FINER, blur)
    labelled = fine.reshape(side, _FINER, side, _FINER, 3).mean(axis=(1, 3))
    return _bytes(labelled), _bytes(alone)


def _window(volume: Volume, coarse: Volume) -> tuple[float, float]:
    """Intensities that become black and white. Colours start at 0 and share one scale, so that hues stay."""
    if volume.channels != 3 or volume.voxels.dtype.kind != "u":
        return grey_window([coarse.voxels.astype(np.float32)])
    if volume.voxels.dtype == np.uint8:
        return 0.0, 255.0
    bright = float(np.percentile(coarse.voxels, _BRIGHTEST))
    return 0.0, bright if bright > 0 else 1.0


def _coarse_image(volume: Volume, step: float) -> Volume:
    """The image averaged over blocks where a picture's pixel is larger than several of its own, against moire."""
    factors = _factors(volume.geometry, step)
    if factors == (1, 1, 1):
        return volume
    voxels = np.stack([_averaged(channel, factors) for channel in volume.voxels])
    return replace(volume, voxels=voxels, geometry=_coarser(volume.geometry, factors))


def _share(segmentation: Segmentation, value: int, view: View, plane: Plane, pixels: int) -> np.ndarray:
    """How much of each pixel (pixels, pixels) a label has, 0 to 1."""
    geometry = segmentation.geometry
    factors = _factors(geometry, view.field_mm / pixels)
    share = _averaged(segmentation.voxels == value, factors)
    geometry = _coarser(geometry, factors)
    # A single slice has no neighbours that it could fade into, and ends where the image ends.
    flat = [axis for axis, length in enumerate(share.shape) if length == 1]
    margin = [(1, 1)] * 3
    share = np.pad(share, margin)
    for axis in flat:
        share = np.repeat(np.take(share, [1], axis=axis), 3, axis=axis)
    box = Box.whole(geometry.shape).padded((1, 1, 1))
    return cut_array(share, geometry.cropped(box), view, plane, pixels, sitk.sitkLinear, 0.0)


def _factors(geometry: Geometry, step: float) -> tuple[int, int, int]:
    """Voxels along z, y and x that are averaged to one."""
    z, y, x = (
        1 if length == 1 else max(int(step / spacing + 1e-6), 1)
        for length, spacing in zip(geometry.shape, geometry.array_spacing, strict=True)
    )
    return z, y, x


def _averaged(array: np.ndarray, factors: tuple[int, int, int]) -> np.ndarray:
    """Means of blocks (z, y, x), float32; what is left over at the far ends is dropped."""
    shape = [length // factor for length, factor in zip(array.shape, factors, strict=True)]
    z, y, x = (slice(0, n * factor) for n, factor in zip(shape, factors, strict=True))
    blocks = array[z, y, x].reshape(shape[0], factors[0], shape[1], factors[1], shape[2], factors[2])
    means: np.ndarray = blocks.mean(axis=(1, 3, 5), dtype=np.float32)
    return means


def _coarser(geometry: Geometry, factors: tuple[int, int, int]) -> Geometry:
    shape = [length // factor for length, factor in zip(geometry.shape, factors, strict=True)]
    kept = Box((0, 0, 0), (shape[0] * factors[0], shape[1] * factors[1], shape[2] * factors[2]))
    return geometry.cropped(kept).resized(shape)


def shrunk(picture: np.ndarray, side: int) -> np.ndarray:
    """A smaller copy of a picture (rows, columns, 3), uint8.

    Raises:
        DependencyError: Pillow is not installed.
    """
    with needs("Pillow", "A preview picture"):
        from PIL import Image
    return np.asarray(Image.fromarray(picture).resize((side, side), Image.Resampling.LANCZOS))


def _bytes(rgb: np.ndarray) -> np.ndarray:
    return (np.clip(rgb, 0, 1) * 255).round().astype(np.uint8)
