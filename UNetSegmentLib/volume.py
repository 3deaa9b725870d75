"""Images and label maps: voxels together with the grid that they lie on."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from .errors import GeometryError, InputError
from .geometry import Box, Geometry
from .labels import Label


@dataclass(frozen=True, eq=False)
class Volume:
    """An image.

    Args:
        voxels: shape (channels, z, y, x), any real type. A 2D image has z = 1; RGB has three channels.
        geometry: the grid of the last three axes.
        name: what to call it in messages, often the file's name.
        notes: sentences on what reading or preparing chose for the user; every result and table passes them on.

    Raises:
        GeometryError: the array does not fit the grid.
    """

    voxels: np.ndarray
    geometry: Geometry
    name: str = "image"
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.voxels.ndim != 4 or self.voxels.shape[1:] != self.geometry.shape:
            raise GeometryError(
                f"{self.name}: an array of shape {self.voxels.shape} does not fit a grid of {self.geometry.shape} "
                "(channels, z, y, x expected)."
            )

    @property
    def channels(self) -> int:
        return int(self.voxels.shape[0])

    def cropped(self, box: Box) -> Volume:
        """The part inside ``box`` (which must lie in the image), as a view."""
        return replace(self, voxels=self.voxels[(slice(None), *box.slices)], geometry=self.geometry.cropped(box))

    def with_notes(self, *notes: str) -> Volume:
        """The same image with further notes."""
        return replace(self, notes=(*self.notes, *notes))


@dataclass(frozen=True, eq=False)
class Segmentation:
    """A label map and what its numbers mean.

    Args:
        voxels: shape (z, y, x), uint8 or uint16; 0 is background.
        geometry: its grid.
        labels: what each value means, background left out. A value may be absent from the voxels.

    Raises:
        GeometryError: the array does not fit the grid.
        InputError: two labels share a value.
    """

    voxels: np.ndarray
    geometry: Geometry
    labels: tuple[Label, ...] = ()

    def __post_init__(self) -> None:
        if self.voxels.shape != self.geometry.shape:
            raise GeometryError(f"A label map of shape {self.voxels.shape} does not fit a grid {self.geometry.shape}.")
        values = [label.value for label in self.labels]
        if len(set(values)) != len(values):
            raise InputError(f"Two labels share one value in {values}.", "Give every label a value of its own.")

    def mask(self, value: int) -> np.ndarray:
        """Boolean (z, y, x) of one label."""
        return self.voxels == value

    def label(self, value: int) -> Label:
        """The label of a value; a plain grey one where the table does not know it."""
        for label in self.labels:
            if label.value == value:
                return label
        return Label(value, f"Label {value}")


def check_voxels(volume: Volume, what: str = "The image") -> None:
    """Refuses voxels that no model can do anything sensible with.

    Raises:
        InputError: NaN or infinite values, or one constant value throughout.
    """
    for channel in volume.voxels:
        low, high = channel.min(), channel.max()
        if not (np.isfinite(low) and np.isfinite(high)):
            bad = int(np.size(channel) - np.isfinite(channel).sum())
            raise InputError(
                f"{what} '{volume.name}' holds {bad} voxels that are NaN or infinite.",
                "Replace them (for example by the lowest intensity) and try again.",
            )
        if low == high:
            raise InputError(
                f"{what} '{volume.name}' is constant (every voxel is {low}).",
                "Check that the right image was chosen and that it was exported with its intensities.",
            )


def stack_channels(volumes: Sequence[Volume]) -> Volume:
    """One volume of several that share a grid, channels in the given order.

    Raises:
        GeometryError: the grids differ.
    """
    if len(volumes) == 1:
        return volumes[0]
    first = volumes[0]
    for other in volumes[1:]:
        difference = first.geometry.difference(other.geometry)
        if difference:
            raise GeometryError(
                f"'{first.name}' and '{other.name}' do not share a grid ({difference}).",
                "Resample one to the other first.",
            )
    return replace(first, voxels=np.concatenate([v.voxels for v in volumes]), notes=notes_of(volumes))


def notes_of(volumes: Iterable[Volume]) -> tuple[str, ...]:
    """The notes of several volumes, each once."""
    return tuple(dict.fromkeys(note for volume in volumes for note in volume.notes))
