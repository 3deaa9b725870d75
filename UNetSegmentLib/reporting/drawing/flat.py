"""One slice of an image as a reader looks at it, voxel by voxel: which plane, which slice, which part, how large.

Unlike a preview's planes these are the image's own voxels, so that a vessel one pixel wide stays one.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from ...errors import InputError
from ...geometry import AxisMap, Box, Geometry
from ...volume import Volume
from ..optional import needs
from .canvas import PANEL
from .shading import grey, grey_window
from .views import AXIAL, CORONAL, SAGITTAL, Plane, has_patient_axes

# Axes of columns, rows and slices, so that a picture lies as radiologists want it.
_CODES = {AXIAL.name: "LPS", CORONAL.name: "LIP", SAGITTAL.name: "PIL"}
# Slices this much thicker than pixels are wide are looked at as they were taken.
_THICK = 1.5


@dataclass(frozen=True)
class Flat:
    """A slice and the part of it that is shown.

    Attributes:
        plane: of the patient; None for a photograph, which is shown as it is.
        axes: takes arrays of the image to (slices, rows, columns).
        geometry: the grid of those.
        number: of the slice, from 0: axial from the feet up, coronal from front to back, sagittal from right to left.
        rows, columns: the part that is shown.
    """

    plane: Plane | None
    axes: AxisMap
    geometry: Geometry
    number: int
    rows: slice
    columns: slice

    @property
    def slices(self) -> int:
        """How many slices there are."""
        return self.geometry.shape[0]

    @property
    def description(self) -> str:
        """The plane and the slice's number."""
        if self.plane is None:
            return ""
        return self.plane.name if self.slices == 1 else f"{self.plane.name}, slice {self.number} of {self.slices}"

    def cut(self, array: np.ndarray) -> np.ndarray:
        """The part shown (..., rows, columns) of an array (..., z, y, x) on the image's grid."""
        return self.axes.apply(array)[..., self.number, self.rows, self.columns]

    def at(self, number: int) -> Flat:
        """The same part of another slice.

        Raises:
            InputError: there is no such slice.
        """
        if not 0 <= number < self.slices:
            raise InputError(
                f"There is no slice {number}; the image has {self.slices} of them in that direction, from 0.",
                f"Choose one from 0 to {self.slices - 1}, or 'auto'.",
            )
        return replace(self, number=number)

    def fullest(self, mask: np.ndarray) -> Flat:
        """The slice that holds most of a mask (z, y, x); the one in the middle of an empty mask."""
        counts = self.axes.apply(mask).sum(axis=(1, 2))
        return self.at(int(counts.argmax()) if counts.any() else self.slices // 2)

    def within(self, box: Box) -> Flat:
        """Only what lies in ``box`` (of the image's own array) is shown, of its middle slice."""
        shape = [self.geometry.shape[int(n)] for n in np.argsort(self.axes.axes)]
        turned = self.axes.apply_box(box.intersect(Box.whole(shape)), shape)
        middle = (turned.start[0] + turned.stop[0]) // 2
        return replace(self.at(middle), rows=turned.slices[1], columns=turned.slices[2])

    def size(self, side: int) -> tuple[int, int]:
        """Rows and columns of a picture about ``side`` pixels long whose pixels are square.

        A voxel becomes a whole number of pixels, at least one.
        """
        spacing = self.geometry.array_spacing[1:]
        shape = (self.rows.stop - self.rows.start, self.columns.stop - self.columns.start)
        fine = min(spacing)
        long = max(n * s / fine for n, s in zip(shape, spacing, strict=True))
        scale = max(int(side // long), 1)
        rows, columns = (round(n * s / fine * scale) for n, s in zip(shape, spacing, strict=True))
        return rows, columns


def flat_view(geometry: Geometry) -> Flat:
    """The middle slice of an image, whole.

    An image of one slice is shown as that slice; one of thick slices in their plane; others in axial slices.
    """
    plane = _plane(geometry)
    oriented, axes = geometry.reoriented(_CODES[plane.name] if plane else geometry.axis_codes)
    depth, height, width = oriented.shape
    return Flat(plane, axes, oriented, depth // 2, slice(0, height), slice(0, width))


def _plane(geometry: Geometry) -> Plane | None:
    if not has_patient_axes(geometry) and 1 in geometry.size:
        return None
    aligned = geometry.reoriented("LPS")[0]
    sagittal, coronal, axial = aligned.spacing
    for plane, length, spacing, others in (
        (AXIAL, aligned.size[2], axial, (sagittal, coronal)),
        (CORONAL, aligned.size[1], coronal, (sagittal, axial)),
        (SAGITTAL, aligned.size[0], sagittal, (coronal, axial)),
    ):
        if length == 1 or (1 not in geometry.size and spacing > _THICK * max(others)):
            return plane
    return AXIAL


def enlarged(values: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """An array (rows, columns, ...) with every entry repeated to fill (rows, columns) of ``size``."""
    rows, columns = (
        ((np.arange(wanted) + 0.5) * have / wanted).astype(int)
        for wanted, have in zip(size, values.shape, strict=False)
    )
    return values[np.ix_(rows, columns)]


def smoothed(values: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """A map (rows, columns) of float32, interpolated to ``size`` without reaching beyond its range.

    Raises:
        DependencyError: Pillow is not installed.
    """
    with needs("Pillow", "A picture"):
        from PIL import Image
    picture = Image.fromarray(np.ascontiguousarray(values, np.float32))
    return np.asarray(picture.resize((size[1], size[0]), Image.Resampling.BICUBIC)).clip(values.min(), values.max())


def picture_of(volume: Volume, flat: Flat, size: tuple[int, int]) -> np.ndarray:
    """The image of a slice as RGB floats 0 to 1, (rows, columns, 3); a colour photograph keeps its colours.

    Raises:
        DependencyError: Pillow is not installed.
    """
    cut = flat.cut(volume.voxels).astype(np.float32)
    photograph = volume.channels == 3 and volume.voxels.dtype == np.uint8
    window = (0.0, 255.0) if photograph else grey_window([cut])
    rgb = grey(cut, window, PANEL)
    return np.stack([smoothed(rgb[..., channel], size) for channel in range(3)], axis=-1).clip(0, 1)


def as_bytes(rgb: np.ndarray) -> np.ndarray:
    """RGB floats 0 to 1 as uint8."""
    return (np.clip(rgb, 0, 1) * 255).round().astype(np.uint8)
