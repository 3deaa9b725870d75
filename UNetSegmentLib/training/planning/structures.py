"""How large the structures of a data set are, case by case, and what a model's card says of its training cases."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ...models.card import ChannelIntensities, StructureSize, TrainingFingerprint

# A large structure's width needs no more voxels than this: its box is thinned to them first.
_MOST_VOXELS = 1 << 18
_DIGITS = 6


@dataclass(frozen=True)
class Extent:
    """One structure in one case: its volume in ml, and twice its largest inscribed radius in mm."""

    volume_ml: float
    width_mm: float


def extents(labels: np.ndarray, spacing: Sequence[float], groups: Mapping[int, Sequence[int]]) -> dict[int, Extent]:
    """Volume and width of each structure that a label map (z, y, x) holds.

    Args:
        spacing: mm in the order of the array's axes.
        groups: for each structure the values in the label map that it consists of.
    """
    from scipy import ndimage

    ml, found = math.prod(spacing) / 1000, {}
    boxes = ndimage.find_objects(labels if labels.dtype.kind == "u" else labels.astype(np.int32))
    for structure, values in groups.items():
        own = [boxes[v - 1] for v in values if 0 < v <= len(boxes) and boxes[v - 1] is not None]
        if not own:
            continue
        part = labels[_around(own)]
        mask = part == values[0] if len(values) == 1 else np.isin(part, values)
        flat = [n == 1 for n in labels.shape]
        found[structure] = Extent(int(np.count_nonzero(mask)) * ml, 2 * _inscribed_radius(mask, spacing, flat))
    return found


def _around(boxes: Sequence[tuple[slice, ...]]) -> tuple[slice, ...]:
    """The box around boxes."""
    axes = zip(*boxes, strict=True)
    return tuple(slice(min(s.start for s in axis), max(s.stop for s in axis)) for axis in axes)


def _inscribed_radius(mask: np.ndarray, spacing: Sequence[float], flat: Sequence[bool]) -> float:
    """Largest value in mm of the exact Euclidean distance transform (Maurer, Qi & Raghavan, 2003) of a mask in its box:
    the distance between a voxel's centre and that of the nearest one outside.

    Beyond the image there is nothing, so what touches its border is as narrow as it looks. A large mask is thinned,
    which rounds the radius to the thinner grid.

    Args:
        flat: axes along which the image has one voxel, and nothing to be narrow towards.
    """
    from scipy import ndimage

    steps = [1] * mask.ndim
    while mask.size > _MOST_VOXELS:
        # The axis with the finest grid loses least.
        axis = min(range(mask.ndim), key=lambda a: spacing[a] * steps[a] if mask.shape[a] > 1 else math.inf)
        mask = mask[tuple(slice(None, None, 2 if a == axis else 1) for a in range(mask.ndim))]
        steps[axis] *= 2
    grid = [s * n for s, n in zip(spacing, steps, strict=True)]
    padded = np.pad(mask, [(0, 0) if alone else (1, 1) for alone in flat])
    return float(ndimage.distance_transform_edt(padded, sampling=grid).max())


def sizes(cases: Sequence[Mapping[int, Extent]]) -> tuple[StructureSize, ...]:
    """The medians over the cases that have a structure."""
    values = sorted({value for case in cases for value in case})
    found = []
    for value in values:
        own = [case[value] for case in cases if value in case]
        volume, width = (float(np.median([getattr(e, name) for e in own])) for name in ("volume_ml", "width_mm"))
        found.append(StructureSize(value, _rounded(volume), _rounded(width)))
    return tuple(found)


def on_card(
    cases: int,
    inside: Sequence[tuple[float, float, float]],
    medians: Sequence[tuple[float, float]],
    structures: Sequence[StructureSize],
    labels: Sequence[int],
) -> TrainingFingerprint:
    """What a card says of its training cases.

    Args:
        inside: for each channel the percentiles 0.5, 50 and 99.5 inside the labels.
        medians: for each channel the lowest and the highest median of a case; empty where unknown.
        labels: the values that the model finds.
    """
    channels = []
    for number, percentiles in enumerate(inside):
        low, middle, high = (_rounded(value) for value in percentiles)
        ends = [_rounded(value) for value in medians[number]] if medians else [None, None]
        channels.append(ChannelIntensities(low, middle, high, *ends))
    return TrainingFingerprint(cases, tuple(channels), tuple(s for s in structures if s.value in labels))


def _rounded(value: float) -> float:
    return float(f"{value:.{_DIGITS}g}")
