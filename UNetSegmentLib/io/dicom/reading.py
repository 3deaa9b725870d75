"""``read_series``: a series as a volume."""

from __future__ import annotations

from collections.abc import Sequence

from ...text import shown
from ...volume import Volume
from .folder import Series
from .header import Slice
from .pixels import inverted, read_voxels
from .stacking import stack

_INVERTED = (
    "The series is stored with bright and dark exchanged (MONOCHROME1); it was turned round, so that dense is bright."
)
_TABLE = "The series states a table for its values (modality LUT), which was not applied: the values are as stored."


def read_series(series: Series) -> Volume:
    """Reads and stacks the pictures of a series, sorted along their normal.

    Returns:
        voxels (channels, z, y, x), integers where all values are, else float32; the name is the series' description.

    Raises:
        InputError: slices of different sizes or planes, several volumes, no positions, films, broken files.
        GeometryError: missing slices or a tilted gantry.
        ResourceError: not enough memory.
    """
    stacked = stack(series)
    voxels = read_voxels(stacked.planes, str(series))
    turned = (_INVERTED,) if any(inverted(item) for item, _ in stacked.planes) else ()
    table = (_TABLE,) if any(item.table for item, _ in stacked.planes) else ()
    notes = series.notes + stacked.notes + turned + table + _bits(stacked.planes)
    modality = shown(series.modality, 16)
    return Volume(voxels, stacked.geometry, series.description or "series", notes, modality, series.identifier)


def _bits(planes: Sequence[tuple[Slice, int]]) -> tuple[str, ...]:
    """Far more headers are wrong than pixels shifted, so nothing is shifted back."""
    bits = next((item.bits for item, _ in planes if item.bits is not None), None)
    if bits is None:
        return ()
    return (
        f"The header places the values in other bits than the lowest (high bit {bits[1]}, {bits[0]} bits stored); they "
        "were read as they are. Check that they are in the range that you expect.",
    )
