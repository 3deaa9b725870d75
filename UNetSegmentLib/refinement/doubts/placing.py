"""The value of a place, from its voxels."""

from __future__ import annotations

import numpy as np

from ...geometry import Box, Geometry
from ...reporting.units import SizeKind, size_kind
from ...volume import Segmentation
from .label_pairs import lengths_of
from .places import DoubtfulPlace, Kind, Reason


def make_place(
    segmentation: Segmentation,
    flat: np.ndarray,
    *,
    segment: int,
    kind: Kind,
    reason: Reason,
    score: float,
    now: int,
    likelihood: float = 0.0,
) -> DoubtfulPlace:
    """A place of voxels given by flat indices."""
    geometry = segmentation.geometry
    index = np.stack(np.unravel_index(flat, geometry.shape), axis=1)
    low, high = index.min(axis=0), index.max(axis=0) + 1
    box = Box((int(low[0]), int(low[1]), int(low[2])), (int(high[0]), int(high[1]), int(high[2])))
    inside = np.zeros(box.shape, bool)
    inside[tuple((index - low).T)] = True
    z, y, x = (int(n) for n in low + _deep_within(inside, geometry))
    told = size_kind(geometry)
    px, py, pz = (float(n) for n in geometry.to_physical(np.array([x, y, z])))
    area = None
    if told is SizeKind.AREA:
        area = len(flat) * float(np.prod(lengths_of(geometry)))
    return DoubtfulPlace(
        segment=segment,
        kind=kind,
        reason=reason,
        score=score,
        position=(px, py, pz),
        index=(z, y, x),
        size_ml=len(flat) * geometry.voxel_volume / 1000,
        box=box,
        inside=inside,
        now=now,
        likelihood=likelihood,
        size_kind=told,
        area_mm2=area,
    )


def _deep_within(inside: np.ndarray, geometry: Geometry) -> np.ndarray:
    """Index of a voxel of the mask that lies farthest from what is outside it, the first among equals."""
    from scipy import ndimage

    depth = ndimage.distance_transform_edt(np.pad(inside, 1), sampling=geometry.array_spacing)[1:-1, 1:-1, 1:-1]
    return np.array(np.unravel_index(int(depth.argmax()), inside.shape))
