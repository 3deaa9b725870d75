"""A smooth closed surface around each segment, in patient coordinates.

Coordinates are LPS millimetres. Files say so in their header (``SPACE=LPS``), which 3D Slicer reads; programs that know
nothing of it take the numbers as they are.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ...budget import require_memory
from ...errors import InputError, OutputError
from ...geometry import Box
from ...io.atomic import atomic_path, full_suffix
from ...postprocessing.boxes import label_boxes
from ...volume import Segmentation
from ..optional import needs
from .meshes import scaled_to_volumes, to_arrays, to_poly, volumes, without_unused

if TYPE_CHECKING:
    from vtkmodules.vtkCommonDataModel import vtkImageData, vtkPolyData

FORMATS = (".stl", ".ply", ".obj")
_BYTES_PER_VOXEL = 12  # of the label's box: the mask, its copies, and what surface nets keep for each
_HEADER = "UNetSegment. SPACE=LPS"


def surface(segmentation: Segmentation, value: int, smoothing: float = 0.5, box: Box | None = None) -> vtkPolyData:
    """The closed surface around one label: triangles with outward normals, points in LPS mm.

    The surface is extracted by surface nets (Frisken 2022, ``vtkSurfaceNets3D``) and smoothed by a windowed sinc filter
    (Taubin et al. 1996). Each connected piece is then scaled back to the volume of its voxels, so that small lesions do
    not melt away. A segment that reaches the image's border is closed there.

    Args:
        segmentation: the label map.
        value: the label.
        smoothing: 0 (the voxels' own steps) to 1 (strong, small detail goes).
        box: the label's bounding box, where it is known already.

    Raises:
        InputError: no voxel bears the label, or the smoothing is out of range.
        ResourceError: not enough memory.
        DependencyError: vtk is not installed.
    """
    if not 0 <= smoothing <= 1:
        raise InputError(f"The smoothing {smoothing} is out of range.", "Give a number from 0 to 1.")
    box = box or label_boxes(segmentation.voxels).get(value)
    if box is None:
        raise InputError(
            f"The segment '{segmentation.label(value).name}' is empty and has no surface.", "Choose another segment."
        )
    with needs("vtk", "A surface"):
        from vtkmodules.vtkFiltersCore import vtkSurfaceNets3D
    # VTK ends the process where memory runs out.
    require_memory(
        math.prod(box.shape) * _BYTES_PER_VOXEL,
        f"The surface of '{segmentation.label(value).name}' ({' x '.join(map(str, box.shape[::-1]))} voxels)",
        "Close other programs, or leave surfaces and the 3D view out.",
    )
    mask = np.pad(segmentation.voxels[box.slices] == value, 1)
    nets = vtkSurfaceNets3D()
    nets.SetInputData(_image(mask, segmentation.geometry.spacing))
    nets.SetValue(0, 1)
    nets.SetOutputMeshTypeToTriangles()
    nets.SmoothingOff()
    nets.Update()
    points, triangles = without_unused(*to_arrays(nets.GetOutput()))
    if smoothing:
        points = _smoothed(points, triangles, smoothing)
    placed = segmentation.geometry.cropped(box.padded((1, 1, 1)))
    return _with_normals(placed.to_physical(points / placed.spacing), triangles)


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


def _image(mask: np.ndarray, spacing: tuple[float, float, float]) -> vtkImageData:
    from vtkmodules.util.numpy_support import numpy_to_vtk
    from vtkmodules.vtkCommonDataModel import vtkImageData

    image = vtkImageData()
    image.SetDimensions(*mask.shape[::-1])
    image.SetSpacing(*spacing)
    image.GetPointData().SetScalars(numpy_to_vtk(mask.astype(np.uint8).ravel(), deep=True))
    return image


def _smoothed(points: np.ndarray, triangles: np.ndarray, smoothing: float) -> np.ndarray:
    """Smoothed points, in millimetres on the grid's own axes, so that a turned grid gives the same shape, turned."""
    from vtkmodules.vtkFiltersCore import vtkWindowedSincPolyDataFilter

    sinc = vtkWindowedSincPolyDataFilter()
    sinc.SetInputData(to_poly(points, triangles))
    sinc.SetNumberOfIterations(20 + round(40 * smoothing))
    sinc.SetPassBand(10.0 ** (-4.0 * smoothing))
    sinc.NormalizeCoordinatesOn()
    sinc.NonManifoldSmoothingOn()
    sinc.BoundarySmoothingOff()
    sinc.FeatureEdgeSmoothingOff()
    sinc.Update()
    return scaled_to_volumes(to_arrays(sinc.GetOutput())[0], points, triangles)


def _with_normals(points: np.ndarray, triangles: np.ndarray) -> vtkPolyData:
    """The mesh with normals that point outwards, also where the grid is left-handed and has turned it inside out."""
    from vtkmodules.vtkFiltersCore import vtkPolyDataNormals

    whole = np.zeros(len(points), dtype=int)
    if volumes(points - points.mean(axis=0), triangles, whole)[0] < 0:
        triangles = triangles[:, ::-1]
    normals = vtkPolyDataNormals()
    normals.SetInputData(to_poly(points, triangles))
    normals.SplittingOff()
    normals.ConsistencyOff()
    normals.AutoOrientNormalsOff()
    normals.Update()
    return normals.GetOutput()


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
