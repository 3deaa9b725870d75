"""Images and label maps: voxels together with the grid that they lie on."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from .errors import GeometryError, InputError
from .geometry import IDENTITY_DIRECTION, Box, Geometry
from .labels import Label
from .text import shown

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

# More labels make a repr long.
_NAMED = 6


@dataclass(frozen=True, eq=False)
class Volume:
    """An image.

    Args:
        voxels: shape (channels, z, y, x), any real type. A 2D image has z = 1; RGB has three channels.
        geometry: the grid of the last three axes.
        name: what to call it in messages, often the file's name.
        notes: sentences on what reading or preparing chose for the user; every result and table passes them on.
        modality: how it was made, in DICOM's word (CT, MR); empty where the file does not say.
        series: UID of the DICOM series that it was read from; empty where there is none.

    Raises:
        GeometryError: the array does not fit the grid.
    """

    voxels: np.ndarray
    geometry: Geometry
    name: str = "image"
    notes: tuple[str, ...] = ()
    modality: str = ""
    series: str = ""

    def __post_init__(self) -> None:
        if self.voxels.ndim != 4 or self.voxels.shape[1:] != self.geometry.shape:
            raise GeometryError(
                f"{self.name}: an array of shape {self.voxels.shape} does not fit a grid of {self.geometry.shape} "
                "(channels, z, y, x expected)."
            )

    @classmethod
    def from_array(
        cls,
        array: ArrayLike,
        *,
        spacing: Sequence[float] = (1.0, 1.0, 1.0),
        origin: Sequence[float] = (0.0, 0.0, 0.0),
        direction: Sequence[float] | Sequence[Sequence[float]] | np.ndarray = IDENTITY_DIRECTION,
        name: str = "image",
    ) -> Volume:
        """An image of an array with axes (z, y, x), as SimpleITK's GetArrayFromImage gives it, or (channels, z, y, x).

        Arrays of nibabel have axes (x, y, z): transpose them (``array.T``). A slice has axes (y, x); a colour picture
        is (3, 1, y, x).

        Args:
            array: any real numbers; truth values become 0 and 1. It is not copied where that can be avoided.
            spacing: mm between voxels along (x, y, z).
            origin: centre of the first voxel, LPS mm (x, y, z).
            direction: unit vectors of the axes x, y and z as columns: 3 x 3, or its nine numbers row by row.
            name: what to call it in messages.

        Raises:
            InputError: other than two, three or four axes, an empty array, or no real numbers.
            GeometryError: spacing, origin or direction describe no grid.
        """
        voxels = _real_array(array, name)
        if voxels.ndim not in (2, 3, 4):
            raise InputError(
                f"{name}: an array of shape {voxels.shape} is no image.", "Give (z, y, x) or (channels, z, y, x)."
            )
        voxels = voxels.reshape((1,) * (4 - voxels.ndim) + voxels.shape)
        return cls(voxels, _grid(voxels.shape[1:], spacing, origin, direction), name)

    def __repr__(self) -> str:
        channels = "" if self.channels == 1 else f"{self.channels} channels of "
        return f"Volume({shown(self.name)!r}, {channels}{_described(self.geometry)}, {self.voxels.dtype})"

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
        notes: as a :class:`Volume`'s.

    Raises:
        GeometryError: the array does not fit the grid.
        InputError: two labels share a value.
    """

    voxels: np.ndarray
    geometry: Geometry
    labels: tuple[Label, ...] = ()
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.voxels.shape != self.geometry.shape:
            raise GeometryError(f"A label map of shape {self.voxels.shape} does not fit a grid {self.geometry.shape}.")
        values = [label.value for label in self.labels]
        if len(set(values)) != len(values):
            raise InputError(f"Two labels share one value in {values}.", "Give every label a value of its own.")

    @classmethod
    def from_array(
        cls,
        array: ArrayLike,
        *,
        labels: Sequence[Label] = (),
        spacing: Sequence[float] = (1.0, 1.0, 1.0),
        origin: Sequence[float] = (0.0, 0.0, 0.0),
        direction: Sequence[float] | Sequence[Sequence[float]] | np.ndarray = IDENTITY_DIRECTION,
    ) -> Segmentation:
        """A label map of an array with axes (z, y, x), as SimpleITK's GetArrayFromImage gives it; a slice has (y, x).

        Args:
            array: whole numbers from 0 to 65535, of any type.
            labels: what each value means, background left out.
            spacing, origin, direction: as :meth:`Volume.from_array`.

        Raises:
            InputError: other than two or three axes, or other numbers; two labels share a value.
            GeometryError: spacing, origin or direction describe no grid.
        """
        voxels = _real_array(array, "label map")
        if voxels.ndim not in (2, 3):
            raise InputError(f"An array of shape {voxels.shape} is no label map.", "Give (z, y, x).")
        # False for NaN too.
        if not (voxels.min() >= 0 and voxels.max() <= np.iinfo(np.uint16).max and (voxels % 1 == 0).all()):
            raise InputError("A label map holds whole numbers from 0 to 65535 alone.", "Round or renumber the labels.")
        voxels = voxels.astype(np.uint16 if voxels.max() > np.iinfo(np.uint8).max else np.uint8)
        voxels = voxels.reshape((1,) * (3 - voxels.ndim) + voxels.shape)
        return cls(voxels, _grid(voxels.shape, spacing, origin, direction), tuple(labels))

    def __repr__(self) -> str:
        names = ", ".join(f"{label.value} {shown(label.name, 40)}" for label in self.labels[:_NAMED])
        more = f" and {len(self.labels) - _NAMED} more" if len(self.labels) > _NAMED else ""
        return f"Segmentation({_described(self.geometry)}, labels: {names or 'none'}{more})"

    def mask(self, value: int) -> np.ndarray:
        """Boolean (z, y, x) of one label."""
        return self.voxels == value

    def label(self, value: int) -> Label:
        """The label of a value; a plain grey one where the table does not know it."""
        for label in self.labels:
            if label.value == value:
                return label
        return Label(value, f"Label {value}")


def values_in(voxels: np.ndarray) -> list[int]:
    """The values that occur in a label map (z, y, x) of an unsigned type, ascending, 0 among them.

    Plane by plane: counting takes eight bytes a voxel.
    """
    found: set[int] = set()
    for plane in voxels:
        found.update(np.flatnonzero(np.bincount(plane.ravel())).tolist())
    return sorted(found)


def _real_array(array: ArrayLike, name: str) -> np.ndarray:
    voxels = np.asarray(array)
    if voxels.dtype == bool:
        voxels = voxels.astype(np.uint8)
    if voxels.dtype.kind not in "uif" or not voxels.size:
        raise InputError(
            f"{name}: an array of {voxels.dtype} and shape {voxels.shape} holds no voxels.", "Give real numbers."
        )
    return voxels


def _grid(
    shape: Sequence[int],
    spacing: Sequence[float],
    origin: Sequence[float],
    direction: Sequence[float] | Sequence[Sequence[float]] | np.ndarray,
) -> Geometry:
    """The grid of an array of ``shape`` (z, y, x); the rest in the order x, y, z."""
    cosines = np.asarray(direction, float).ravel()
    if len(spacing) != 3 or len(origin) != 3 or cosines.size != 9:
        raise GeometryError(
            f"A grid has three spacings, an origin of three numbers and nine of direction, not {len(spacing)}, "
            f"{len(origin)} and {cosines.size}.",
            "Give them in the order x, y, z, for a single slice too.",
        )
    z, y, x = (int(n) for n in shape)
    (dx, dy, dz), (ox, oy, oz) = spacing, origin
    return Geometry((x, y, z), (dx, dy, dz), (ox, oy, oz), tuple(cosines))


def _described(geometry: Geometry) -> str:
    size, spacing = (" x ".join(f"{n:.4g}" for n in numbers) for numbers in (geometry.size, geometry.spacing))
    return f"{size} voxels of {spacing} mm (x, y, z)"


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
            raise _constant(volume, low, what)


def check_contrast(volume: Volume) -> None:
    """Refuses an image that is the same everywhere.

    Raises:
        InputError: a channel is one constant value throughout.
    """
    for channel in volume.voxels:
        low, high = channel.min(), channel.max()
        if low == high:
            raise _constant(volume, low, "The image")


def _constant(volume: Volume, value: np.generic, what: str) -> InputError:
    return InputError(
        f"{what} '{volume.name}' is constant (every voxel is {value}).",
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


def notes_of(volumes: Iterable[Volume | Segmentation]) -> tuple[str, ...]:
    """The notes of several volumes, each once."""
    return tuple(dict.fromkeys(note for volume in volumes for note in volume.notes))


def few(notes: Sequence[str], most: int = 5) -> tuple[str, ...]:
    """The first of many notes, and how many more there are."""
    if len(notes) <= most + 1:
        return tuple(notes)
    return (*notes[:most], f"There are {len(notes) - most} more notes like these on other files.")
