"""Reading images and writing segmentations."""

from __future__ import annotations

from .atomic import atomic_path, check_writable
from .grid import place_on_grid
from .reading import read_volume
from .segmentations import (
    check_same_grid,
    check_segmentation_target,
    read_segmentation,
    write_segmentation,
    write_volume,
)

__all__ = [
    "atomic_path",
    "check_same_grid",
    "check_segmentation_target",
    "check_writable",
    "place_on_grid",
    "read_segmentation",
    "read_volume",
    "write_segmentation",
    "write_volume",
]
