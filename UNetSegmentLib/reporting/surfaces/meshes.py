"""Triangle meshes as arrays: to and from VTK, volumes, connected pieces."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from vtkmodules.vtkCommonDataModel import vtkPolyData


def to_arrays(poly: vtkPolyData) -> tuple[np.ndarray, np.ndarray]:
    """Points, float (n, 3), and triangles as point numbers, int (m, 3)."""
    from vtkmodules.util.numpy_support import vtk_to_numpy

    points = vtk_to_numpy(poly.GetPoints().GetData()).astype(float)
    return points, vtk_to_numpy(poly.GetPolys().GetConnectivityArray()).reshape(-1, 3).astype(np.int64)


def to_poly(points: np.ndarray, triangles: np.ndarray) -> vtkPolyData:
    """The other way round."""
    from vtkmodules.util.numpy_support import numpy_to_vtk, numpy_to_vtkIdTypeArray
    from vtkmodules.vtkCommonCore import vtkPoints
    from vtkmodules.vtkCommonDataModel import vtkCellArray, vtkPolyData

    positions, cells, poly = vtkPoints(), vtkCellArray(), vtkPolyData()
    positions.SetData(numpy_to_vtk(np.ascontiguousarray(points, dtype=float), deep=True))
    offsets = np.arange(0, triangles.size + 1, 3, dtype=np.int64)
    numbers = np.ascontiguousarray(triangles, dtype=np.int64).ravel()
    cells.SetData(numpy_to_vtkIdTypeArray(offsets, deep=True), numpy_to_vtkIdTypeArray(numbers, deep=True))
    poly.SetPoints(positions)
    poly.SetPolys(cells)
    return poly


def without_unused(points: np.ndarray, triangles: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The mesh without points that no triangle uses."""
    used, numbers = np.unique(triangles, return_inverse=True)
    return points[used], numbers.reshape(triangles.shape)


def pieces(count: int, triangles: np.ndarray) -> np.ndarray:
    """For each of ``count`` points the number of the connected piece that it belongs to, counted from 0.

    Every point starts as a root of its own; the roots at both ends of an edge are joined, and paths shortened, until
    nothing changes (Shiloach and Vishkin 1982).
    """
    root = np.arange(count)
    edges = np.concatenate([triangles[:, [0, 1]], triangles[:, [1, 2]]])
    while True:
        ends = root[edges]
        low, high = ends.min(axis=1), ends.max(axis=1)
        if np.array_equal(low, high):
            return np.unique(root, return_inverse=True)[1]
        np.minimum.at(root, high, low)
        while not np.array_equal(root, root[root]):
            root = root[root]


def volumes(points: np.ndarray, triangles: np.ndarray, piece: np.ndarray) -> np.ndarray:
    """Volume of each closed piece by the divergence theorem; positive where triangles turn anticlockwise from outside.

    Args:
        piece: number of the piece of each point, from 0.
    """
    a, b, c = (points[triangles[:, n]] for n in range(3))
    parts = np.einsum("ij,ij->i", a, np.cross(b, c)) / 6.0
    return np.bincount(piece[triangles[:, 0]], weights=parts, minlength=int(piece.max()) + 1)


def scaled_to_volumes(points: np.ndarray, like: np.ndarray, triangles: np.ndarray) -> np.ndarray:
    """``points``, each connected piece scaled about its middle to the volume that it has with the points of ``like``.

    A piece that has lost nearly all of its volume, or turned inside out, takes the points of ``like``.
    """
    piece = pieces(len(points), triangles)
    with np.errstate(all="ignore"):
        ratio = volumes(like, triangles, piece) / volumes(points, triangles, piece)
    kept = np.isfinite(ratio) & (ratio > 0.5) & (ratio < 20.0)
    counts = np.bincount(piece)
    middles = np.stack([np.bincount(piece, weights=points[:, axis]) / counts for axis in range(3)], axis=1)[piece]
    scaled = middles + (points - middles) * np.cbrt(np.where(kept, ratio, 1.0))[piece, None]
    return np.where(kept[piece, None], scaled, like)
