"""Previews: everything where it lies in the patient, on every grid, and a picture whatever happens."""

from __future__ import annotations

import logging
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from UNetSegmentLib.errors import DependencyError, GeometryError, OutputError
from UNetSegmentLib.geometry import Box, Geometry
from UNetSegmentLib.labels import Label
from UNetSegmentLib.postprocessing import label_boxes
from UNetSegmentLib.reporting import write_preview
from UNetSegmentLib.reporting.drawing.canvas import Canvas, round_length
from UNetSegmentLib.reporting.drawing.shading import grey, grey_window, paint_label, visible_color
from UNetSegmentLib.reporting.drawing.views import (
    AXIAL,
    CORONAL,
    SAGITTAL,
    View,
    choose_view,
    cut_image,
    cut_label,
    slice_plane,
)
from UNetSegmentLib.reporting.pictures import preview
from UNetSegmentLib.reporting.surfaces import rendering
from UNetSegmentLib.volume import Segmentation, Volume

Image = pytest.importorskip("PIL.Image")
pytest.importorskip("vtk")

CENTRE = np.array([12.0, -30.0, 55.0])
PLANES = (AXIAL, CORONAL, SAGITTAL)
RED = (200, 40, 40)


def volume_of(segmentation: Segmentation) -> Volume:
    """An image that is bright where the label is."""
    noise = np.random.default_rng(0).normal(0, 2, segmentation.voxels.shape)
    return Volume(
        (100.0 * (segmentation.voxels > 0) + noise)[None].astype(np.float32), segmentation.geometry, "phantom"
    )


def reddish(picture: np.ndarray) -> np.ndarray:
    rgb = picture.astype(int)
    return (rgb[..., 0] > 90) & (rgb[..., 0] > 2 * rgb[..., 1])


@pytest.fixture
def no_scene(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leaves the 3D picture out where a test is about something else."""
    monkeypatch.setattr(preview, "render", lambda *_: None)


# -- where things are ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("plane", "column_mm", "row_mm"),
    # The ball lies 12 mm to the left, 8 mm to the front and 5 mm up: in pictures with the patient's right on the left.
    [(AXIAL, 12.0, -8.0), (CORONAL, 12.0, -5.0), (SAGITTAL, -8.0, -5.0)],
    ids=lambda value: getattr(value, "name", None),
)
def test_image_and_label_appear_where_they_lie(grid: Geometry, paint: Callable, plane, column_mm, row_mm) -> None:
    spot = CENTRE + np.array([12.0, -8.0, 5.0])
    segmentation = paint(grid, lambda points: np.linalg.norm(points - spot, axis=-1) <= 6.0)
    view, pixels = View(CENTRE, spot, 60.0), 120
    share = np.zeros((pixels, pixels))
    window, part = cut_label(segmentation, 1, label_boxes(segmentation.voxels)[1], view, plane, pixels)
    share[window] = part
    image = np.nan_to_num(cut_image(volume_of(segmentation), view, plane, pixels)[0])
    for cut, level in ((share, 0.5), (image, 50.0)):
        rows, columns = np.nonzero(cut > level)
        assert columns.mean() - (pixels - 1) / 2 == pytest.approx(column_mm * 2, abs=1.5)
        assert rows.mean() - (pixels - 1) / 2 == pytest.approx(row_mm * 2, abs=1.5)
        assert len(rows) == pytest.approx(np.pi * 12**2, rel=0.15)


def test_the_view_zooms_to_the_segments_and_cuts_through_both_sides(paint: Callable) -> None:
    """Two balls left and right: the sagittal plane must go through one of them, not through the gap between."""
    geometry = Geometry((100, 60, 60), (1.0, 1.0, 1.0))
    balls = [np.array([25.0, 30.0, 30.0]), np.array([75.0, 30.0, 30.0])]
    segmentation = paint(geometry, lambda p: np.min([np.linalg.norm(p - b, axis=-1) for b in balls], axis=0) <= 8)
    boxes = label_boxes(segmentation.voxels)
    view = choose_view(segmentation, boxes, None, PLANES)
    assert min(abs(view.cut[0] - b[0]) for b in balls) < 3
    assert view.cut[1:] == pytest.approx([30, 30], abs=2)
    assert 66 < view.field_mm < 110
    region = choose_view(segmentation, boxes, Box((10, 10, 10), (30, 40, 60)), PLANES)
    assert region.field_mm == pytest.approx(50.0)
    assert region.centre == pytest.approx([34.5, 24.5, 19.5])


@pytest.mark.parametrize(("axis", "letters"), [(0, "RLAP"), (1, "RLSI"), (2, "APSI")])
def test_one_slice_is_shown_in_its_own_plane(axis: int, letters: str) -> None:
    shape = tuple(1 if n == axis else 20 for n in range(3))
    plane = slice_plane(Geometry(shape[::-1], (1.0, 1.0, 2.0), (5.0, 0.0, 0.0)))
    assert plane is not None
    assert "".join(plane.letters) == letters
    reference = PLANES[axis]
    assert plane.right == pytest.approx(reference.right)
    assert plane.down == pytest.approx(reference.down)
    assert slice_plane(Geometry((5, 5, 5))) is None


# -- the picture -----------------------------------------------------------------------------------------------------


def test_the_picture_shows_planes_and_surface(
    tmp_path: Path, oblique: Geometry, ball: Callable[..., Segmentation], caplog: pytest.LogCaptureFixture
) -> None:
    segmentation = ball(oblique, 12.0)
    path = write_preview(volume_of(segmentation), segmentation, tmp_path / "Vorschau für alle.png")
    picture = np.asarray(Image.open(path))
    edge, head, side, gap = preview._EDGE, preview._HEAD, preview._SIDE, preview._GAP
    panels = {
        (row, column): picture[head + row * (side + gap) :, edge + column * (side + gap) :][:side, :side]
        for row in (0, 1)
        for column in (0, 1)
    }
    for place in ((0, 0), (1, 0), (1, 1)):
        rows, columns = np.nonzero(reddish(panels[place]))
        assert np.mean([rows.min(), rows.max()]) == pytest.approx(side / 2, abs=25)
        assert np.mean([columns.min(), columns.max()]) == pytest.approx(side / 2, abs=25)
    if "No 3D picture" not in caplog.text:  # a machine without OpenGL
        assert reddish(panels[0, 1]).mean() > 0.2
    assert [item.name for item in tmp_path.iterdir()] == [path.name]


STAND_IN = """
import os, sys
sys.path.insert(0, {folder!r})
import numpy as np
import scene_process
def render(scene):
    os.write(1, b"what a library prints")
    assert len(scene["points0"]) and int(scene["count"]) == 1
    return np.full((4, 5, 3), scene["color0"], np.uint8)
scene_process.render = render
scene_process.main()
"""


def test_scene_and_picture_go_through_pipes_and_leave_no_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ball: Callable[..., Segmentation]
) -> None:
    """Also on a machine without OpenGL: only the drawing itself is another's here."""
    script = tmp_path / "stand_in.py"
    script.write_text(STAND_IN.format(folder=str(rendering._SCRIPT.parent)))
    monkeypatch.setattr(rendering, "_SCRIPT", script)
    for name in ("TMPDIR", "TEMP", "TMP"):
        monkeypatch.setenv(name, str(tmp_path / "none"))
    segmentation = ball(Geometry((40, 40, 40), origin=tuple(CENTRE - 20)), 8.0)
    picture = rendering.render(segmentation, label_boxes(segmentation.voxels), {1: (9, 8, 7)}, 4, (0, 0, 0))
    assert picture is not None and picture.tolist() == np.full((4, 5, 3), (9, 8, 7)).tolist()


GROUP = """
import io, os, sys
import numpy as np
sys.stdin.buffer.read()
picture = io.BytesIO()
np.save(picture, np.full((4, 4, 3), os.getpgid(0) != os.getpgid(os.getppid()), np.uint8))
sys.stdout.buffer.write(picture.getvalue())
"""


@pytest.mark.skipif(sys.platform == "win32", reason="process groups of POSIX")
def test_an_interrupt_of_the_program_leaves_the_renderer_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ball: Callable[..., Segmentation]
) -> None:
    script = tmp_path / "group.py"
    script.write_text(GROUP)
    monkeypatch.setattr(rendering, "_SCRIPT", script)
    segmentation = ball(Geometry((40, 40, 40), origin=tuple(CENTRE - 20)), 8.0)
    picture = rendering.render(segmentation, label_boxes(segmentation.voxels), {1: (9, 8, 7)}, 4, (0, 0, 0))
    assert picture is not None and (picture == 1).all()  # Ctrl-C goes to a group of processes


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="looks into /proc")
def test_the_renderer_ends_with_its_parent(tmp_path: Path) -> None:
    child = f"import sys; sys.path.insert(0, {str(rendering._SCRIPT.parent)!r}); import scene_process as s, os\n"
    child += "print(os.getpid(), flush=True); s._watch_parent(os.getppid())"
    parent = "import subprocess, sys; print(subprocess.Popen([sys.executable, '-c', sys.argv[1]],"
    parent += " stdout=subprocess.PIPE).stdout.readline().decode())"
    done = subprocess.run([sys.executable, "-c", parent, child], capture_output=True, encoding="utf-8", check=True)
    deadline = time.monotonic() + 60
    while Path("/proc", done.stdout.strip()).exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not Path("/proc", done.stdout.strip()).exists()


def test_a_crash_of_the_renderer_costs_only_its_panel(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, ball: Callable[..., Segmentation]
) -> None:
    crash = tmp_path / "crash.py"
    crash.write_text("import os, signal; os.kill(os.getpid(), signal.SIGSEGV)")
    monkeypatch.setattr(rendering, "_SCRIPT", crash)
    segmentation = ball(Geometry((40, 40, 40), origin=tuple(CENTRE - 20)), 8.0)
    with caplog.at_level(logging.WARNING):
        path = write_preview(volume_of(segmentation), segmentation, tmp_path / "p.png")
    assert "No 3D picture" in caplog.text
    assert Image.open(path).size == (preview._WIDTH, preview._HEIGHT)


def test_an_empty_segmentation_is_shown_as_such(tmp_path: Path) -> None:
    geometry = Geometry((30, 20, 10), (1.0, 1.0, 3.0))
    empty = Segmentation(np.zeros(geometry.shape, np.uint8), geometry, (Label(1, "liver"),))
    path = write_preview(Volume(np.full((1, *geometry.shape), np.nan), geometry), empty, tmp_path / "p.png")
    assert not reddish(np.asarray(Image.open(path))).any()


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.usefixtures("no_scene")
def test_photographs(tmp_path: Path, channels: int) -> None:
    geometry = Geometry((64, 48, 1))
    voxels = np.zeros(geometry.shape, np.uint8)
    voxels[0, 10:20, 30:40] = 1
    photograph = Volume(
        np.random.default_rng(0).integers(0, 60, (channels, *geometry.shape)).astype(np.uint8), geometry
    )
    path = write_preview(photograph, Segmentation(voxels, geometry, (Label(1, "cell", RED),)), tmp_path / "p.png")
    rows, columns = np.nonzero(reddish(np.asarray(Image.open(path))[:, : preview._EDGE + 2 * preview._SIDE]))
    assert len(rows) > 500
    middle = preview._EDGE + preview._SIDE + preview._GAP / 2
    assert np.mean([columns.min(), columns.max()]) == pytest.approx(middle, abs=10)


@pytest.mark.usefixtures("no_scene")
def test_names_of_any_length_and_script_stay_in_the_legend(tmp_path: Path) -> None:
    geometry = Geometry((20, 20, 20))
    voxels = np.zeros(geometry.shape, np.uint16)
    voxels.ravel()[:60] = np.arange(1, 61)
    labels = tuple(Label(n, "Größenwahn 東京 " * (n % 7 + 1), RED) for n in range(1, 61))
    segmentation = Segmentation(voxels, geometry, labels)
    volume = replace(volume_of(segmentation), name="a" * 500)
    picture = np.asarray(Image.open(write_preview(volume, segmentation, tmp_path / "p.png"))).astype(int)
    margin = picture[preview._HEAD : -preview._FOOT, -preview._EDGE + 1 :]
    assert np.ptp(margin) == np.ptp(picture[0, 0])  # nothing but background right of the legend
    below = picture[-preview._FOOT + 4 : -preview._FOOT + 20, -preview._EDGE - preview._LEGEND :]
    assert np.ptp(below) == np.ptp(picture[0, 0])


def test_bad_requests_are_refused(tmp_path: Path, ball: Callable[..., Segmentation]) -> None:
    segmentation = ball(Geometry((40, 40, 40), origin=tuple(CENTRE - 20)), 8.0)
    volume = volume_of(segmentation)
    with pytest.raises(OutputError, match="PNG"):
        write_preview(volume, segmentation, tmp_path / "p.jpg")
    shifted = replace(segmentation, geometry=replace(segmentation.geometry, origin=(0.0, 0.0, 0.0)))
    with pytest.raises(GeometryError, match="origin"):
        write_preview(volume, shifted, tmp_path / "p.png")
    assert not list(tmp_path.iterdir())


@pytest.mark.usefixtures("no_scene")
def test_an_unwritable_target_is_named(tmp_path: Path, ball: Callable[..., Segmentation]) -> None:
    segmentation = ball(Geometry((40, 40, 40), origin=tuple(CENTRE - 20)), 8.0)
    with pytest.raises(OutputError, match="does not exist"):
        write_preview(volume_of(segmentation), segmentation, tmp_path / "missing" / "p.png")


def test_without_pillow_the_command_to_install_it_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "PIL", None)
    with pytest.raises(DependencyError, match=r"pip install \"unetsegment\[report\]\""):
        Canvas(10, 10)


# -- parts -----------------------------------------------------------------------------------------------------------


def test_the_window_leaves_air_out_of_a_ct_only() -> None:
    air, tissue = np.full(5000, -1000.0), np.random.default_rng(0).uniform(-100, 200, 5000)
    low, high = grey_window([np.concatenate([air, tissue])])
    assert -110 < low < -90
    assert 190 < high < 260
    low, _ = grey_window([np.concatenate([np.zeros(5000), tissue + 500])])
    assert low == 0.0
    low, high = grey_window([np.full(10, 7.0)])
    assert low < 7.0 < high
    assert grey_window([np.full(4, np.nan)]) == (0.0, 1.0)


def test_outside_of_the_image_is_the_panels_colour() -> None:
    rgb = grey(np.array([[[np.nan, 0.0, 10.0]]]), (0.0, 10.0), (255, 0, 0))
    assert rgb[0].tolist() == [[1, 0, 0], [0, 0, 0], [1, 1, 1]]


def test_a_contour_lies_just_inside_its_label() -> None:
    share = np.zeros((60, 60))
    share[20:40, 20:40] = 1.0
    picture = np.zeros((60, 60, 3))
    paint_label(picture, share, (255, 0, 0), line=3.0, blur=0.0)
    painted = picture[..., 0]
    assert painted[30, 20:23] == pytest.approx([1, 1, 1], abs=0.5)
    assert painted[30, 18] == 0.0
    assert 0.05 < painted[30, 30] < 0.3


def test_softening_keeps_the_area_of_small_segments() -> None:
    share = np.zeros((60, 60), np.float32)
    share[25:35, 25:35] = 1.0
    picture = np.zeros((60, 60, 3))
    paint_label(picture, share, (255, 0, 0), line=1.0, blur=4.0)
    assert (picture[..., 0] > 0.1).sum() == pytest.approx(100, abs=30)


def test_dark_colours_are_lifted_and_bright_ones_kept() -> None:
    assert visible_color((240, 200, 10)) == (240, 200, 10)
    dark = visible_color((0, 0, 60))
    assert dark[2] > dark[0] == dark[1] > 40


@pytest.mark.parametrize(("most", "length"), [(9.9, 5.0), (10.0, 10.0), (2.5, 2.0), (130.0, 100.0), (0.7, 0.5)])
def test_scale_bars_have_round_lengths(most: float, length: float) -> None:
    assert round_length(most) == pytest.approx(length)


def test_a_label_that_encloses_another_is_see_through() -> None:
    voxels = np.zeros((20, 20, 20), np.uint8)
    voxels[2:18, 2:18, 2:18] = 1
    voxels[8:12, 8:12, 8:12] = 2
    voxels[0:2, 5:8, 5:8] = 3
    found = rendering._opacities(Segmentation(voxels, Geometry((20, 20, 20))), label_boxes(voxels))
    assert found[1] < 1
    assert found[2] == found[3] == 1


def test_importing_the_room_loads_nothing_heavy() -> None:
    heavy = ("vtkmodules", "PIL", "SimpleITK", "torch")
    code = f"import sys, UNetSegmentLib.reporting; sys.exit(any(n in sys.modules for n in {heavy}))"
    root = Path(__file__).resolve().parents[3]
    assert subprocess.run([sys.executable, "-c", code], cwd=root, check=False).returncode == 0


def test_huge_segments_are_thinned_out_for_the_surface_but_none_is_lost() -> None:
    voxels = np.zeros((3, 40, 700), np.uint8)
    voxels[:, 5:35, 5:695] = 1
    geometry = Geometry((700, 40, 3), (1.0, 2.0, 3.0), (7.0, 8.0, 9.0))
    coarse, boxes = rendering._coarse(Segmentation(voxels, geometry), label_boxes(voxels))
    assert max(boxes[1].shape) < 280
    low, high = coarse.geometry.cropped(boxes[1]).corners()[[0, -1]]
    expected = geometry.cropped(label_boxes(voxels)[1]).corners()[[0, -1]]
    assert np.abs(np.array([low, high]) - expected).max() <= 3 * 3
    voxels[1, 38, 1] = 2  # between the voxels that are kept
    kept, _ = rendering._coarse(Segmentation(voxels, geometry), label_boxes(voxels))
    assert kept.voxels is voxels
