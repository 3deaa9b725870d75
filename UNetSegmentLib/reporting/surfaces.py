"""A smooth closed surface around each segment, in patient coordinates.

Coordinates are LPS millimetres. Files say so in their header (``SPACE=LPS``), which 3D Slicer reads; programs that know
nothing of it take the numbers as they are.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import InputError, OutputError
from ..io.atomic import atomic_path, full_suffix
from ..postprocessing.boxes import label_boxes
from ..volume import Segmentation
from .optional import needs

if TYPE_CHECKING:
    from vtkmodules.vtkCommonDataModel import vtkImageData, vtkPolyData

FORMATS = (".stl", ".ply", ".obj")
_HEADER = "UNetSegment. SPACE=LPS"


def surface(segmentation: Segmentation, value: int, smoothing: float = 0.5) -> vtkPolyData:
    """The closed surface around one label: triangles with outward normals, points in LPS mm.

    The surface is extracted by surface nets (Frisken 2022, ``vtkSurfaceNets3D``) and smoothed by a windowed sinc filter
    (Taubin et al. 1996), which keeps the volume to within a per cent; a segment that reaches the image's border is
    closed there.

    Args:
        segmentation: the label map.
        value: the label.
        smoothing: 0 (the voxels' own steps) to 1 (strong, small detail goes).

    Raises:
        InputError: no voxel bears the label, or the smoothing is out of range.
        DependencyError: vtk is not installed.
    """
    if not 0 <= smoothing <= 1:
        raise InputError(f"The smoothing {smoothing} is out of range.", "Give a number from 0 to 1.")
    box = label_boxes(segmentation.voxels).get(value)
    if box is None:
        raise InputError(
            f"The segment '{segmentation.label(value).name}' is empty and has no surface.", "Choose another segment."
        )
    with needs("vtk", "A surface"):
        from vtkmodules.vtkFiltersCore import vtkSurfaceNets3D
    mask = np.pad(segmentation.voxels[box.slices] == value, 1)
    nets = vtkSurfaceNets3D()
    nets.SetInputData(_image(mask, segmentation.geometry.spacing))
    nets.SetValue(0, 1)
    nets.SetOutputMeshTypeToTriangles()
    nets.SmoothingOff()
    nets.Update()
    smooth = _smoothed(nets.GetOutput(), smoothing)
    return _in_patient(smooth, segmentation.geometry.cropped(box.padded((1, 1, 1))).matrix, segmentation)


def write_surface(poly: vtkPolyData, path: str | Path) -> Path:
    """Writes a surface as STL or PLY (binary) or OBJ, chosen by the ending; a whole file or none.

    Raises:
        OutputError: another ending, or the file cannot be written.
        DependencyError: vtk is not installed.
    """
    path = Path(path)
    writer, comment = _writer(full_suffix(path))
    with atomic_path(path) as temporary:
        writer.SetInputData(poly)
        writer.SetFileName(str(temporary))
        # VTK says in its own ways that a file could not be written, none of them an exception.
        if not writer.Write() or writer.GetErrorCode() or not temporary.is_file():
            raise OutputError(f"'{path}' could not be written.", "Check the folder's permissions and the free space.")
        if comment:
            temporary.write_bytes(f"# {_HEADER}\n".encode() + temporary.read_bytes())
    return path


def surface_arrays(poly: vtkPolyData) -> tuple[np.ndarray, np.ndarray]:
    """Points (n, 3) in LPS mm and triangles (m, 3) as point numbers."""
    from vtkmodules.util.numpy_support import vtk_to_numpy

    points = vtk_to_numpy(poly.GetPoints().GetData()).astype(float)
    return points, vtk_to_numpy(poly.GetPolys().GetConnectivityArray()).reshape(-1, 3)


def _image(mask: np.ndarray, spacing: tuple[float, float, float]) -> vtkImageData:
    from vtkmodules.util.numpy_support import numpy_to_vtk
    from vtkmodules.vtkCommonDataModel import vtkImageData

    image = vtkImageData()
    image.SetDimensions(*mask.shape[::-1])
    image.SetSpacing(*spacing)
    image.GetPointData().SetScalars(numpy_to_vtk(mask.astype(np.uint8).ravel(), deep=True))
    return image


def _smoothed(poly: vtkPolyData, smoothing: float) -> vtkPolyData:
    """Smooths in millimetres on the grid's own axes, so that a turned grid gives the same shape, turned."""
    from vtkmodules.vtkFiltersCore import vtkWindowedSincPolyDataFilter

    if smoothing == 0:
        return poly
    sinc = vtkWindowedSincPolyDataFilter()
    sinc.SetInputData(poly)
    sinc.SetNumberOfIterations(20 + round(40 * smoothing))
    sinc.SetPassBand(10.0 ** (-4.0 * smoothing))
    sinc.NormalizeCoordinatesOn()
    sinc.NonManifoldSmoothingOn()
    sinc.BoundarySmoothingOff()
    sinc.FeatureEdgeSmoothingOff()
    sinc.Update()
    return sinc.GetOutput()


def _in_patient(poly: vtkPolyData, matrix: np.ndarray, segmentation: Segmentation) -> vtkPolyData:
    """Turns and shifts a surface from the padded crop (mm from its first voxel) to LPS; normals point outwards."""
    from vtkmodules.util.numpy_support import numpy_to_vtk
    from vtkmodules.vtkCommonCore import vtkPoints
    from vtkmodules.vtkFiltersCore import vtkPolyDataNormals, vtkReverseSense

    points, triangles = surface_arrays(poly)
    moved = points / segmentation.geometry.spacing @ matrix[:3, :3].T + matrix[:3, 3]
    # Not in place: the filters above share their points.
    placed = poly.NewInstance()
    placed.SetPolys(poly.GetPolys())
    positions = vtkPoints()
    positions.SetData(numpy_to_vtk(moved, deep=True))
    placed.SetPoints(positions)
    if _signed_volume(moved, triangles) < 0:
        reverse = vtkReverseSense()
        reverse.SetInputData(placed)
        reverse.ReverseCellsOn()
        reverse.Update()
        placed = reverse.GetOutput()
    normals = vtkPolyDataNormals()
    normals.SetInputData(placed)
    normals.SplittingOff()
    normals.ConsistencyOff()
    normals.AutoOrientNormalsOff()
    normals.Update()
    return normals.GetOutput()


def _signed_volume(points: np.ndarray, triangles: np.ndarray) -> float:
    """Volume by the divergence theorem; positive where triangles turn anticlockwise seen from outside."""
    a, b, c = (points[triangles[:, n]] - points.mean(axis=0) for n in range(3))
    return float(np.einsum("ij,ij->", a, np.cross(b, c)) / 6.0)


def _writer(suffix: str) -> tuple[Any, bool]:
    """The writer for an ending, and whether the header has to be put in front by hand."""
    if suffix not in FORMATS:
        raise OutputError(f"A surface cannot be written as '{suffix}'.", f"Use one of {', '.join(FORMATS)}.")
    with needs("vtk", "A surface file"):
        from vtkmodules.vtkIOGeometry import vtkOBJWriter, vtkSTLWriter
        from vtkmodules.vtkIOPLY import vtkPLYWriter
    if suffix == ".obj":
        return vtkOBJWriter(), True
    if suffix == ".stl":
        stl = vtkSTLWriter()
        stl.SetFileTypeToBinary()
        stl.SetHeader(_HEADER)
        return stl, False
    ply = vtkPLYWriter()
    ply.SetFileTypeToBinary()
    ply.AddComment(_HEADER)
    return ply, False
