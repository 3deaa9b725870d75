"""The small picture of a case: the same however the image lies, slices that show the segments, and quickly made."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest

from UNetSegmentLib.errors import GeometryError
from UNetSegmentLib.geometry import Box, Geometry
from UNetSegmentLib.labels import Label
from UNetSegmentLib.reporting.pictures.thumbnail import write_thumbnail
from UNetSegmentLib.volume import Segmentation, Volume

Image = pytest.importorskip("PIL.Image")

RED, GREEN = (230, 60, 60), (60, 220, 90)
LABELS = (Label(1, "cone", RED), Label(2, "dot", GREEN))
GRID = Geometry((30, 26, 22), (1.0, 1.2, 2.0), (-15.0, -10.0, -20.0))


def case(geometry: Geometry = GRID) -> tuple[Volume, Segmentation]:
    """A cone with its tip at the head's end, in noise."""
    z, y, x = np.indices(geometry.shape)
    cone = np.hypot(y - 12, x - 11) < (20 - z) / 2.5
    voxels = np.random.default_rng(0).normal(0, 1, geometry.shape).astype(np.float32) + 5 * cone
    return Volume(voxels[None], geometry, "image"), Segmentation(cone.astype(np.uint8), geometry, LABELS)


def drawn(volume: Volume, segmentation: Segmentation, folder: Path, region: Box | None = None) -> np.ndarray:
    path = write_thumbnail(volume, segmentation, folder / "small.png", region)
    with Image.open(path) as picture:
        return np.asarray(picture.convert("RGB")).astype(int)


def reddish(picture: np.ndarray) -> np.ndarray:
    return (picture[..., 0] > 150) & (picture[..., 1] < 110) & (picture[..., 2] < 110)


def test_the_picture_is_the_same_however_the_image_lies(tmp_path: Path) -> None:
    volume, segmentation = case()
    expected = drawn(volume, segmentation, tmp_path)
    codes = ["".join(p) for p in itertools.permutations("LPS")] + ["RAI", "SRA", "PIL", "AIR"]
    for code in codes:
        geometry, axes = volume.geometry.reoriented(code)
        turned = Volume(np.ascontiguousarray(axes.apply(volume.voxels)), geometry, "image")
        labels = Segmentation(np.ascontiguousarray(axes.apply(segmentation.voxels)), geometry, LABELS)
        assert np.abs(drawn(turned, labels, tmp_path) - expected).mean() < 1.0, code


def test_up_is_up_in_coronal_and_sagittal_planes(tmp_path: Path) -> None:
    picture = drawn(*case(), tmp_path)
    for panel in (picture[:370, 380:740], picture[:370, 750:1100]):
        rows = np.flatnonzero(reddish(panel).any(axis=1))
        widths = [np.ptp(np.flatnonzero(reddish(panel)[row])) for row in (rows[len(rows) // 6], rows[-len(rows) // 6])]
        assert widths[0] < 0.7 * widths[1], "the tip is above"


def test_a_small_segment_is_met_by_its_slices(tmp_path: Path) -> None:
    volume, segmentation = case()
    segmentation.voxels[:] = 0
    segmentation.voxels[4, 20, 25] = 2
    picture = drawn(volume, segmentation, tmp_path)
    green = (picture[..., 1] > 150) & (picture[..., 0] < 120)
    assert all(green[:370, start : start + 360].any() for start in (8, 376, 744))


def test_an_empty_one_says_so_and_a_region_is_shown(tmp_path: Path) -> None:
    volume, segmentation = case()
    segmentation.voxels[:] = 0
    assert not reddish(drawn(volume, segmentation, tmp_path)).any()
    drawn(volume, segmentation, tmp_path, Box((0, 0, 0), (5, 5, 5)))
    drawn(volume, segmentation, tmp_path, Box((90, 0, 0), (95, 5, 5)))


def test_a_photograph_is_shown_whole_with_a_film_and_without(tmp_path: Path) -> None:
    geometry = Geometry((60, 40, 1))
    voxels = np.full((3, 1, 40, 60), 120, np.uint8)
    labels = np.zeros((1, 40, 60), np.uint8)
    labels[0, :, 28:31] = 1
    picture = drawn(Volume(voxels, geometry), Segmentation(labels, geometry, LABELS), tmp_path)
    left, right = picture[8:408, 8:608], picture[8:408, 616:1216]
    assert abs(float((left[..., 0] > left[..., 1] + 20).mean()) - 0.05) < 0.02
    assert not (right[..., 0] > right[..., 1] + 20).any()


def test_many_labels_and_hostile_names_do_no_harm(tmp_path: Path) -> None:
    geometry = Geometry((64, 8, 8))
    voxels = np.broadcast_to(np.arange(64, dtype=np.uint8), (8, 8, 64)).copy()
    labels = tuple(Label(n, f"\x1b[31m{n}" * 40, (n, 255 - n, 90)) for n in range(1, 64))
    write_thumbnail(Volume(voxels[None], geometry), Segmentation(voxels, geometry, labels), tmp_path / "many.png")


def test_other_grids_are_refused(tmp_path: Path) -> None:
    volume, _ = case()
    other = Geometry((30, 26, 22), (2.0, 1.2, 2.0))
    with pytest.raises(GeometryError):
        write_thumbnail(volume, Segmentation(np.zeros(other.shape, np.uint8), other, LABELS), tmp_path / "x.png")
    assert not list(tmp_path.iterdir())
