"""The space in which a network works: 2D or 3D, at which spacing, along which axes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from ...models.card import Preparation
from .card import preparation_of
from .fingerprint import Fingerprint
from .preferences import Preferences
from .spacing import coarsest_first, resampled_shape, target_spacing, works_in_slices


@dataclass(frozen=True)
class Frame:
    """Typical image and spacing along the network's axes, and the preparation that leads there."""

    dimension: int
    shape: tuple[int, ...]
    spacing: tuple[float, ...]
    preparation: Preparation


def frame_of(fingerprint: Fingerprint, channels: Sequence[str], wishes: Preferences) -> Frame:
    """Dimension, spacing and order of axes that suit the data."""
    if fingerprint.flat:
        return _flat_frame(fingerprint, channels, wishes)
    target = target_spacing(fingerprint.spacings, fingerprint.shapes)
    if wishes.spacing is not None:
        given = (w if w is not None else t for w, t in zip(wishes.spacing, target, strict=True))
        z, y, x = given
        target = (z, y, x)
    order = coarsest_first(target)
    shapes = [resampled_shape(s, m, target) for s, m in zip(fingerprint.shapes, fingerprint.spacings, strict=True)]
    typical = np.median(shapes, axis=0).round().astype(int).tolist()
    shape, spacing = [typical[axis] for axis in order], [round(target[axis], 6) for axis in order]
    slices = works_in_slices(shape, spacing) if wishes.dimension is None else wishes.dimension == 2
    wanted = (None if slices else spacing[0], spacing[1], spacing[2])
    preparation = preparation_of(fingerprint, channels, wanted, order, wishes.normalization)
    first = 1 if slices else 0
    return Frame(3 - first, tuple(shape[first:]), tuple(spacing[first:]), preparation)


def _flat_frame(fingerprint: Fingerprint, channels: Sequence[str], wishes: Preferences) -> Frame:
    """Pictures: resampled only where their pixels have different, known sizes."""
    table = np.array(fingerprint.spacings)[:, 1:]
    same = bool((abs(table / table[0] - 1) < 1e-3).all())
    middle = np.median(table, axis=0)
    spacing = (float(middle[0]), float(middle[1]))
    wanted = None if same or not fingerprint.physical else (None, *spacing)
    if wishes.spacing is not None:
        spacing = (wishes.spacing[1], wishes.spacing[2])
        wanted = (None, *spacing)
    shapes = [
        resampled_shape(s, m, (1.0, *spacing)) for s, m in zip(fingerprint.shapes, fingerprint.spacings, strict=True)
    ]
    typical = np.median(shapes, axis=0).round().astype(int).tolist()
    preparation = preparation_of(fingerprint, channels, wanted, (0, 1, 2), wishes.normalization)
    lengths = {max(shape) for shape in fingerprint.shapes}
    if wishes.photographs and not fingerprint.physical and len(lengths) == 1:
        preparation = replace(preparation, photograph_pixels=lengths.pop())
    return Frame(2, tuple(typical[1:]), spacing, preparation)
