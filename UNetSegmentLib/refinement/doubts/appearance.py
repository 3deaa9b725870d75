"""Where a mask's border does not fit the image, without any model: brightness that belongs to the other side, and
borders where the image has no edge.

Weaker than a model's doubt. Brightness is compared near the segment alone, and believed only as far as it tells the
segment from what is around it.
"""

from __future__ import annotations

from collections.abc import Collection

import numpy as np

from ...geometry import Box
from ...postprocessing.boxes import label_boxes
from ...volume import Segmentation, Volume
from ..checks import checked_grid
from .evidence import Doubts, border_voxels, likeliest
from .neighbours import connected_voxels
from .places import DoubtfulPlace, Kind, Reason
from .placing import make_place

_BAND = 4.0  # voxels from the border that are judged by their brightness
_BINS = 64
_LEAST_SEPARATION = 0.4  # of the two sides' histograms: 1 where they do not overlap
_LEAST_LIKELY = 0.6
_FLAT_SHARE = 0.25  # of the segment's usual edge
_EDGE_OVER_INSIDE = 2.0  # what the usual edge must exceed the usual gradient within by, to be one
_EDGE_WEIGHT = 0.2
_LEAST_VOXELS = 6


def doubts_from_image(segmentation: Segmentation, volume: Volume, segments: Collection[int] | None = None) -> Doubts:
    """Voxels near a segment's border whose brightness is that of the other side. Weaker than a model's doubt.

    Background and one segment at a time are compared; borders between segments are left out.

    Args:
        volume: on the segmentation's grid; of several channels the mean over them counts.
        segments: label values that are looked at; None: all.

    Raises:
        GeometryError: another grid.
    """
    checked_grid(volume, segmentation)
    parts = [_side_of(segmentation, volume, value, box) for value, box in _boxes(segmentation, segments)]
    flat, likely, instead = (np.concatenate(column) for column in zip(_NOTHING, *parts, strict=True))
    # A background voxel between two segments is judged twice; the likelier one counts.
    order = np.lexsort((-likely, flat))
    first = np.append(True, flat[order][1:] != flat[order][:-1]) if len(flat) else np.zeros(0, bool)
    kept = order[first]
    return Doubts(segmentation, *likeliest(flat[kept], likely[kept], instead[kept]), Reason.INTENSITY)


def edgeless_places(
    segmentation: Segmentation, volume: Volume, segments: Collection[int] | None = None
) -> list[DoubtfulPlace]:
    """Parts of a segment's border to the background where the image has hardly any of the edge that it has elsewhere
    along that border, in no order.

    Raises:
        GeometryError: another grid.
    """
    checked_grid(volume, segmentation)
    found = []
    for value, box in _boxes(segmentation, segments):
        found += _edgeless(segmentation, volume, value, box)
    return found


_NOTHING = (np.zeros(0, np.int64), np.zeros(0, np.float32), np.zeros(0, np.uint16))


def _boxes(segmentation: Segmentation, segments: Collection[int] | None) -> list[tuple[int, Box]]:
    """The box of every segment with a margin around it."""
    margin = [int(_BAND) + 2] * 3
    whole = Box.whole(segmentation.geometry.shape)
    boxes = label_boxes(segmentation.voxels).items()
    return [
        (value, box.padded(margin).intersect(whole)) for value, box in boxes if segments is None or value in segments
    ]


def _side_of(
    segmentation: Segmentation, volume: Volume, value: int, box: Box
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    from scipy import ndimage

    labels = segmentation.voxels[box.slices]
    mask, free = labels == value, labels == 0
    spacing = np.asarray(segmentation.geometry.array_spacing)
    band = _BAND * float(spacing.min())
    near = (ndimage.distance_transform_edt(~mask, sampling=spacing) <= band) & free
    outer = mask & (ndimage.distance_transform_edt(mask, sampling=spacing) <= band)
    if np.count_nonzero(near) < _BINS or np.count_nonzero(mask) < _BINS:
        return _NOTHING
    evidence, separation = _log_ratio(_grey(volume, box), mask, near)
    if separation < _LEAST_SEPARATION:
        return _NOTHING
    # Neighbours have their say: a voxel alone is noise.
    evidence = ndimage.uniform_filter(evidence, [3 if n > 1 else 1 for n in evidence.shape])
    inside = 1 / (1 + np.exp(-evidence))
    likely = np.where(outer, 1 - inside, np.where(near, inside, 0)) * separation
    chosen = (likely >= _LEAST_LIKELY * separation) & (outer | near)
    index = np.argwhere(chosen) + box.start
    flat = np.ravel_multi_index(tuple(index.T), segmentation.geometry.shape)
    return flat, likely[chosen].astype(np.float32), np.where(mask[chosen], 0, value).astype(np.uint16)


def _log_ratio(image: np.ndarray, mask: np.ndarray, near: np.ndarray) -> tuple[np.ndarray, float]:
    """Of every voxel, how much likelier its brightness is within the mask than near it (log), and how far the two
    histograms are apart: 0 the same, 1 without anything in common."""
    from scipy import ndimage

    low, high = np.percentile(image[mask | near], (0.5, 99.5))
    bins = np.clip((image - low) / max(high - low, 1e-30) * _BINS, 0, _BINS - 1).astype(np.int64)
    shares = []
    for side in (mask, near):
        counts = ndimage.gaussian_filter1d(np.bincount(bins[side], minlength=_BINS).astype(float), 1.5, mode="nearest")
        shares.append((counts + 0.5) / (counts + 0.5).sum())
    separation = float(np.abs(shares[0] - shares[1]).sum() / 2)
    return np.log(shares[0] / shares[1])[bins], separation


def _edgeless(segmentation: Segmentation, volume: Volume, value: int, box: Box) -> list[DoubtfulPlace]:
    from scipy import ndimage

    labels = segmentation.voxels[box.slices]
    mask = labels == value
    spacing = np.asarray(segmentation.geometry.array_spacing)
    sigma = [float(spacing.min() / mm) if n > 1 else 0.0 for mm, n in zip(spacing, labels.shape, strict=True)]
    gradient = ndimage.gaussian_gradient_magnitude(_grey(volume, box), sigma)
    # Of the border to the background only, and not where the image ends.
    border = np.zeros(labels.size, bool)
    border[border_voxels(np.where(mask, 1, np.where(labels == 0, 0, 1)))] = True
    border = border.reshape(labels.shape) & mask
    deep = mask & ~ndimage.binary_dilation(border, iterations=2)
    if not border.any() or not deep.any():
        return []
    usual = float(np.median(gradient[border]))
    if usual < _EDGE_OVER_INSIDE * float(np.median(gradient[deep])):
        return []
    strongest = ndimage.maximum_filter(gradient, [3 if n > 1 else 1 for n in labels.shape])
    flat_there = border & (strongest < _FLAT_SHARE * usual)
    ml = segmentation.geometry.voxel_volume / 1000
    return [
        make_place(
            segmentation,
            np.ravel_multi_index(tuple((index + box.start).T), segmentation.geometry.shape),
            segment=value,
            kind=Kind.BORDER,
            reason=Reason.NO_EDGE,
            score=_EDGE_WEIGHT * len(index) * ml,
            now=value,
        )
        for index in connected_voxels(flat_there)
        if len(index) >= _LEAST_VOXELS
    ]


def _grey(volume: Volume, box: Box) -> np.ndarray:
    """float32 (z, y, x): the mean of the channels, with the lowest finite value where there is none."""
    image = volume.voxels[(slice(None), *box.slices)].astype(np.float32)
    image = image.mean(axis=0) if len(image) > 1 else image[0]
    finite = np.isfinite(image)
    if not finite.all():
        image = np.where(finite, image, image[finite].min() if finite.any() else 0)
    return image
