"""Markups files: what Slicer's own library writes is read back at the same places; what strangers write is refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from UNetSegmentLib.errors import InputError
from UNetSegmentLib.io.markups import MOST_POINTS, Curve, Frame, PointList, read_markups, write_points
from UNetSegmentLib.text import shown

RAS_TO_LPS = np.array([-1.0, -1.0, 1.0])
PLACES = [(0.0, 0.0, 0.0), (10.0, 0.0, -4.0), (14.0, 9.5, 0.25), (3.0, 12.0, 3.0), (-5.0, 6.0, 1.0)]


@pytest.fixture(scope="module")
def core() -> Any:
    return pytest.importorskip("slicer_core", reason="slicer-core (Slicer's MRML library) is not installed")


@pytest.fixture
def save(core: Any, tmp_path: Path) -> Callable[..., tuple[Any, Path]]:
    """Makes a node of Slicer, lets ``fill`` change it, and has Slicer's storage node write it."""
    vtk = pytest.importorskip("vtk")

    def write(kind: str, fill: Callable[[Any, Any], None], ras: bool = False) -> tuple[Any, Path]:
        scene = core.vtkMRMLScene()
        node = getattr(core, f"vtkMRMLMarkups{kind}Node")()
        scene.AddNode(node)
        fill(node, vtk)
        own = getattr(core, f"vtkMRMLMarkups{kind}JsonStorageNode", core.vtkMRMLMarkupsJsonStorageNode)
        storage = own()
        scene.AddNode(storage)
        path = tmp_path / f"{kind}.mrk.json"
        storage.SetFileName(str(path))
        storage.SetCoordinateSystem(0 if ras else 1)
        assert storage.WriteData(node) == 1
        # The scene owns the node.
        node.scene = scene
        return node, path

    return write


def place_all(node: Any, vtk: Any) -> None:
    for place in PLACES:
        node.AddControlPoint(vtk.vtkVector3d(*place))


@pytest.mark.parametrize("ras", [False, True])
def test_points_lie_where_slicer_shows_them(save: Callable, ras: bool) -> None:
    node, path = save("Fiducial", place_all, ras)
    assert json.loads(path.read_text())["markups"][0]["coordinateSystem"] == ("RAS" if ras else "LPS")
    (found,) = read_markups(path).items
    assert isinstance(found, PointList)
    world = [node.GetNthControlPointPositionWorld(n) for n in range(len(PLACES))]
    np.testing.assert_allclose(np.array(found.points) * RAS_TO_LPS, world, atol=1e-9)


@pytest.mark.parametrize("kind", ["Curve", "ClosedCurve"])
@pytest.mark.parametrize(("straight", "curve_type"), [(False, 1), (True, 0)])
def test_curves_are_those_that_slicer_draws(save: Callable, kind: str, straight: bool, curve_type: int) -> None:
    def fill(node: Any, vtk: Any) -> None:
        place_all(node, vtk)
        node.SetCurveType(curve_type)

    node, path = save(kind, fill, ras=straight)
    result = read_markups(path, straight)
    (found,) = result.items
    assert isinstance(found, Curve) and found.closed == (kind == "ClosedCurve")
    from vtk.util.numpy_support import vtk_to_numpy

    drawn = vtk_to_numpy(node.GetCurvePointsWorld().GetData())
    if found.closed:
        drawn = drawn[:-1]
    if straight:
        drawn = drawn[::10]
    np.testing.assert_allclose(np.array(found.points) * RAS_TO_LPS, drawn, atol=1e-5)
    assert any("spline" in note for note in result.notes) != straight


def test_a_line_is_straight(save: Callable) -> None:
    def fill(node: Any, vtk: Any) -> None:
        for place in PLACES[:2]:
            node.AddControlPoint(vtk.vtkVector3d(*place))

    _, path = save("Line", fill)
    (found,) = read_markups(path).items
    assert found == Curve(((-0.0, -0.0, 0.0), (-10.0, -0.0, -4.0)))


def turned(vtk: Any) -> Any:
    """A rotation about a skew axis, and a shift."""
    transform = vtk.vtkTransform()
    transform.Translate(11, -22, 33)
    transform.RotateWXYZ(37.0, 1.0, 2.0, 3.0)
    matrix = vtk.vtkMatrix4x4()
    transform.GetMatrix(matrix)
    return matrix


@pytest.mark.parametrize("ras", [False, True])
def test_a_turned_box_has_the_corners_of_slicers(save: Callable, ras: bool) -> None:
    def fill(node: Any, vtk: Any) -> None:
        node.SetSize(10.0, 20.0, 30.0)
        node.SetAndObserveObjectToNodeMatrix(turned(vtk))

    node, path = save("ROI", fill, ras)
    (found,) = read_markups(path).items
    assert isinstance(found, Frame)
    vtk = pytest.importorskip("vtk")
    matrix = vtk.vtkMatrix4x4()
    matrix.DeepCopy(node.GetObjectToWorldMatrix())
    for corner in np.array(np.meshgrid(*[(-1, 1)] * 3)).reshape(3, -1).T:
        local = corner * np.array([10.0, 20.0, 30.0]) / 2
        slicers = np.array(matrix.MultiplyPoint((*local, 1.0))[:3])
        ours = np.array(found.center) + np.array(found.axes).reshape(3, 3) @ (corner * np.array(found.size) / 2)
        np.testing.assert_allclose(ours * RAS_TO_LPS, slicers, atol=1e-6)


@pytest.mark.parametrize("ras", [False, True])
def test_a_plane_is_the_rectangle_that_slicer_shows(save: Callable, ras: bool) -> None:
    def fill(node: Any, vtk: Any) -> None:
        node.SetSizeMode(node.SizeModeAbsolute)
        node.AddControlPoint(vtk.vtkVector3d(1, 2, 3))
        node.SetNormal(0.36, 0.48, 0.8)
        node.SetPlaneBounds(-10, 30, -5, 15)

    node, path = save("Plane", fill, ras)
    vtk = pytest.importorskip("vtk")
    corners = vtk.vtkPoints()
    node.GetPlaneCornerPointsWorld(corners)
    slicers = np.array([corners.GetPoint(n) for n in range(4)])
    (found,) = read_markups(path).items
    assert isinstance(found, Frame) and found.size[2] == 0
    half = np.array(found.size) / 2
    ours = [
        np.array(found.center) + np.array(found.axes).reshape(3, 3) @ (half * (x, y, 0))
        for x, y in ((-1, -1), (1, -1), (1, 1), (-1, 1))
    ]
    distance = np.linalg.norm((np.array(ours) * RAS_TO_LPS)[:, None] - slicers, axis=2)
    assert (distance.min(axis=1) < 1e-5).all() and len(set(distance.argmin(axis=1).tolist())) == 4


def test_what_slicer_does_not_place_or_show_is_left_out_and_said(save: Callable) -> None:
    def fill(node: Any, vtk: Any) -> None:
        place_all(node, vtk)
        node.SetNthControlPointVisibility(1, False)
        node.UnsetNthControlPointPosition(2)

    _, path = save("Fiducial", fill)
    result = read_markups(path)
    (found,) = result.items
    assert isinstance(found, PointList) and len(found.points) == 3
    assert len(result.notes) == 2 and "hidden: 1" in result.notes[0] and "not placed: 1" in result.notes[1]

    # In Slicer a hidden point still shapes its curve.
    node, path = save("Curve", lambda node, vtk: (fill(node, vtk), node.SetCurveType(0)))
    (found,) = read_markups(path, straight=True).items
    assert isinstance(found, Curve) and len(found.points) == 4
    from vtk.util.numpy_support import vtk_to_numpy

    drawn = vtk_to_numpy(node.GetCurvePointsWorld().GetData())[::10]
    np.testing.assert_allclose(np.array(found.points) * RAS_TO_LPS, drawn, atol=1e-5)


# -- files of strangers ----------------------------------------------------------------------------------------------


def markup(**changes: Any) -> dict[str, Any]:
    """A point list as small as Slicer's manual shows one."""
    entry = {"type": "Fiducial", "coordinateSystem": "LPS", "controlPoints": [{"position": [1, 2, 3]}], **changes}
    return {key: value for key, value in entry.items() if value is not None}


def written(folder: Path, *entries: Any) -> Path:
    path = folder / "made.mrk.json"
    path.write_text(json.dumps({"markups": list(entries)}))
    return path


@pytest.mark.parametrize(
    ("system", "expected"), [(None, 1), ("LPS", 1), ("lps", 1), (1, 1), ("1", 1), ("RAS", -1), (0, -1), ("0", -1)]
)
def test_names_and_numbers_of_coordinate_systems(tmp_path: Path, system: object, expected: int) -> None:
    (found,) = read_markups(written(tmp_path, markup(coordinateSystem=system))).items
    assert found == PointList(((expected * 1.0, expected * 2.0, 3.0),))


def test_several_markups_keep_their_order(tmp_path: Path) -> None:
    line = markup(type="Line", controlPoints=[{"position": [0, 0, 0]}, {"position": [1, 0, 0]}])
    found = read_markups(written(tmp_path, line, markup(), line)).items
    assert [type(one) for one in found] == [Curve, PointList, Curve]


ROI = {"type": "ROI", "center": [0, 0, 0], "size": [1, 2, 3], "controlPoints": None}


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        (markup(type="Angle"), "an angle"),
        (markup(type="Model"), "no type of markups"),
        (markup(type=None), "no type of markups"),
        (markup(coordinateSystem="IJK"), "no coordinate system"),
        (markup(coordinateSystem=True), "no coordinate system"),
        (markup(coordinateUnits="um"), "not mm"),
        (markup(coordinateUnits=["cm", "UCUM", "centimeter"]), "not mm"),
        (markup(controlPoints={}), "no list"),
        (markup(controlPoints=[7]), "no object"),
        (markup(controlPoints=[{}]), "not 3 numbers"),
        (markup(controlPoints=[{"position": [1, 2]}]), "not 3 numbers"),
        (markup(controlPoints=[{"position": [1, 2, True]}]), "not 3 numbers"),
        (markup(controlPoints=[{"position": ["1", "2", "3"]}]), "not 3 numbers"),
        (markup(controlPoints=[{"position": [1, 2, 10**400]}]), "farther away"),
        (markup(controlPoints=[{"position": [1, 2, 3], "positionStatus": "lost"}]), "position status"),
        (markup(type="ClosedCurve", controlPoints=[{"position": [n, 0, 0]} for n in range(2)]), "encloses nothing"),
        (markup(**ROI | {"size": [5, 0, 0]}), "no extent"),
        (markup(**ROI | {"size": [5, 5, -1]}), "no extent"),
        (markup(**ROI | {"center": None}), "not 3 numbers"),
        (markup(**ROI, insideOut=True), "inside out"),
        (markup(**ROI, orientation=[1, 0, 0, 0, 1, 0, 0, 1, 1]), "perpendicular"),
        (markup(**ROI, orientation=[0] * 9), "perpendicular"),
        (markup(type="Plane"), "old versions"),
    ],
)
def test_what_is_no_prompt_is_refused_with_the_files_name(tmp_path: Path, entry: Any, said: str) -> None:
    with pytest.raises(InputError) as caught:
        read_markups(written(tmp_path, entry))
    assert said in caught.value.cause and "made.mrk.json" in caught.value.cause and caught.value.cure


@pytest.mark.parametrize(
    "text",
    [
        *("", "[" * 100_000, "7", "[]", "{}", '{"markups": 3}', '{"markups": [[]]}', '{"markups": []}', "\x00"),
        '{"markups": [{"type": "Fiducial", "type": "Line"}]}',
        '{"markups": [{"type": "Fiducial", "controlPoints": [{"position": [NaN, 0, 0]}]}]}',
        '{"markups": [{"type": "Fiducial", "controlPoints": [{"position": [1e999, 0, 0]}]}]}',
        '{"markups": [{"type": "Fiducial", "controlPoints": []}]}',
    ],
)
def test_hostile_files_are_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "made.mrk.json").write_text(text)
    with pytest.raises(InputError, match=r"made\.mrk\.json"):
        read_markups(tmp_path / "made.mrk.json")


def test_too_many_points_are_refused_and_a_long_stroke_is_not(tmp_path: Path) -> None:
    angles = np.linspace(0, 20, 10_000)
    stroke = [{"position": [30 * float(np.cos(a)), 30 * float(np.sin(a)), 0.0]} for a in angles]
    (found,) = read_markups(written(tmp_path, markup(type="Curve", controlPoints=stroke))).items
    assert isinstance(found, Curve)
    np.testing.assert_allclose(np.linalg.norm(found.points, axis=1), 30, atol=0.05)
    many = [{"position": [0, 0, 0]}] * (MOST_POINTS // 2 + 1)
    with pytest.raises(InputError, match="more than"):
        read_markups(written(tmp_path, *[markup(controlPoints=many)] * 2))


def test_points_that_are_written_are_read_by_slicer_and_by_us(core: Any, tmp_path: Path) -> None:
    points = [((1.5, -2.0, 3.0), "1", "a part of 'Leber – ö'"), ((4.0, 5.0, -6.25), "2", "\x1b[2J")]
    path = tmp_path / "p.mrk.json"
    write_points(points, path)
    (found,) = read_markups(path).items
    assert found == PointList(tuple(place for place, _, _ in points))
    scene, node = core.vtkMRMLScene(), core.vtkMRMLMarkupsFiducialNode()
    scene.AddNode(node)
    storage = core.vtkMRMLMarkupsJsonStorageNode()
    scene.AddNode(storage)
    storage.SetFileName(str(path))
    assert storage.ReadData(node) == 1
    for number, (place, label, words) in enumerate(points):
        world = node.GetNthControlPointPositionWorld(number)
        np.testing.assert_allclose(np.array(place) * RAS_TO_LPS, world)
        assert node.GetNthControlPointLabel(number) == label
        assert node.GetNthControlPointDescription(number) == shown(words)
