"""From the image's grid to that of a segmentation which has another one, so that no voxel is lost on the way.

Slicer would take the nearest voxel of the one grid for each of the other, which leaves gaps in a thin line. Here every
voxel also takes the one that holds its centre with it: what was drawn is there when it is read back.
"""

import numpy as np
import slicer
import vtk
from vtk.util.numpy_support import numpy_to_vtk, vtk_to_numpy

from UNetSegmentLib.geometry import Box, Geometry

from ..scene import segments, volumes
from .labels import is_same_lattice
from .target import Target


def lattice_of(target: Target) -> Geometry | None:
    """Where the voxels of the segmentation lie, in its own coordinates (the size is of no account); None while it has
    none."""
    stored = segments.layer_of(target.segmentation, target.segment_id)
    if stored is None:
        stored = slicer.vtkOrientedImageData()
        converter = slicer.vtkSegmentationConverter
        name = converter.GetReferenceImageGeometryParameterName()
        text = target.segmentation.GetSegmentation().GetConversionParameter(name)
        if not text or not converter.DeserializeImageGeometry(text, stored, False):
            return None
    matrix = vtk.vtkMatrix4x4()
    stored.GetImageToWorldMatrix(matrix)
    return volumes.geometry_from_ras(slicer.util.arrayFromVTKMatrix(matrix), (1, 1, 1))


def margin(target: Target) -> tuple[int, int, int]:
    """Voxels of the image (z, y, x) that an edit may reach beyond what was asked for: none where both have one grid."""
    grid, lattice = volumes.geometry_of(target.volume), lattice_of(target)
    if lattice is None or (target.is_aligned and is_same_lattice(lattice, grid)):
        return 0, 0, 0
    diagonal = float(np.linalg.norm(lattice.spacing))
    z, y, x = (int(np.ceil(diagonal / mm)) + 1 for mm in grid.array_spacing)
    return z, y, x


def moved(target: Target, lattice: Geometry, box: Box, part: np.ndarray) -> tuple[Box, np.ndarray]:
    """Voxels of a box of the image on the segmentation's lattice.

    Args:
        part: boolean (z, y, x), shape of the box; one voxel at least.

    Returns:
        A box of the lattice, which may lie beyond its first voxel, and a boolean array of its shape.
    """
    grid = volumes.geometry_of(target.volume)
    forth = volumes.transform_between(target.volume, target.segmentation)
    filled = np.argwhere(part) + box.start
    found = np.round(_indices(filled[:, ::-1], grid, forth, lattice)).astype(int)[:, ::-1]
    start, stop = found.min(axis=0) - 1, found.max(axis=0) + 2
    inside = np.zeros(stop - start, bool)
    inside[tuple((found - start).T)] = True
    # And what lies between them, where the lattice is the finer one.
    around = np.argwhere(~inside) + start
    back = volumes.transform_between(target.segmentation, target.volume)
    sources = np.round(_indices(around[:, ::-1], lattice, back, grid)).astype(int)[:, ::-1] - box.start
    known = ((sources >= 0) & (sources < part.shape)).all(axis=1)
    taken = around[known][part[tuple(sources[known].T)]]
    inside[tuple((taken - start).T)] = True
    (a, b, c), (d, e, f) = start.tolist(), stop.tolist()
    return Box((a, b, c), (d, e, f)), inside


def _indices(indices: np.ndarray, own: Geometry, transform: vtk.vtkAbstractTransform, other: Geometry) -> np.ndarray:
    """Indices (n, 3) as i, j, k of one grid as continuous ones of another, through a transform of RAS mm."""
    places = indices @ own.ras_matrix[:3, :3].T + own.ras_matrix[:3, 3]
    points, there = vtk.vtkPoints(), vtk.vtkPoints()
    points.SetDataTypeToDouble()
    there.SetDataTypeToDouble()
    points.SetData(numpy_to_vtk(np.ascontiguousarray(places, float), deep=True))
    transform.TransformPoints(points, there)
    inverse = np.linalg.inv(other.ras_matrix)
    return vtk_to_numpy(there.GetData()) @ inverse[:3, :3].T + inverse[:3, 3]
