"""Probabilities as a fractional SEG, read back by highdicom and pydicom."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from object_cases import LABELS, ORIENTATIONS, grid_of, points_of, save_source
from object_checks import assert_valid, read_segments_by_dcmqi
from pydicom import dcmread

from UNetSegmentLib.errors import InputError
from UNetSegmentLib.geometry import Geometry
from UNetSegmentLib.io.dicom_objects import Author, source_of, write_fractional
from UNetSegmentLib.volume import Segmentation, Volume

hd: Any = pytest.importorskip("highdicom")

AUTHOR = Author("levels", "1.2")
VALUES = (0, 1, 5)


def probabilities_on(grid: Geometry) -> Volume:
    """Background, liver and kidney; no liver in the first plane, and neither in the last."""
    random = np.random.default_rng(3).random((3, *grid.shape)).astype(np.float32)
    random[1, 0] = random[1:, -1] = 0
    return Volume(random / random.sum(axis=0), grid)


def read_back(path: Path, grid: Geometry) -> np.ndarray:
    """Probabilities (segments, z, y, x) on the grid, as highdicom gives them."""
    seg = hd.seg.segread(path)
    volume = seg.get_volume(rescale_fractional=True)
    found = np.zeros((volume.array.shape[-1], *grid.shape))
    places = np.argwhere(np.ones(volume.spatial_shape, bool))
    points = places @ volume.affine[:3, :3].T + volume.affine[:3, 3]
    i, j, k = np.round(grid.to_index(points)).astype(int).T
    found[:, k, j, i] = volume.array[tuple(places.T)].T
    return found


@pytest.mark.parametrize("name", ["axial", "sagittal", "oblique"])
@pytest.mark.parametrize("compression", ["rle", "jpegls", "none"])
def test_probabilities_come_back_to_a_510th(tmp_path: Path, name: str, compression: str) -> None:
    grid = grid_of(ORIENTATIONS[name])
    given = probabilities_on(grid)
    source = source_of(save_source(tmp_path / "ct", grid))
    path = write_fractional(given, VALUES, LABELS, source, tmp_path / "a.dcm", AUTHOR, compression)
    assert np.abs(read_back(path, grid) - given.voxels[1:]).max() <= 0.5 / 255 + 1e-6
    data = dcmread(path)
    assert (data.SegmentationType, data.SegmentationFractionalType) == ("FRACTIONAL", "PROBABILITY")
    assert (data.BitsAllocated, data.MaximumFractionalValue) == (8, 255)
    assert [item.SegmentLabel for item in data.SegmentSequence] == ["liver", "left kidney"]
    # Of the liver three planes are left, of the kidney four.
    assert data.NumberOfFrames == len(data.PerFrameFunctionalGroupsSequence) == 7


@pytest.mark.parametrize("name", ["axial, columns turned", "coronal"])
def test_dcmqi_finds_the_same_fractions_at_the_same_places(tmp_path: Path, name: str) -> None:
    grid = grid_of(ORIENTATIONS[name])
    given = probabilities_on(grid)
    source = source_of(save_source(tmp_path / "ct", grid))
    path = write_fractional(given, VALUES, LABELS, source, tmp_path / "a.dcm", AUTHOR)
    for channel, found in zip(given.voxels[1:], read_segments_by_dcmqi(path, tmp_path / "dcmqi"), strict=True):
        stored = np.rint(channel * 255).astype(np.uint16)
        assert points_of(found) == points_of(Segmentation(stored, grid))


def test_an_image_whose_axes_run_otherwise_is_turned(tmp_path: Path) -> None:
    grid = grid_of(ORIENTATIONS["axial"])
    source = source_of(save_source(tmp_path / "ct", grid))
    turned, axes = grid.reoriented("PIR")
    given = probabilities_on(grid)
    other = Volume(np.stack([axes.apply(channel) for channel in given.voxels]), turned)
    path = write_fractional(other, VALUES, LABELS, source, tmp_path / "a.dcm", AUTHOR)
    assert np.abs(read_back(path, grid) - given.voxels[1:]).max() <= 0.5 / 255 + 1e-6


def test_a_label_of_several_channels_has_the_greatest_of_them(tmp_path: Path) -> None:
    grid = grid_of(ORIENTATIONS["axial"])
    given = probabilities_on(grid)
    source = source_of(save_source(tmp_path / "ct", grid))
    path = write_fractional(given, (0, 5, 5), LABELS, source, tmp_path / "a.dcm", AUTHOR)
    assert np.abs(read_back(path, grid) - given.voxels[1:].max(axis=0)).max() <= 0.5 / 255 + 1e-6
    assert [item.SegmentLabel for item in dcmread(path).SegmentSequence] == ["left kidney"]


def test_a_label_that_is_nowhere_is_left_out_and_nothing_at_all_is_refused(tmp_path: Path) -> None:
    grid = grid_of(ORIENTATIONS["axial"])
    given = probabilities_on(grid)
    given.voxels[1] = 1 / 600
    source = source_of(save_source(tmp_path / "ct", grid))
    data = dcmread(write_fractional(given, VALUES, LABELS, source, tmp_path / "a.dcm", AUTHOR))
    assert [item.SegmentLabel for item in data.SegmentSequence] == ["left kidney"]
    given.voxels[2] = 0
    with pytest.raises(InputError, match="Nothing was found"):
        write_fractional(given, VALUES, LABELS, source, tmp_path / "b.dcm", AUTHOR)
    with pytest.raises(InputError, match="2 labels"):
        write_fractional(given, VALUES[1:], LABELS, source, tmp_path / "b.dcm", AUTHOR)
    assert not (tmp_path / "b.dcm").exists()


@pytest.mark.parametrize("enhanced", [False, True])
def test_dciodvfy_finds_no_error(tmp_path: Path, enhanced: bool) -> None:
    grid = grid_of(ORIENTATIONS["axial"])
    more = {"SOPInstanceUID": "1.2.826.0.1.5"} if enhanced else {}
    source = source_of(save_source(tmp_path / "ct", grid, enhanced, **more))
    assert_valid(write_fractional(probabilities_on(grid), VALUES, LABELS, source, tmp_path / "a.dcm", AUTHOR))
