"""A SEG on the grid of its image: parts of it, sparse frames, other grids, other spaces."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from object_cases import ORIENTATIONS, grid_of
from pydicom import dcmread
from seg_files import SPACE, ct, item, plain_seg, segment

from UNetSegmentLib.errors import GeometryError, InputError
from UNetSegmentLib.geometry import Box, Geometry
from UNetSegmentLib.io import guarded, read_volume
from UNetSegmentLib.io.dicom_objects import read_seg
from UNetSegmentLib.io.dicom_objects.reading.image_grid import ImageGrid, grid_of_series

AXES = np.eye(3)
GRID = Geometry((12, 10, 16), (0.75, 1.25, 2.5), (-4.0, 7.0, 30.0), tuple(AXES.ravel()))


class Image(ImageGrid):
    """An image without a file that states a space."""

    reference = SPACE  # type: ignore[assignment]
    uid = "1.2.3.4"  # type: ignore[assignment]


@pytest.mark.parametrize("name", ORIENTATIONS)
def test_frames_of_some_slices_lie_in_them(tmp_path: Path, name: str) -> None:
    """At uneven distances, and without a word on how far slices lie apart."""
    grid, folder = ct(tmp_path / "ct", ORIENTATIONS[name])
    planes = [0, 3, 4]
    places = grid.to_physical(np.array([(0, 0, k) for k in planes]))
    masks = np.random.default_rng(1).random((3, *grid.shape[1:])) < 0.5
    orientation = ORIENTATIONS[name]
    order = [2, 0, 1]
    path = plain_seg(
        tmp_path / "s.dcm",
        masks[order],
        places[order],
        [1, 1, 1],
        orientation=orientation,
        between=None,
    )
    found = read_seg(path, grid_of_series(folder))
    wanted = np.zeros(grid.shape, bool)
    wanted[planes] = masks
    assert np.array_equal(found.voxels > 0, wanted) and not found.notes


@settings(max_examples=60, deadline=None)
@given(
    planes=st.sets(st.integers(0, GRID.size[2] - 1), min_size=1),
    codes=st.sampled_from(["LPS", "RAS", "PIR", "SAL", "AIR", "LAS"]),
    seed=st.integers(0, 999),
)
def test_whichever_way_the_image_runs(
    tmp_path_factory: pytest.TempPathFactory, planes: set[int], codes: str, seed: int
) -> None:
    """Images of other formats have their axes in other orders."""
    chosen = np.random.default_rng(seed).permutation(sorted(planes))
    masks = np.random.default_rng(seed).random((len(chosen), *GRID.shape[1:])) < 0.4
    masks[:, 0, 0] = True
    places = GRID.to_physical(np.array([(0, 0, k) for k in chosen]))
    path = tmp_path_factory.getbasetemp() / "turned.dcm"
    plain_seg(path, masks, places, [1] * len(chosen), between=None)
    turned, axes = GRID.reoriented(codes)
    wanted = np.zeros(GRID.shape, bool)
    wanted[chosen] = masks
    found = read_seg(path, ImageGrid(turned))
    assert np.array_equal(found.voxels > 0, axes.apply(wanted))


def test_a_part_of_the_image(tmp_path: Path) -> None:
    masks = np.ones((2, 3, 4), bool)
    places = GRID.to_physical(np.array([(5, 6, 9), (5, 6, 10)]))
    path = plain_seg(tmp_path / "s.dcm", masks, places, [1, 1])
    found = read_seg(path, ImageGrid(GRID))
    wanted = np.zeros(GRID.shape, bool)
    wanted[9:11, 6:9, 5:9] = True
    assert np.array_equal(found.voxels > 0, wanted)
    assert read_seg(path).geometry.shape == (2, 3, 4)
    cut = GRID.cropped(Box((0, 0, 0), (*GRID.shape[:2], 8)))
    with pytest.raises(GeometryError, match="outside the image"):
        read_seg(path, ImageGrid(cut))


def test_without_its_image_uneven_frames_are_refused_and_even_ones_keep_their_gaps(tmp_path: Path) -> None:
    masks = np.ones((3, 3, 4), bool)
    uneven = plain_seg(tmp_path / "u.dcm", masks, [(0, 0, 0), (0, 0, 3), (0, 0, 7.3)], [1] * 3, between=None)
    with pytest.raises(GeometryError, match=r"uneven distances \(3 to 4.3 mm\)") as caught:
        read_seg(uneven)
    assert "image" in caught.value.cure
    gaps = plain_seg(tmp_path / "g.dcm", masks, [(0, 0, 0), (0, 0, 5), (0, 0, 7.5)], [1] * 3, between=2.5)
    assert read_seg(gaps).voxels.any(axis=(1, 2)).tolist() == [True, False, True, True]


def test_another_grid_of_the_same_space_is_resampled_and_said(tmp_path: Path) -> None:
    """A ball, drawn more finely and turned: where it lies is analytic."""
    radius, centre = 4.0, GRID.to_physical(np.array([(5.5, 4.5, 7.5)]))[0]
    turn = np.array([[np.cos(0.5), -np.sin(0.5), 0], [np.sin(0.5), np.cos(0.5), 0], [0, 0, 1]])
    fine = Geometry((40, 40, 40), (0.4, 0.4, 0.4), tuple(centre - turn @ np.full(3, 7.8)), tuple(turn.ravel()))
    points = fine.to_physical(np.argwhere(np.ones(fine.shape))[:, ::-1]).reshape(*fine.shape, 3)
    ball = np.linalg.norm(points - centre, axis=-1) <= radius
    places = fine.to_physical(np.array([(0, 0, k) for k in range(40)]))
    path = plain_seg(
        tmp_path / "s.dcm",
        ball,
        places,
        [1] * 40,
        orientation=turn.T[:2].ravel(),
        spacing=(0.4, 0.4),
        between=0.4,
    )
    found = read_seg(path, Image(GRID))
    everywhere = GRID.to_physical(np.argwhere(np.ones(GRID.shape))[:, ::-1])
    distances = np.linalg.norm(everywhere - centre, axis=1).reshape(GRID.shape)
    diagonal = 0.4 * 3**0.5 / 2  # of half a fine voxel, in which the nearest centre lies
    assert found.voxels[distances <= radius - diagonal].all()
    assert not found.voxels[distances > radius + diagonal].any()
    assert "another grid of the same space" in found.notes[-1]
    with pytest.raises(GeometryError, match="grid"):
        read_seg(path, ImageGrid(GRID))  # nothing says that the image lies in the same space
    far = Image(replace(GRID, origin=(500.0, 0.0, 0.0)))
    with pytest.raises(GeometryError, match="outside the image"):
        read_seg(path, far)


def test_another_space_is_refused_unless_it_names_the_series(tmp_path: Path) -> None:
    grid, folder = ct(tmp_path / "ct", SeriesInstanceUID="1.2.3.5", FrameOfReferenceUID="1.2.9")
    masks = np.ones((1, *grid.shape[1:]), bool)
    path = plain_seg(tmp_path / "s.dcm", masks, [grid.origin], [1])
    image = grid_of_series(folder)
    with pytest.raises(InputError, match="another frame of reference") as caught:
        read_seg(path, image)
    assert "registration" in caught.value.cure
    about = [item(SeriesInstanceUID="1.2.3.5", ReferencedInstanceSequence=[])]
    path = plain_seg(tmp_path / "s.dcm", masks, [grid.origin], [1], ReferencedSeriesSequence=about)
    assert read_seg(path, image).voxels[0].all()
    nothing = plain_seg(tmp_path / "n.dcm", masks, [grid.origin], [1], FrameOfReferenceUID=None)
    assert read_seg(nothing, image).voxels[0].all()


def test_frames_that_make_no_grid(tmp_path: Path) -> None:
    masks = np.ones((2, 3, 4), bool)
    tilted = plain_seg(tmp_path / "t.dcm", masks, [(0, 0, 0), (0, 1, 2.5)], [1, 1])
    with pytest.raises(GeometryError, match="tilted gantry"):
        read_seg(tilted)
    skew = plain_seg(tmp_path / "k.dcm", masks, [(0, 0, 0), (0, 0, 2.5)], [1, 1], orientation=(1, 0, 0, 0.5, 0.8, 0))
    with pytest.raises(GeometryError, match="no right angle"):
        read_seg(skew)


def test_a_picture_without_a_place(tmp_path: Path) -> None:
    masks = np.zeros((2, 3, 4), bool)
    masks[0, :, :2], masks[1, :, 2:] = True, True
    path = plain_seg(tmp_path / "s.dcm", masks, [(0, 0, 0)] * 2, [1, 2], segments=(segment(1), segment(2)))
    data = dcmread(path)
    for group in data.PerFrameFunctionalGroupsSequence:
        del group.PlanePositionSequence
    data.save_as(path)
    found = read_seg(path)
    assert found.voxels.tolist() == [[[1, 1, 2, 2]] * 3]
    assert "no place" in found.notes[0]
    data.PerFrameFunctionalGroupsSequence[1].SegmentIdentificationSequence[0].ReferencedSegmentNumber = 1
    data.save_as(path)
    with pytest.raises(InputError, match="does not say where"):
        read_seg(path)


def test_the_grid_of_a_series_is_that_of_its_voxels(tmp_path: Path) -> None:
    _, folder = ct(tmp_path / "ct", ORIENTATIONS["oblique"])
    place = grid_of_series(folder)
    assert place.geometry == read_volume(folder).geometry and place.geometry.is_close(grid_of(ORIENTATIONS["oblique"]))
    assert (place.reference, place.uid) == (SPACE, "1.2.3")
    assert [read(folder).modality for read in (read_volume, guarded.read_volume)] == ["CT", "CT"]
