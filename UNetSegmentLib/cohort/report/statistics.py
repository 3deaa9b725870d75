"""Each segment over all cases: how large it is, and how well it agrees with references."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from ..record import Record, SegmentSize


@dataclass
class SegmentValues:
    """One segment in all cases: sizes where it was found, in ``unit``; Dice where there are references."""

    name: str
    unit: str
    sizes: list[float] = field(default_factory=list)
    dice: list[float] = field(default_factory=list)
    missing: int = 0

    def spread(self, values: Sequence[float]) -> tuple[float, float, float, float, float] | None:
        """Smallest, 5th percentile, median, 95th percentile and largest; None of nothing."""
        if not values:
            return None
        low, five, middle, most, high = (float(v) for v in np.percentile(values, (0, 5, 50, 95, 100)))
        return low, five, middle, most, high


def segment_values(records: Sequence[Record]) -> list[SegmentValues]:
    """Of every segment that any record has, in their order."""
    found: dict[tuple[str, str], SegmentValues] = {}
    for record in records:
        for segment in record.segments:
            values = found.setdefault((segment.name, segment.unit), SegmentValues(segment.name, segment.unit))
            if segment.voxels:
                values.sizes.append(size_of(segment))
            else:
                values.missing += 1
            if segment.dice is not None:
                values.dice.append(segment.dice)
    return list(found.values())


def size_of(segment: SegmentSize) -> float:
    """In its unit; pixels where nothing is known of their size."""
    return float(segment.voxels if segment.size is None else segment.size)
