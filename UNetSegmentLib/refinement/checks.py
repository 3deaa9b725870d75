"""What a session is given, checked before anything is kept of it."""

from __future__ import annotations

import numpy as np

from ..errors import GeometryError, InputError
from ..volume import Segmentation, Volume

LARGEST = int(np.iinfo(np.uint16).max)
"""The highest value of a label."""


def checked_label(label: object) -> int:
    """A label of a segment.

    Raises:
        InputError: no whole number from 1 to :data:`LARGEST`.
    """
    try:
        value = int(label)  # type: ignore[call-overload]
        good = 1 <= value <= LARGEST and value == label
    except (TypeError, ValueError, OverflowError):
        good = False
    if not good:
        raise InputError(f"{label!r} is no label of a segment.", f"Give a whole number from 1 to {LARGEST}.")
    return int(value)


def checked_reach(reach: float) -> float:
    """A distance in mm.

    Raises:
        InputError: not positive, or not finite.
    """
    if not 0 < reach < float("inf"):
        raise InputError(f"A prompt cannot reach {reach} mm.", "Give a distance above 0.")
    return float(reach)


def checked_grid(volume: Volume, segmentation: Segmentation) -> None:
    """Refuses a segmentation of another grid.

    Raises:
        GeometryError: says how the grids differ.
    """
    difference = volume.geometry.difference(segmentation.geometry)
    if difference:
        raise GeometryError(
            f"The segmentation and '{volume.name}' do not share a grid ({difference}).",
            "Resample one to the other first, or choose the image that was segmented.",
        )


def label_values(array: np.ndarray, what: str = "The segmentation") -> np.ndarray:
    """Labels as unsigned numbers: the array itself where it holds them, a copy where it holds others.

    Raises:
        InputError: not whole numbers from 0 to :data:`LARGEST`.
    """
    if array.dtype in (np.uint8, np.uint16):
        return array
    if array.dtype == bool:
        return array.astype(np.uint8)
    # False for NaN too.
    with np.errstate(invalid="ignore"):
        whole = array.dtype.kind in "uif" and bool(((array >= 0) & (array <= LARGEST) & (array % 1 == 0)).all())
    if not whole:
        raise InputError(
            f"{what} ({array.dtype}) holds other than whole numbers from 0 to {LARGEST}.",
            "Round or renumber the labels.",
        )
    return array.astype(np.uint16 if array.max(initial=0) > np.iinfo(np.uint8).max else np.uint8)


def checked_probabilities(values: Volume | np.ndarray | None, volume: Volume) -> np.ndarray | None:
    """Probabilities as an array (z, y, x) of a float type, uint8 or bool.

    Raises:
        GeometryError: they lie on another grid.
        InputError: they are of a type whose range nobody knows.
    """
    if values is None:
        return None
    if isinstance(values, Volume):
        difference = volume.geometry.difference(values.geometry)
        if difference:
            raise GeometryError(
                f"The probabilities and '{volume.name}' do not share a grid ({difference}).",
                "Give those of this image.",
            )
    array = values.voxels if isinstance(values, Volume) else values
    if array.ndim == 4 and array.shape[0] == 1:
        array = array[0]
    array = on_grid(array, volume, "The probabilities")
    if array.dtype.kind not in "fb" and array.dtype != np.uint8:
        raise InputError(
            f"The probabilities are of the type {array.dtype}.",
            "Give float numbers from 0 to 1, or uint8 from 0 to 255.",
        )
    return array


def on_grid(array: np.ndarray, volume: Volume, what: str) -> np.ndarray:
    """An array that fits the image.

    Raises:
        GeometryError: it has another shape.
    """
    if array.shape != volume.geometry.shape:
        raise GeometryError(
            f"{what} have the shape {array.shape}, '{volume.name}' has {volume.geometry.shape} (z, y, x).",
            "Give them on the image's grid, for one segment.",
        )
    return array
