"""Previews of one slice: true colours, thin structures as a film, many pixels in few, the image alone beside it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from UNetSegmentLib.geometry import Box, Geometry
from UNetSegmentLib.labels import Label
from UNetSegmentLib.postprocessing import label_boxes
from UNetSegmentLib.reporting import write_preview
from UNetSegmentLib.reporting.drawing.shading import cover_thin, is_thin
from UNetSegmentLib.reporting.drawing.views import slice_plane
from UNetSegmentLib.reporting.pictures import preview
from UNetSegmentLib.reporting.pictures.slices import slice_pictures, slice_view
from UNetSegmentLib.reporting.units import size_words
from UNetSegmentLib.volume import Segmentation, Volume

Image = pytest.importorskip("PIL.Image")

CYAN = (0, 220, 255)


def photograph(rows: int, columns: int, rgb: tuple[int, int, int] = (180, 90, 40)) -> Volume:
    voxels = np.empty((3, 1, rows, columns), np.uint8)
    voxels[:] = np.reshape(rgb, (3, 1, 1, 1))
    return Volume(voxels, Geometry((columns, rows, 1)), "eye.png")


def segmentation(volume: Volume, *parts: tuple[slice, slice]) -> Segmentation:
    voxels = np.zeros(volume.geometry.shape, np.uint8)
    for part in parts:
        voxels[(0, *part)] = 1
    return Segmentation(voxels, volume.geometry, (Label(1, "vessel", CYAN),))


def pictures(volume: Volume, labels: Segmentation, side: int = 200) -> tuple[np.ndarray, np.ndarray]:
    plane, boxes = slice_plane(volume.geometry), label_boxes(labels.voxels)
    assert plane is not None
    view = slice_view(labels, boxes, None, plane)
    return slice_pictures(volume, labels, boxes, view, plane, side)


def test_a_photograph_keeps_its_colours() -> None:
    volume = photograph(100, 100)
    labelled, alone = pictures(volume, segmentation(volume))
    assert np.abs(alone.astype(int) - (180, 90, 40)).max() <= 1
    np.testing.assert_array_equal(labelled, alone)
    deep = replace(volume, voxels=volume.voxels.astype(np.uint16) * 16)
    _, alone = pictures(deep, segmentation(deep))
    # One scale for all colours: the hue stays, the brightest becomes white.
    assert alone[50, 50].astype(int) == pytest.approx([255, 127, 57], abs=2)


def test_vessels_are_a_film_without_lines() -> None:
    """Every pixel of a vessel is tinted alike, and the vessel still shines through."""
    volume = photograph(100, 100)
    labels = segmentation(volume, np.s_[50:53, 5:95], np.s_[20:22, 5:95])
    labelled, alone = pictures(volume, labels)
    film = labelled[102:105, 60:150].reshape(-1, 3).astype(int)
    assert np.ptp(film, axis=0).max() <= 3
    expected = 0.4 * np.array([180, 90, 40]) + 0.6 * np.array(CYAN)
    assert film[0] == pytest.approx(expected, abs=3)
    np.testing.assert_array_equal(labelled[120:190], alone[120:190])


def test_solid_segments_keep_their_contours() -> None:
    volume = photograph(100, 100)
    labelled, _ = pictures(volume, segmentation(volume, np.s_[30:70, 30:70]))
    line, inside = labelled[100, 61].astype(int), labelled[100, 100].astype(int)
    assert line == pytest.approx(CYAN, abs=25)
    assert np.abs(inside - (180, 90, 40)).max() < 40


@pytest.mark.parametrize(
    ("shape", "thin"),
    [
        (lambda y, x: np.abs(y - 100) < 3, True),
        (lambda y, x: np.abs((y - 100) - 0.4 * (x - 100)) < 4, True),
        (lambda y, x: np.abs(np.hypot(y - 100, x - 100) - 60) < 3, True),
        (lambda y, x: np.hypot(y - 100, x - 100) < 60, False),
        (lambda y, x: np.hypot((y % 25) - 12, (x % 25) - 12) < 9, False),
        (lambda y, x: (np.abs(y - 100) < 50) & (np.abs(x - 100) < 20), False),
    ],
    ids=["line", "slanted line", "ring", "disc", "many cells", "oblong"],
)
def test_thin_is_long_for_its_width(shape, thin: bool) -> None:
    y, x = np.mgrid[:200, :200]
    assert is_thin(shape(y, x).astype(np.float32), 4.0) is thin


def test_nothing_is_not_thin_and_traces_are() -> None:
    assert not is_thin(np.zeros((20, 20)), 4.0)
    assert is_thin(np.full((20, 20), 0.2), 4.0)
    picture = np.zeros((2, 2, 3))
    cover_thin(picture, np.array([[0.0, 0.5], [1.0, 1.0]]), (255, 255, 255))
    assert picture[..., 0].ravel() == pytest.approx([0.0, 0.3, 0.6, 0.6])


def test_a_large_photograph_is_averaged_not_sampled() -> None:
    """Stripes of one pixel become an even grey, and a vessel of two pixels keeps its strength all along."""
    volume = photograph(2000, 1600, (0, 0, 0))
    volume.voxels[:, :, :, ::2] = 200
    labels = segmentation(volume, np.s_[1000:1002, 100:1500])
    labelled, alone = pictures(volume, labels, 250)
    middle = alone[20:110, 60:190].astype(int)
    assert np.ptp(middle) <= 12
    assert middle.mean() == pytest.approx(100, abs=4)
    blue = labelled[123:128, 60:190, 2].astype(int) - alone[123:128, 60:190, 2]
    assert np.ptp(blue.sum(axis=0)) <= 0.25 * blue.sum(axis=0).mean()


def test_the_whole_slice_is_shown_unless_the_segments_are_small() -> None:
    volume = photograph(100, 80)
    plane = slice_plane(volume.geometry)
    assert plane is not None
    for parts, field in ((np.s_[5:90, 5:70], 100.0), (np.s_[40:50, 30:40], pytest.approx(26, abs=2))):
        labels = segmentation(volume, parts)
        assert slice_view(labels, label_boxes(labels.voxels), None, plane).field_mm == field
    labels = segmentation(volume, np.s_[5:90, 5:70])
    region = Box((0, 10, 20), (1, 40, 60))
    assert slice_view(labels, label_boxes(labels.voxels), region, plane).field_mm == pytest.approx(40.0)


def test_the_file_holds_one_large_plane_and_the_image_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(preview, "render", lambda *_: pytest.fail("a slice needs no 3D view"))
    volume = photograph(90, 90)
    labels = segmentation(volume, np.s_[40:43, 5:85])
    rgba = replace(volume, voxels=np.concatenate([volume.voxels, np.full((1, 1, 90, 90), 255, np.uint8)]))
    picture = np.asarray(Image.open(write_preview(rgba, labels, tmp_path / "p.png"))).astype(int)
    edge, head, side = preview._EDGE, preview._HEAD, 2 * preview._SIDE + preview._GAP
    large = picture[head : head + side, edge : edge + side]
    tinted = large[side * 38 // 90 : side * 45 // 90, :, 2] > 120
    assert tinted.any(axis=0).mean() == pytest.approx(80 / 90, abs=0.02)
    small = picture[head + side - preview._LEGEND : head + side, -edge - preview._LEGEND : -edge]
    assert np.abs(small - (180, 90, 40)).max() <= 2


def test_a_slice_of_a_patient_is_told_in_mm2() -> None:
    geometry = Geometry((50, 40, 1), (0.5, 0.5, 3.0), (1.0, 2.0, 3.0))
    assert size_words(400, geometry) == "100 mm²"
    assert size_words(4000, replace(geometry, spacing=(1.0, 1.0, 1.0), origin=(0, 0, 0))) == "4 000 px"
