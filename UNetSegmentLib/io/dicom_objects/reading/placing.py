"""A DICOM segmentation on the grid of an image."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ....errors import GeometryError
from ....geometry import Geometry
from ....text import shown
from ....volume import Segmentation
from ...grid import coincide, place_on_grid, put_back, slices_of
from .image_grid import ImagePlace


def placed_on(segmentation: Segmentation, image: ImagePlace, spaces: set[str], file: str) -> Segmentation:
    """The labels on the image's grid.

    Voxels that coincide are taken over. Where they do not, and image and object state the same frame of reference (so
    that positions are comparable beyond doubt), each voxel of the image gets the label that its centre lies in, and
    the notes say so.

    Raises:
        GeometryError: the grids do not coincide and nothing says that they are of one space, or nothing of it lies in
            the image.
    """
    if slices_of(segmentation.geometry, image.geometry):
        return put_back(segmentation, image.geometry, f"'{file}'")
    comparable = bool(image.reference) and image.reference in spaces
    if not comparable or coincide(segmentation.geometry, image.geometry):
        return place_on_grid(segmentation, image.geometry, f"'{file}'")
    voxels = nearest(segmentation, image.geometry)
    if segmentation.voxels.any() and not voxels.any():
        raise GeometryError(f"'{file}' lies outside the image.", "Choose the image that it was drawn on.")
    note = (
        f"'{shown(file)}' was drawn on another grid of the same space ({_words(segmentation.geometry)}); each voxel of "
        "the image got the label that its centre lies in."
    )
    return replace(segmentation, voxels=voxels, geometry=image.geometry, notes=(*segmentation.notes, note))


def nearest(segmentation: Segmentation, geometry: Geometry) -> np.ndarray:
    """The label (z, y, x) in which the centre of each voxel of a grid lies; 0 outside."""
    found = np.zeros(geometry.shape, segmentation.voxels.dtype)
    own = segmentation.geometry
    rows, columns = np.indices(geometry.shape[1:])
    flat = np.column_stack([columns.ravel(), rows.ravel(), np.zeros(rows.size)])
    limits = np.array(own.size)
    for plane in range(geometry.shape[0]):
        flat[:, 2] = plane
        places = np.floor(own.to_index(geometry.to_physical(flat)) + 0.5).astype(int)
        inside = ((places >= 0) & (places < limits)).all(axis=1)
        x, y, z = places[inside].T
        found[plane].reshape(-1)[inside] = segmentation.voxels[z, y, x]
    return found


def _words(geometry: Geometry) -> str:
    size, spacing = (" x ".join(f"{n:.4g}" for n in numbers) for numbers in (geometry.size, geometry.spacing))
    return f"{size} voxels of {spacing} mm"
