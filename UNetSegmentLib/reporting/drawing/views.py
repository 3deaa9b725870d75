"""The three planes of a preview: where they lie in the patient, and the image and labels cut along them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import SimpleITK as sitk

from ...geometry import Box, Geometry
from ...photographs import is_photograph
from ...volume import Segmentation, Volume

_MARGIN = 0.18
_LEAST_MARGIN_VOXELS = 8
_SPLINE_NEEDS = 4


@dataclass(frozen=True)
class Plane:
    """A plane as radiologists look at it.

    Args:
        name: what it is called.
        right, down: LPS directions of the picture's columns and rows.
        letters: the patient's side at the left, right, top and bottom edge of the picture.
    """

    name: str
    right: np.ndarray
    down: np.ndarray
    letters: tuple[str, str, str, str]

    @property
    def normal(self) -> np.ndarray:
        return np.cross(self.right, self.down)


@dataclass(frozen=True)
class View:
    """What the planes show.

    Args:
        centre: LPS mm in the middle of every picture.
        cut: LPS mm where the planes meet.
        field_mm: length of a picture's sides.
    """

    centre: np.ndarray
    cut: np.ndarray
    field_mm: float

    def origin(self, plane: Plane) -> np.ndarray:
        """LPS mm of the middle of a plane's picture."""
        return self.centre + plane.normal * float(plane.normal @ (self.cut - self.centre))


def _plane(name: str, right: tuple[int, int, int], down: tuple[int, int, int], letters: str) -> Plane:
    return Plane(name, np.array(right, float), np.array(down, float), (letters[0], letters[1], letters[2], letters[3]))


AXIAL = _plane("Axial", (1, 0, 0), (0, 1, 0), "RLAP")
CORONAL = _plane("Coronal", (1, 0, 0), (0, 0, -1), "RLSI")
SAGITTAL = _plane("Sagittal", (0, 1, 0), (0, 0, -1), "APSI")


def slice_plane(geometry: Geometry) -> Plane | None:
    """For an image of one slice the standard plane nearest to it, turned into the slice; None for other images."""
    aligned, _ = geometry.reoriented("LPS")
    if 1 not in geometry.size:
        return None
    axis = max(n for n in range(3) if aligned.size[n] == 1)
    plane = {0: SAGITTAL, 1: CORONAL, 2: AXIAL}[axis]
    codes = {0: "PIL", 1: "LIP", 2: "LPS"}[axis]
    axes = np.asarray(geometry.reoriented(codes)[0].direction).reshape(3, 3)
    return Plane(plane.name, axes[:, 0], axes[:, 1], plane.letters)


def has_patient_axes(geometry: Geometry) -> bool:
    """Whether a grid says anything about a patient; those of photographs and of bare arrays don't."""
    return geometry != Geometry(geometry.size) and not is_photograph(geometry)


def choose_view(
    segmentation: Segmentation, boxes: dict[int, Box], region: Box | None, planes: tuple[Plane, ...]
) -> View:
    """Zooms to the segments (or to ``region``), and cuts where the planes meet as much of the segments as possible.

    Each label counts alike, however small, so that a cut shows as many labels as it can.

    Args:
        boxes: bounding box of each label that occurs.
    """
    geometry = segmentation.geometry
    clouds = [_some_points(segmentation, value, box) for value, box in boxes.items()]
    whole = Box.whole(geometry.shape)
    frame = whole if region is None or region.intersect(whole).empty else region.intersect(whole)
    zoomed = region is None and bool(clouds)
    points = np.concatenate(clouds) if zoomed else geometry.cropped(frame).corners()
    longest = max(float(np.ptp(points @ direction)) for plane in planes for direction in (plane.right, plane.down))
    if zoomed:
        # A small segment is shown with enough around it to see where it lies.
        longest += 2 * max(_MARGIN * longest, _LEAST_MARGIN_VOXELS * min(geometry.spacing))
    centre = (points.min(axis=0) + points.max(axis=0)) / 2
    return View(centre, _cut(clouds, centre, planes, min(geometry.spacing)), longest)


def cut_image(volume: Volume, view: View, plane: Plane, pixels: int) -> np.ndarray:
    """The image along a plane, float (channels, pixels, pixels), NaN outside the image; smooth between voxels."""
    box = _visible(volume.geometry, view, plane)
    if box.empty:
        return np.full((volume.channels, pixels, pixels), np.nan, dtype=np.float32)
    part = volume.cropped(box)
    spline = min(part.geometry.size) >= _SPLINE_NEEDS
    voxels = np.nan_to_num(part.voxels.astype(np.float32), nan=0.0, posinf=0.0, neginf=0.0)
    interpolator = sitk.sitkBSpline if spline else sitk.sitkLinear
    return np.stack([cut_array(c, part.geometry, view, plane, pixels, interpolator, np.nan) for c in voxels])


def cut_label(
    segmentation: Segmentation, value: int, box: Box, view: View, plane: Plane, pixels: int
) -> tuple[tuple[slice, slice], np.ndarray] | None:
    """How much of one label lies under each pixel of a plane.

    Args:
        box: the label's bounding box.

    Returns:
        The rows and columns of the picture where the label may be, and for these the share of it, float, 0 to 1. None
        where the plane does not meet the label's box.
    """
    # Of a large label only the voxels near the plane matter.
    box = box.intersect(_visible(segmentation.geometry, view, plane))
    if box.empty:
        return None
    geometry = segmentation.geometry.cropped(box.padded((1, 1, 1)))
    window = _pixel_window(geometry.corners(), view, plane, pixels)
    if window is None:
        return None
    mask = np.pad((segmentation.voxels[box.slices] == value).astype(np.float32), 1)
    # A single slice has no neighbours that it could fade into.
    flat = [axis for axis, length in enumerate(segmentation.voxels.shape) if length == 1]
    for axis in flat:
        mask = np.repeat(np.take(mask, [1], axis=axis), 3, axis=axis)
    return window, cut_array(mask, geometry, view, plane, pixels, sitk.sitkLinear, 0.0, window)


def _pixel_window(corners: np.ndarray, view: View, plane: Plane, pixels: int) -> tuple[slice, slice] | None:
    """The part of a plane's picture that a box with these corners can touch."""
    offsets = corners - view.origin(plane)
    depths = offsets @ plane.normal
    if depths.min() > 0 or depths.max() < 0:
        return None
    ranges = []
    for direction in (plane.down, plane.right):
        places = offsets @ direction / view.field_mm * pixels + pixels / 2
        start, stop = max(int(places.min()) - 1, 0), min(int(places.max()) + 2, pixels)
        if start >= stop:
            return None
        ranges.append(slice(start, stop))
    return ranges[0], ranges[1]


def cut_array(
    array: np.ndarray,
    geometry: Geometry,
    view: View,
    plane: Plane,
    pixels: int,
    interpolator: int,
    outside: float,
    window: tuple[slice, slice] | None = None,
) -> np.ndarray:
    """An array (z, y, x) on a grid, resampled along a plane: the whole picture, or a window of it."""
    image = sitk.GetImageFromArray(np.ascontiguousarray(array))
    image.SetSpacing(geometry.spacing)
    image.SetOrigin(geometry.origin)
    image.SetDirection(geometry.direction)
    rows, columns = window or (slice(0, pixels), slice(0, pixels))
    step = view.field_mm / pixels
    first = np.array([columns.start, rows.start]) - (pixels - 1) / 2
    corner = view.origin(plane) + step * (first[0] * plane.right + first[1] * plane.down)
    direction = np.stack([plane.right, plane.down, plane.normal], axis=1)
    cut = sitk.Resample(
        image,
        (columns.stop - columns.start, rows.stop - rows.start, 1),
        sitk.Transform(3, sitk.sitkIdentity),
        interpolator,
        corner.tolist(),
        (step, step, step),
        direction.ravel().tolist(),
        outside,
        sitk.sitkFloat32,
    )
    return sitk.GetArrayFromImage(cut)[0]


def _cut(clouds: list[np.ndarray], centre: np.ndarray, planes: tuple[Plane, ...], step: float) -> np.ndarray:
    """Where to cut: along each plane's normal the depth with the most of every label, at the depth of real voxels."""
    cut = centre.copy()
    if not clouds:
        return cut
    for plane in planes:
        depths = [cloud @ plane.normal for cloud in clouds]
        low, high = min(d.min() for d in depths), max(d.max() for d in depths)
        bins = max(int((high - low) / step), 1)
        shares = [np.histogram(d, bins, (low, high + 1e-6))[0] / len(d) for d in depths]
        smooth = np.convolve(np.sum(shares, axis=0), np.hanning(max(bins // 8, 1) + 2), mode="same")
        best = low + (int(smooth.argmax()) + 0.5) * (high + 1e-6 - low) / bins
        # Half-way between two slices a label would be neither in nor out.
        every = np.concatenate(depths)
        best = float(every[np.abs(every - best).argmin()])
        cut = cut + plane.normal * (best - float(plane.normal @ cut))
    return cut


def _some_points(segmentation: Segmentation, value: int, box: Box, most: int = 1_000_000) -> np.ndarray:
    """LPS mm of a label's voxel centres; of a regular selection of them where its box is very large."""
    part = segmentation.voxels[box.slices]
    step = int(np.ceil((part.size / most) ** (1 / 3)))
    indices = np.argwhere(part[::step, ::step, ::step] == value) * step
    if not len(indices):
        indices = np.argwhere(part == value)
    return segmentation.geometry.cropped(box).to_physical(indices[:, ::-1])


def _visible(geometry: Geometry, view: View, plane: Plane) -> Box:
    """The voxels that a plane's picture shows, with a margin in which the spline's reach fades."""
    half = view.field_mm / 2
    corners = [view.origin(plane) + a * plane.right + b * plane.down for a in (-half, half) for b in (-half, half)]
    # A plane has no thickness; half-way between two slices it would touch neither.
    thickness = max(geometry.spacing)
    box = geometry.box_of(
        (np.min(corners, axis=0) - thickness).tolist(), (np.max(corners, axis=0) + thickness).tolist()
    )
    return box.padded((8, 8, 8)).intersect(Box.whole(geometry.shape)) if not box.empty else box
