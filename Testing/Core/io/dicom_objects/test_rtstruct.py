from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from object_cases import LABELS, ORIENTATIONS, grid_of, labels_on, save_source
from object_checks import assert_valid
from pydicom import Dataset, dcmread

from UNetSegmentLib.errors import GeometryError, InputError
from UNetSegmentLib.io.dicom_objects import Author, read_rtstruct, source_of, write_rtstruct
from UNetSegmentLib.io.dicom_objects.contours import contours_of, mask_of

AUTHOR = Author("levels", "1.2")


@settings(max_examples=150, deadline=None)
@given(arrays(bool, st.tuples(st.integers(1, 9), st.integers(1, 9))))
def test_any_mask_comes_back_from_its_curves(mask: np.ndarray) -> None:
    curves = contours_of(mask)
    assert np.array_equal(mask_of(curves, mask.shape), mask)
    area = sum(0.5 * float(np.sum(p[:, 0] * np.roll(p[:, 1], -1) - np.roll(p[:, 0], -1) * p[:, 1])) for p in curves)
    assert abs(area) == pytest.approx(mask.sum())  # holes run the other way round


def test_two_pixels_that_touch_at_a_corner_are_two_islands() -> None:
    assert len(contours_of(np.eye(2, dtype=bool))) == 2


@pytest.mark.parametrize("name", ORIENTATIONS)
@pytest.mark.parametrize("enhanced", [False, True])
def test_structures_come_back_where_they_were(tmp_path: Path, name: str, enhanced: bool) -> None:
    grid = grid_of(ORIENTATIONS[name])
    more = {"SOPInstanceUID": "1.2.826.0.1.5"} if enhanced else {}
    source = source_of(save_source(tmp_path / "ct", grid, enhanced, **more))
    truth = labels_on(grid)
    found = read_rtstruct(write_rtstruct(truth, source, tmp_path / "out.dcm", AUTHOR), source)
    assert np.array_equal(found.voxels, np.where(truth.voxels == 5, 2, truth.voxels))
    assert [(label.name, label.color) for label in found.labels] == [(label.name, label.color) for label in LABELS]


def test_curves_refer_to_the_picture_that_they_lie_in(tmp_path: Path) -> None:
    grid = grid_of(ORIENTATIONS["axial"])
    source = source_of(save_source(tmp_path / "ct", grid))
    data = dcmread(write_rtstruct(labels_on(grid), source, tmp_path / "out.dcm", AUTHOR))
    heights = {str(file.SOPInstanceUID): float(file.ImagePositionPatient[2]) for file in source.files}
    for structure in data.ROIContourSequence:
        for item in structure.ContourSequence:
            points = np.array(item.ContourData, float).reshape(-1, 3)
            assert np.allclose(points[:, 2], heights[item.ContourImageSequence[0].ReferencedSOPInstanceUID])
            assert len(points) == item.NumberOfContourPoints


def test_dciodvfy_finds_no_error(tmp_path: Path) -> None:
    grid = grid_of(ORIENTATIONS["coronal"])
    source = source_of(save_source(tmp_path / "ct", grid))
    assert_valid(write_rtstruct(labels_on(grid), source, tmp_path / "out.dcm", AUTHOR))


DAMAGES = {
    "a structure without a number": lambda data: delattr(data.StructureSetROISequence[0], "ROINumber"),
    "curves of no structure": lambda data: delattr(data.ROIContourSequence[0], "ReferencedROINumber"),
    "a curve without points": lambda data: delattr(data.ROIContourSequence[0].ContourSequence[0], "ContourData"),
    "half a point": lambda data: setattr(data.ROIContourSequence[0].ContourSequence[0], "ContourData", [1, 2, 3, 4]),
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_a_damaged_structure_set_is_refused_in_words(tmp_path: Path, damage: Callable[[Dataset], None]) -> None:
    grid = grid_of(ORIENTATIONS["axial"])
    source = source_of(save_source(tmp_path / "ct", grid))
    path = write_rtstruct(labels_on(grid), source, tmp_path / "out.dcm", AUTHOR)
    data = dcmread(path)
    damage(data)
    data.save_as(path)
    with pytest.raises(InputError, match="damaged") as caught:
        read_rtstruct(path, source)
    assert caught.value.cure


def test_curves_of_another_series_are_refused(tmp_path: Path) -> None:
    grid = grid_of(ORIENTATIONS["axial"])
    source = source_of(save_source(tmp_path / "ct", grid))
    path = write_rtstruct(labels_on(grid), source, tmp_path / "out.dcm", AUTHOR)
    elsewhere = {"FrameOfReferenceUID": "1.2.826.0.1.99", "SeriesInstanceUID": "1.2.826.0.1.98"}
    other = source_of(save_source(tmp_path / "other", grid, **elsewhere))
    with pytest.raises(InputError, match="frame of reference"):
        read_rtstruct(path, other)
    sagittal = source_of(save_source(tmp_path / "sagittal", grid_of(ORIENTATIONS["sagittal"])))
    with pytest.raises(GeometryError, match="slice"):
        read_rtstruct(path, sagittal)
    with pytest.raises(InputError, match="no structure set"):
        read_rtstruct(tmp_path / "ct" / "IM001", source)
