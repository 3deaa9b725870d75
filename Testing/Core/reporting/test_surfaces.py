"""Surfaces of phantoms: closed, in the right place, the right way round, on grids of every kind."""

from __future__ import annotations

import math
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from UNetSegmentLib.errors import DependencyError, InputError, OutputError
from UNetSegmentLib.geometry import Geometry
from UNetSegmentLib.reporting import surface, write_surface
from UNetSegmentLib.reporting.surfaces.meshes import pieces, to_arrays
from UNetSegmentLib.volume import Segmentation

pytest.importorskip("vtk")

CENTRE = np.array([12.0, -30.0, 55.0])


def volume_ml(points: np.ndarray, triangles: np.ndarray) -> float:
    a, b, c = (points[triangles[:, n]] for n in range(3))
    return float(np.einsum("ij,ij->", a, np.cross(b, c)) / 6000)


def open_edges(triangles: np.ndarray) -> int:
    edges = Counter(tuple(sorted(edge)) for t in triangles.tolist() for edge in zip(t, (*t[1:], t[0]), strict=True))
    return sum(count % 2 for count in edges.values())


def test_a_ball_is_a_closed_ball_in_the_patient(grid: Geometry, ball: Callable[..., Segmentation]) -> None:
    poly = surface(ball(grid, 20.0), 1)
    points, triangles = to_arrays(poly)
    assert open_edges(triangles) == 0
    distances = np.linalg.norm(points - CENTRE, axis=1)
    assert np.abs(distances - 20.0).max() < 0.75 * max(grid.spacing)
    assert np.abs(distances - 20.0).mean() < 0.2 * max(grid.spacing)
    # Positive: the triangles turn the right way round, even where the grid is left-handed.
    assert volume_ml(points - CENTRE, triangles) == pytest.approx(4 / 3 * math.pi * 8, rel=0.02)
    from vtkmodules.util.numpy_support import vtk_to_numpy

    normals = vtk_to_numpy(poly.GetPointData().GetNormals())
    outward = np.einsum("ij,ij->i", normals, (points - CENTRE) / distances[:, None])
    assert outward.min() > 0.5
    assert outward.mean() > 0.97


def test_without_smoothing_the_volume_is_that_of_the_voxels(grid: Geometry, ball: Callable[..., Segmentation]) -> None:
    segmentation = ball(grid, 15.0)
    points, triangles = to_arrays(surface(segmentation, 1, smoothing=0.0))
    expected = (segmentation.voxels > 0).sum() * math.prod(grid.spacing) / 1000
    assert volume_ml(points - CENTRE, triangles) == pytest.approx(expected, rel=0.01)


def test_a_segment_at_the_border_is_closed() -> None:
    voxels = np.full((6, 7, 8), 5, np.uint8)
    points, triangles = to_arrays(surface(Segmentation(voxels, Geometry((8, 7, 6))), 5, smoothing=0.0))
    assert open_edges(triangles) == 0
    assert points.min(axis=0) == pytest.approx([-0.5] * 3, abs=0.3)
    assert points.max(axis=0) == pytest.approx([7.5, 6.5, 5.5], abs=0.3)


def test_every_piece_keeps_its_volume_however_small() -> None:
    """A lesion of one voxel beside a large one must not melt away under smoothing."""
    voxels = np.zeros((30, 30, 30), np.uint8)
    voxels[5:20, 5:20, 5:20] = 1
    voxels[10:13, 10:13, 10:13] = 0  # a hollow inside
    voxels[25, 25, 25] = 1
    voxels[3, 24:26, 3] = 1
    points, triangles = to_arrays(surface(Segmentation(voxels, Geometry((30, 30, 30), (1.0, 1.0, 2.0))), 1))
    piece = pieces(len(points), triangles)
    found = [volume_ml(points, triangles[piece[triangles[:, 0]] == n]) * 1000 for n in range(piece.max() + 1)]
    assert sorted(found) == pytest.approx(sorted([15**3 * 2, -27 * 2, 2, 4]), rel=0.02)


def test_pieces_are_told_apart() -> None:
    rng = np.random.default_rng(5)
    triangles = rng.integers(0, 300, (120, 3))
    piece = pieces(300, triangles)
    scipy_sparse = pytest.importorskip("scipy.sparse")
    graph = scipy_sparse.coo_matrix((np.ones(240), np.concatenate([triangles[:, :2], triangles[:, 1:]]).T), (300, 300))
    count, expected = scipy_sparse.csgraph.connected_components(graph, directed=False)
    assert piece.max() + 1 == count
    assert len({*zip(piece.tolist(), expected.tolist(), strict=True)}) == count


@pytest.mark.parametrize("shape", [(1, 1, 1), (1, 5, 5), (3, 1, 1)])
def test_the_smallest_segments_have_surfaces(shape: tuple[int, int, int]) -> None:
    points, triangles = to_arrays(surface(Segmentation(np.ones(shape, np.uint8), Geometry(shape[::-1])), 1))
    assert open_edges(triangles) == 0
    assert np.isfinite(points).all()
    assert volume_ml(points, triangles) > 0


@pytest.mark.parametrize("ending", [".stl", ".ply", ".obj"])
def test_files_read_back_and_name_their_space(tmp_path: Path, ending: str, ball: Callable[..., Segmentation]) -> None:
    from vtkmodules.vtkIOGeometry import vtkOBJReader, vtkSTLReader
    from vtkmodules.vtkIOPLY import vtkPLYReader

    poly = surface(ball(Geometry((40, 40, 40), origin=tuple(CENTRE - 20)), 10.0), 1)
    path = write_surface(poly, tmp_path / f"Größe{ending}")
    assert b"SPACE=LPS" in path.read_bytes()[:500]
    reader = {".stl": vtkSTLReader, ".ply": vtkPLYReader, ".obj": vtkOBJReader}[ending]()
    reader.SetFileName(str(path))
    reader.Update()
    found = reader.GetOutput()
    assert found.GetNumberOfPolys() == poly.GetNumberOfPolys()
    assert found.GetBounds() == pytest.approx(poly.GetBounds(), abs=1e-3)
    assert [item.name for item in tmp_path.iterdir()] == [path.name]


def test_bad_requests_are_refused(tmp_path: Path, ball: Callable[..., Segmentation]) -> None:
    segmentation = ball(Geometry((30, 30, 30), origin=tuple(CENTRE - 15)), 5.0)
    with pytest.raises(InputError, match="empty"):
        surface(segmentation, 2)
    with pytest.raises(InputError, match="smoothing"):
        surface(segmentation, 1, smoothing=1.5)
    poly = surface(segmentation, 1)
    with pytest.raises(OutputError, match="vtp"):
        write_surface(poly, tmp_path / "a.vtp")
    with pytest.raises(OutputError):
        write_surface(poly, tmp_path / "missing" / "a.stl")


def test_without_vtk_the_command_to_install_it_is_named(
    monkeypatch: pytest.MonkeyPatch, ball: Callable[..., Segmentation]
) -> None:
    monkeypatch.setitem(sys.modules, "vtkmodules.vtkFiltersCore", None)
    with pytest.raises(DependencyError, match=r"pip install \"unetsegment\[report\]\""):
        surface(ball(Geometry((30, 30, 30), origin=tuple(CENTRE - 15)), 5.0), 1)
